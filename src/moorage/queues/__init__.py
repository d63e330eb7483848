"""Queues in front of the scheduler: what Kueue's objects tell of quotas, of who waits there, where and why."""

"""What the cluster answers to an ask: a verdict as JSON, its reasons, what holds the room, and who else waits."""

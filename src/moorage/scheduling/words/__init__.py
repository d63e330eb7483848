"""Amounts and the scheduler's reasons in plain words."""

"""What one service keeps while it runs."""

"""Could this choice be had now: what a page asks while somebody chooses, and what it is told."""

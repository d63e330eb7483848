"""What counts on a node: what its pods ask for together, and what it can give."""

"""A server that runs: what it has, and how it becomes larger or smaller without a restart."""

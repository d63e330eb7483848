"""The image catalogue: what a notebook can be started from, by configuration and from a registry."""

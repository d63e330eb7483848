"""Claims of volumes: those made just before the pod, what may be bound to each, and from where it can be reached."""

"""From Start to ready: the pod of a choice, whether it may be made, what Kubernetes says of it, and how it ends."""

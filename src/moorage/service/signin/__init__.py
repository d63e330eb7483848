"""Who asks, and what they may: tokens of a file, JupyterHub's log-in, Kubernetes' own tokens, or this machine alone."""

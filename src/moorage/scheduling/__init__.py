"""What kube-scheduler would answer: pure functions and values, no I/O."""

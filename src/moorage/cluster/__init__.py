"""What the cluster is now: the store that the feeds write, the ledger by node, the snapshots that everyone reads."""

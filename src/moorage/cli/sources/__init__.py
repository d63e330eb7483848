"""Where the answers come from: a service, a cluster, or a dump."""

"""The cluster as the hub knows it: what the service says, checked field by field, and handed on to open pages."""

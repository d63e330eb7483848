"""The paths of the service: one module for each resource."""

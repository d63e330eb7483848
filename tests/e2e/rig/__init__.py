"""What the tests on a real cluster stand on: programs, the API, a control plane, a node, faults in between."""

"""`moorage doctor` in a hub's pod, whose image has neither click nor msgspec: what the hub itself sees and may do.

It reads what the hub has (packages, environment, the chart's values) and asks who the hub asks: the service with the
hub's token, and the API server as KubeSpawner does. `seen` does that, `checks` turns it into findings.
"""

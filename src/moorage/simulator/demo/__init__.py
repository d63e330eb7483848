"""Clusters to look at: the scenario, dumps, traffic, and the whole demo."""

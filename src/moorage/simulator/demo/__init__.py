"""Clusters to look at: the scenario, a dump, traffic, and the whole demo."""

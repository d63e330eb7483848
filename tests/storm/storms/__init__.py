"""A service in bad weather: the wire, the weather, the truth."""

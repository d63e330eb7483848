"""The server: from an HTTP request to what it does to the objects, and its answer."""

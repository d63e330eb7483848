"""Follow one kind of object: listed page by page, watched from there, and how well that goes."""

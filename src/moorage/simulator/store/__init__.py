"""The objects as they are stored, their kinds, and the refusals that every room above may give."""

"""What can't be decided here."""

from moorage.errors import MoorageError


class Doubt(MoorageError):
    """Only the cluster's own scheduler can tell; the message says why."""

"""Names of models that several kinds of them share."""

__all__ = ["OPEN"]

OPEN = "open"
"""What may be used for anything: no weights, or such of permissive licences."""

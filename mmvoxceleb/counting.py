"""Numbers with their nouns, as messages say them."""

__all__ = ["counted"]


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: ``1 clip``, ``2,000 clips``.

    Args:
        number: The number.
        noun: The noun.
        plural: Its plural, unless that is the noun with an s.
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"

"""Quote what data say in messages: on one line, and no longer than a line."""

import re

__all__ = ["first_line", "quoted", "shortened"]

_ADDRESS = re.compile(r" ?<[\w.]+ object at 0x[0-9a-fA-F]+>")


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or its class where it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def quoted(value: object, most: int = 80) -> str:
    """Return a value as Python shows it, with escapes for what cannot be seen; of a long one the beginning."""
    if isinstance(value, (str, bytes)):
        value = value[: most + 1]  # what is cut off need not be escaped
    return shortened(repr(value), most)


def shortened(text: object, most: int = 300) -> str:
    """Return a text, such as that of another library's error, on one line; of a long one the beginning.

    Where it names one of our objects by its address in memory, as Pillow does, the name is left out.
    """
    line = " ".join(_ADDRESS.sub("", str(text)[: 2 * most])[: most + 1].split())
    return line if len(line) <= most else f"{line[: most - 3]}..."

"""Numbers of bytes as people write them: ``64MB``, ``8G``, in powers of 1024."""

import re

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.files.quoting import quoted

__all__ = ["format_size", "parse_size"]

_UNITS = " KMGT"


def parse_size(text: str, *, option: str) -> int:
    """Read a size such as ``64MB`` or a number of bytes.

    Args:
        text: What was written.
        option: Where, for the message: ``--memory``.

    Raises:
        ConfigError: It is not a size.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kKMGT]?)i?[bB]?", text.strip())
    if match is None:
        raise ConfigError(f"{option} {quoted(text)}: expected a size such as 64MB or 8G")
    return int(float(match[1]) * 1024 ** _UNITS.index(match[2].upper() or " "))


def format_size(num_bytes: int) -> str:
    """Write a number of bytes for people: ``805 MiB``, ``1.5 GiB``."""
    size, unit = float(num_bytes), 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    digits = 1 if unit and size < 100 else 0
    return f"{size:.{digits}f} {_UNITS[unit].strip()}{'iB' if unit else 'B'}"

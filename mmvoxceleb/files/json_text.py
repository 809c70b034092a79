"""JSON that somebody else wrote: either values that everything later can use, or one error that names the file."""

import json
import math
from typing import Any

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.files.quoting import quoted

__all__ = ["MOST_LEVELS", "parse_json", "parse_json_object"]

MOST_LEVELS = 64
"""How deep lists and objects may lie in each other; our own files have 6. Python's parser gives up near 1,000."""

_INTEGER_RANGE = range(-(2**63), 2**63)


def parse_json(data: bytes | str, where: str, advice: str, *, finite: bool = True) -> Any:
    """Parse JSON strictly: UTF-8, finite numbers, no key twice in an object, nothing that cannot be written again.

    Python's own parser lets through what fails only later: NaN, 1e999, integers of a thousand digits, halves of
    surrogate pairs (which no file can hold) and repeated keys, of which it keeps the last. On nesting it raises
    RecursionError.

    Args:
        data: The text; a byte order mark is allowed.
        where: The file, which begins the message.
        advice: What to do about it, for the message.
        finite: Whether NaN and infinity are errors here. Else they become floats, for the caller to refuse one by one.

    Returns:
        dict, list, str, int (64 bits), finite float, bool or None.

    Raises:
        CorruptSourceError: It is anything else.
    """
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
        content = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_float if finite else float,
            parse_constant=_constant if finite else float,
        )
        may_be_deep = text.count("[") + text.count("{") > MOST_LEVELS
        if may_be_deep or "\\u" in text or isinstance(data, str):
            _check(content)
    except UnicodeDecodeError as error:
        raise CorruptSourceError(f"{where}: is not UTF-8 ({error.reason} at byte {error.start}); {advice}") from None
    except RecursionError:
        raise CorruptSourceError(f"{where}: is not JSON (nested too deep); {advice}") from None
    except ValueError as error:
        raise CorruptSourceError(f"{where}: is not JSON ({error}); {advice}") from None
    return content


def parse_json_object(data: bytes | str, where: str, advice: str, *, finite: bool = True) -> dict[str, Any]:
    """Parse JSON that must be an object; see :func:`parse_json`.

    Raises:
        CorruptSourceError: It is not JSON, or something other than an object.
    """
    content = parse_json(data, where, advice, finite=finite)
    if not isinstance(content, dict):
        raise CorruptSourceError(f"{where}: is not a JSON object; {advice}")
    return content


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object has the key {quoted(twice)} twice")
    return content


def _integer(digits: str) -> int:
    number = int(digits) if len(digits) <= 20 else None
    if number is None or number not in _INTEGER_RANGE:
        raise ValueError(f"the number {digits[:20]}... does not fit 64 bits")
    return number


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"the number {digits[:20]} is too large")
    return number


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _check(content: Any) -> None:
    """Find texts that cannot be encoded, and nesting, without recursion."""
    level = [content]
    for _ in range(MOST_LEVELS + 1):
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below += value.keys()
                below += value.values()
            elif isinstance(value, list):
                below += value
            elif isinstance(value, str) and not value.isascii():
                try:
                    value.encode()
                except UnicodeEncodeError:
                    raise ValueError(f"half of a surrogate pair in {quoted(value)}") from None
        if not below:
            return
        level = below
    raise ValueError(f"nested over {MOST_LEVELS} levels deep")

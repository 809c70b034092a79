"""Damage to lines and fields of texts."""

import re
from random import Random

from tests.fuzz.mutations.raw import damage_bytes

STRANGE = (
    "",
    " ",
    "-1",
    "nan",
    "inf",
    "-inf",
    "1e300",
    "9" * 5000,
    "0x10",
    "1_000",
    "\u0663",
    "\uff11",
    "2147483648",
    "True",
    "../victim",
    "/etc/passwd",
    "\0",
    "\ufeff",
    "\u2028",
    "x" * 70_000,
    '"',
    "'",
    "=1+1",
    "id10001",
    "ID10001",
    "\U0001f600",
)
_RAW = (b"\xff\xfe", b"\xc3\x28", b"\xed\xa0\x80", b"\0", b"\r", b"\x1a", b"\xe9")


def damage_text(rng: Random, data: bytes) -> tuple[bytes, str]:
    """Change lines, fields or the encoding, and say how."""
    return rng.choice((_line, _field, _field, _field, _encoding, _many, damage_bytes))(rng, data)


def _line(rng: Random, data: bytes) -> tuple[bytes, str]:
    lines = data.splitlines(keepends=True) or [b""]
    at = rng.randrange(len(lines))
    how = rng.choice(("repeated", "left out", "emptied", "torn", "moved"))
    if how == "repeated":
        lines.insert(at, lines[at])
    elif how == "emptied":
        lines[at] = b"\n"
    elif how == "torn":
        lines[at] = lines[at][: rng.randrange(len(lines[at]) + 1)]
    else:
        line = lines.pop(at)
        if how == "moved":
            lines.insert(rng.randrange(len(lines) + 1), line)
    return b"".join(lines), f"line {at + 1} {how}"


def _field(rng: Random, data: bytes) -> tuple[bytes, str]:
    fields = list(re.finditer(rb"[^\s,:;\"\[\]{}]+", data))
    if not fields:
        return rng.choice(STRANGE).encode(), "a strange word alone"
    field, word = rng.choice(fields), rng.choice(STRANGE)
    shown = word if len(word) < 20 else f"{word[:3]}... ({len(word)})"
    return data[: field.start()] + word.encode() + data[field.end() :], f"{shown!r} for {field[0][:40]!r}"


def _encoding(rng: Random, data: bytes) -> tuple[bytes, str]:
    how = rng.choice(("utf-16", "utf-8-sig", "crlf", "cr", "raw"))
    if how == "raw":
        at, raw = rng.randrange(len(data) + 1), rng.choice(_RAW)
        return data[:at] + raw + data[at:], f"bytes {raw.hex()} at {at}"
    if how in ("crlf", "cr"):
        return data.replace(b"\n", b"\r\n" if how == "crlf" else b"\r"), f"line ends {how}"
    return data.decode("utf-8", "replace").encode(how), f"written as {how}"


def _many(rng: Random, data: bytes) -> tuple[bytes, str]:
    lines = data.splitlines(keepends=True) or [b"x\n"]
    line = rng.choice(lines)
    if rng.random() < 0.5:
        return data + line * (1 + 5_000_000 // (len(line) + 1)), "a line 5 MB of times"
    return data + line.rstrip(b"\r\n") * (1 + 20_000_000 // (len(line) + 1)), "a line of 20 MB"

"""Damage to JPEG files, marker by marker."""

import struct
from random import Random

from tests.fuzz.mutations.raw import damage_bytes

_EXIF = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"


def segments_of(data: bytes) -> list[tuple[int, bytes]]:
    """Split a baseline JPEG into (marker, content); what follows the start of scan is one content."""
    found, at = [], 2
    while data[at + 1] != 0xDA:
        (size,) = struct.unpack_from(">H", data, at + 2)
        found.append((data[at + 1], data[at + 4 : at + 2 + size]))
        at += size + 2
    return [*found, (0xDA, data[at + 4 :])]


def join_segments(segments: list[tuple[int, bytes]], scan_size: bytes) -> bytes:
    """Write segments with right lengths; ``scan_size`` are the two bytes behind the start of scan."""
    parts = [b"\xff\xd8"]
    for marker, body in segments:
        size = scan_size if marker == 0xDA else struct.pack(">H", min(len(body) + 2, 0xFFFF))
        parts += [bytes((0xFF, marker)), size, body]
    return b"".join(parts)


def damage_jpeg(rng: Random, data: bytes) -> tuple[bytes, str]:
    """Change a JPEG, and say how."""
    if rng.random() < 0.4:
        return damage_bytes(rng, data)
    scan = data.index(b"\xff\xda")
    segments = segments_of(data)
    how = rng.choice(("size", "size", "turned", "segment", "order", "scan", "precision"))
    at = next(place for place, (marker, _) in enumerate(segments) if marker in (0xC0, 0xC1, 0xC2))
    marker, body = segments[at]
    if how == "size":
        sides = [rng.choice((0, 1, 8, 8193, 65_535)), rng.choice((1, 40, 8192, 65_535))]
        rng.shuffle(sides)
        segments[at] = (marker, body[:1] + struct.pack(">2H", *sides) + body[5:])
        how = f"size {sides}"
    elif how == "precision":
        segments[at] = (rng.choice((0xC0, 0xC2, 0xC3, 0xC9)), bytes([rng.choice((1, 8, 12, 16))]) + body[1:])
    elif how == "turned":
        turn = rng.randint(0, 9)
        segments.insert(0, (0xE1, _EXIF + bytes([turn]) + bytes(7)))
        how = f"EXIF orientation {turn}"
    elif how == "segment":
        place = rng.randrange(len(segments))
        segments[place] = (segments[place][0], damage_bytes(rng, segments[place][1])[0])
        how = f"segment {segments[place][0]:x} damaged"
    elif how == "order":
        place = rng.randrange(len(segments))
        segments.insert(rng.randrange(len(segments)), segments.pop(place))
    else:
        segments[-1] = (0xDA, segments[-1][1][: rng.randrange(len(segments[-1][1]))] + b"\xff\xd9")
        how = "scan cut, with its end"
    return join_segments(segments, data[scan + 2 : scan + 4]), how

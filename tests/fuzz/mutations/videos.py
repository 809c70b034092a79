"""Damage to MP4 files, box by box, and texts that FFmpeg would take for videos."""

import struct
from collections.abc import Iterator
from random import Random

from tests.fuzz.mutations.raw import damage_bytes

_HOLDERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf")
_SDP = """v=0
o=- 0 0 IN IP4 127.0.0.1
s=x
c=IN IP4 127.0.0.1
t=0 0
m=video 49170 RTP/AVP 96
a=rtpmap:96 H264/90000
"""
DECOY = "decoy.mp4"
"""The file beside the video that the texts below would have opened."""


def boxes_of(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int, bytes]]:
    """List (start, end, type) of all boxes."""
    end = len(data) if end is None else end
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        if size < 8:
            return
        yield start, start + size, kind
        if kind in _HOLDERS:
            yield from boxes_of(data, start + 8, start + size)
        start += size


def damage_mp4(rng: Random, data: bytes) -> tuple[bytes, str]:
    """Change an MP4, and say how."""
    return rng.choice((_size, _fields, _fields, _fields, _boxes, _reference, _text, damage_bytes, damage_bytes))(
        rng, data
    )


def _size(rng: Random, data: bytes) -> tuple[bytes, str]:
    start, end, kind = rng.choice(list(boxes_of(data)))
    size = rng.choice((0, 1, 7, 8, end - start + 1, end - start - 1, 2**31, 2**32 - 1))
    return data[:start] + struct.pack(">I", size) + data[start + 4 :], f"size of {kind.decode('latin-1')} {size}"


def _fields(rng: Random, data: bytes) -> tuple[bytes, str]:
    """Change a 32-bit number of a box that holds numbers."""
    places = [box for box in boxes_of(data) if box[2] not in (*_HOLDERS, b"mdat", b"ftyp") and box[1] - box[0] >= 12]
    start, end, kind = rng.choice(places)
    at = start + 8 + 4 * rng.randrange((end - start - 8) // 4)
    old = struct.unpack_from(">I", data, at)[0]
    value = rng.choice((0, 1, old + 1, max(0, old - 1), 2**16, 2**31 - 1, 2**32 - 1)) % 2**32
    return data[:at] + struct.pack(">I", value) + data[
        at + 4 :
    ], f"{kind.decode('latin-1')}: {old} made {value} at {at}"


def _boxes(rng: Random, data: bytes) -> tuple[bytes, str]:
    start, end, kind = rng.choice(list(boxes_of(data)))
    how = rng.choice(("left out", "twice", "renamed"))
    if how == "renamed":
        return data[: start + 4] + rng.choice((b"free", b"mdat", b"cmov", b"\0\0\0\0")) + data[
            start + 8 :
        ], f"{kind!r} renamed"
    return data[:start] + data[start:end] * (2 if how == "twice" else 0) + data[end:], f"{kind!r} {how}"


def _reference(rng: Random, data: bytes) -> tuple[bytes, str]:
    """Say that the pictures are in another file: a QuickTime alias of the decoy beside this one."""
    at = data.index(b"url ")
    name = DECOY.encode()
    path = struct.pack(">HH", 2, len(name)) + name + b"\0" * (len(name) % 2)
    alias = struct.pack(">IHH", 0, 150 + len(path), 2) + bytes(18) + bytes((2,)) + b"v" * 27 + bytes(8)
    alias += bytes((len(name),)) + name.ljust(63, b"\0") + bytes(28) + path + struct.pack(">HH", 0xFFFF, 0)
    box = struct.pack(">I4sI", 12 + len(alias), b"alis", 0) + alias
    grown = len(box) - 12
    changed = bytearray(data[: at - 4] + box + data[at + 8 :])
    for start, end, kind in boxes_of(data):
        if kind in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref") and start < at < end:
            struct.pack_into(">I", changed, start, end - start + grown)
    return bytes(changed), "an external data reference"


def _text(rng: Random, data: bytes) -> tuple[bytes, str]:
    text, what = rng.choice(
        (
            (f"ffconcat version 1.0\nfile {DECOY}\n", "an ffconcat list"),
            (f"ffconcat version 1.0\nfile '../{DECOY}'\n", "an ffconcat list of a file above"),
            (f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{DECOY}\n#EXT-X-ENDLIST\n", "an HLS list"),
            (
                _SDP,
                "an SDP text",
            ),
            (f"<MPD><Period><BaseURL>{DECOY}</BaseURL></Period></MPD>", "a DASH list"),
            ("#!/bin/sh\ntouch executed\n", "a script"),
            ("DKIF", "the start of an IVF"),
            ("\x1b[31mANSI art\x1b[0m" * 1000, "ANSI art"),
            ("1\n00:00:00,000 --> 00:00:01,000\nHello\n", "subtitles"),
            (f"file {DECOY}\n" * 10, "a list of files"),
        )
    )
    return text.encode("latin-1"), what

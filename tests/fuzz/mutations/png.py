"""Damage to PNG files, chunk by chunk, with checksums put right."""

import struct
import zlib
from random import Random

from tests.fuzz.mutations.raw import damage_bytes

_START = b"\x89PNG\r\n\x1a\n"
_EXIF_ROTATED = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
_ANCILLARY = (
    b"tEXt",
    b"gAMA",
    b"tRNS",
    b"iCCP",
    b"eXIf",
    b"acTL",
    b"fcTL",
    b"zTXt",
    b"PLTE",
    b"IHDR",
    b"abcD",
    b"Abcd",
)

Chunk = tuple[bytes, bytes]


def chunks_of(data: bytes) -> list[Chunk]:
    """Split a whole PNG into (type, content)."""
    found, at = [], len(_START)
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += size + 12
    return found


def join_chunks(chunks: list[Chunk]) -> bytes:
    """Write chunks with right lengths and checksums."""
    parts = [_START]
    for kind, body in chunks:
        parts += [struct.pack(">I", len(body)), kind, body, struct.pack(">I", zlib.crc32(kind + body))]
    return b"".join(parts)


def damage_png(rng: Random, data: bytes) -> tuple[bytes, str]:
    """Change a PNG, and say how."""
    way = rng.choice((_header, _header, _chunks, _pixels, _pixels, _palette, _added, None, None))
    if way is None:
        return damage_bytes(rng, data)
    chunks, what = way(rng, chunks_of(data))
    return join_chunks(chunks), what


def _header(rng: Random, chunks: list[Chunk]) -> tuple[list[Chunk], str]:
    fields = list(struct.unpack(">2I5B", chunks[0][1]))
    at = rng.randrange(7)
    sides = (0, 1, fields[at] + 1, fields[at] - 1, 8193, 65_535, 2**31 - 1, 2**31, 2**32 - 1)
    fields[at] = rng.choice(sides) if at < 2 else rng.choice((0, 1, 2, 3, 4, 6, 8, 16, 255))
    name = ("width", "height", "depth", "colour type", "compression", "filter", "interlace")[at]
    return [(b"IHDR", struct.pack(">2I5B", *fields)), *chunks[1:]], f"{name} {fields[at]}"


def _chunks(rng: Random, chunks: list[Chunk]) -> tuple[list[Chunk], str]:
    at, how = rng.randrange(len(chunks)), rng.choice(("left out", "twice", "moved", "cut", "renamed"))
    kind, body = chunks.pop(at)
    if how == "twice":
        chunks[at:at] = [(kind, body)] * 2
    elif how == "moved":
        chunks.insert(rng.randrange(len(chunks) + 1), (kind, body))
    elif how == "cut":
        chunks.insert(at, (kind, body[: rng.randrange(len(body) + 1)]))
    elif how == "renamed":
        chunks.insert(at, (rng.choice(_ANCILLARY), body))
    return chunks, f"chunk {kind.decode('latin-1')} {how}"


def _pixels(rng: Random, chunks: list[Chunk]) -> tuple[list[Chunk], str]:
    packed = b"".join(body for kind, body in chunks if kind == b"IDAT")
    raw = zlib.decompress(packed)
    how = rng.choice(("half", "longer", "filter 9", "bomb", "flipped", "no checksum", "cut", "junk behind", "split"))
    level = zlib.compress
    if how == "half":
        packed = level(raw[: len(raw) // 2])
    elif how == "longer":
        packed = level(raw + raw)
    elif how == "filter 9":
        packed = level(b"\x09" + raw[1:])
    elif how == "bomb":
        packed = level(bytes(300 << 20), 1) if rng.random() < 0.3 else level(bytes(20 << 20))
    elif how == "flipped":
        packed = level(damage_bytes(rng, raw)[0])
    elif how == "no checksum":
        packed = packed[:-4] + rng.randbytes(4)
    elif how == "cut":
        packed = packed[: rng.randrange(len(packed))]
    elif how == "junk behind":
        packed += rng.randbytes(100)
    at = next(place for place, (kind, _) in enumerate(chunks) if kind == b"IDAT")
    rest = [chunk for chunk in chunks[at:] if chunk[0] != b"IDAT"]
    parts = [packed[: len(packed) // 2], b"", packed[len(packed) // 2 :]] if how == "split" else [packed]
    return [*chunks[:at], *((b"IDAT", part) for part in parts), *rest], f"pixels: {how}"


def _palette(rng: Random, chunks: list[Chunk]) -> tuple[list[Chunk], str]:
    for at, (kind, body) in enumerate(chunks):
        if kind == b"PLTE":
            chunks[at] = (kind, damage_bytes(rng, body)[0])
            return chunks, "palette damaged"
    chunks.insert(1, (b"PLTE", rng.randbytes(rng.choice((0, 3, 57, 768, 769)))))
    return chunks, "a palette"


def _added(rng: Random, chunks: list[Chunk]) -> tuple[list[Chunk], str]:
    kind = rng.choice(_ANCILLARY)
    body = rng.choice((b"", rng.randbytes(8), rng.randbytes(1000), bytes(100_000)))
    if kind == b"eXIf":
        body = _EXIF_ROTATED
    elif kind == b"zTXt":
        body = b"k\0\0" + zlib.compress(bytes(100 << 20), 1) if rng.random() < 0.3 else b"k\0\0" + body
    chunks.insert(rng.randint(1, len(chunks) - 1), (kind, body))
    return chunks, f"chunk {kind.decode()} added"

"""Damage that knows nothing of a format."""

from random import Random

_INTERESTING = (b"\0", b"\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\xff" * 4, b"\xff" * 8, b"\0" * 8)


def damage_bytes(rng: Random, data: bytes) -> tuple[bytes, str]:
    """Change bytes in one or two ways, and say how."""
    whats = []
    for _ in range(rng.choice((1, 1, 1, 2))):
        data, what = rng.choice(_WAYS)(rng, data)
        whats.append(what)
    return data, ", ".join(whats)


def _place(rng: Random, data: bytes) -> int:
    """Any byte; more often one near an end, where formats keep what leads to the rest."""
    near = min(len(data), 64)
    return rng.choice((rng.randrange(len(data)), rng.randrange(near), len(data) - 1 - rng.randrange(near)))


def _flip_bits(rng: Random, data: bytes) -> tuple[bytes, str]:
    if not data:
        return b"\0", "one byte"
    changed, places = bytearray(data), [_place(rng, data) for _ in range(rng.choice((1, 1, 2, 8)))]
    for at in places:
        changed[at] ^= 1 << rng.randrange(8)
    return bytes(changed), f"bits flipped at {places}"


def _set_bytes(rng: Random, data: bytes) -> tuple[bytes, str]:
    if not data:
        return b"\xff", "one byte"
    at, value = _place(rng, data), rng.choice((*_INTERESTING, rng.randbytes(1), rng.randbytes(4)))
    return data[:at] + value + data[at + len(value) :], f"{value.hex()} set at {at}"


def _truncate(rng: Random, data: bytes) -> tuple[bytes, str]:
    keep = rng.choice((rng.randrange(len(data) + 1), max(0, len(data) - rng.randint(1, 64)), 0))
    return data[:keep], f"cut to {keep} bytes"


def _insert(rng: Random, data: bytes) -> tuple[bytes, str]:
    at, count = rng.randrange(len(data) + 1), rng.choice((1, 2, 4, 300))
    return data[:at] + rng.randbytes(count) + data[at:], f"{count} bytes inserted at {at}"


def _delete(rng: Random, data: bytes) -> tuple[bytes, str]:
    at, count = rng.randrange(len(data) + 1), rng.choice((1, 2, 4, 300))
    return data[:at] + data[at + count :], f"{count} bytes deleted at {at}"


def _block(rng: Random, data: bytes) -> tuple[int, int]:
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + rng.choice((1, 16, 100, 1000)))


def _repeat(rng: Random, data: bytes) -> tuple[bytes, str]:
    start, end = _block(rng, data)
    times = rng.choice((1, 1, 20))
    return data[:end] + data[start:end] * times + data[end:], f"{start}:{end} repeated {times} times"


def _swap(rng: Random, data: bytes) -> tuple[bytes, str]:
    (a, b), (c, d) = sorted((_block(rng, data), _block(rng, data)))
    b = min(b, c)
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:], f"{a}:{b} and {c}:{d} swapped"


def _blank(rng: Random, data: bytes) -> tuple[bytes, str]:
    start, end = _block(rng, data)
    return data[:start] + rng.choice((b"\0", b"\xff")) * (end - start) + data[end:], f"{start}:{end} blanked"


_WAYS = (
    _flip_bits,
    _flip_bits,
    _flip_bits,
    _set_bytes,
    _set_bytes,
    _truncate,
    _insert,
    _delete,
    _repeat,
    _swap,
    _blank,
)

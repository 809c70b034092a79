"""Damage to zip archives: fields of the directory, of local headers and of the end record."""

import struct
from random import Random

from tests.fuzz.mutations.raw import damage_bytes

_CENTRAL, _LOCAL, _END = struct.Struct("<4s6H3L5H2L"), struct.Struct("<4s5H3L2H"), struct.Struct("<4s4H2LH")
_CENTRAL_FIELDS = (
    "signature", "made by", "version", "flags", "method", "time", "date", "crc", "packed", "size",
    "name length", "extra length", "comment length", "disk", "internal", "external", "offset",
)  # fmt: skip
_LOCAL_FIELDS = (_CENTRAL_FIELDS[0], *_CENTRAL_FIELDS[2:12])
_END_FIELDS = (
    "signature",
    "disk",
    "directory disk",
    "entries here",
    "entries",
    "directory size",
    "directory start",
    "comment length",
)
_NAMES = (
    b"../outside/evil.png",
    b"/etc/evil.png",
    b"C:\\evil.png",
    b"..\\evil.png",
    b"0000001.png",
    b"2147483648.png",
    b"9" * 5000 + b".png",
    b"video/a\0b.png",
    b"\xff\xfe.png",
    b"",
    b"mask/",
    b"video/id10001#-video_0000#00001.txt#000.mp4/0000099.png",
)


def _end_of(data: bytes) -> int:
    return data.rindex(b"PK\x05\x06")


def _records(data: bytes) -> list[int]:
    end = _END.unpack_from(data, _end_of(data))
    places, at = [], end[6]
    for _ in range(end[4]):
        places.append(at)
        fields = _CENTRAL.unpack_from(data, at)
        at += _CENTRAL.size + sum(fields[10:13])
    return places


def damage_zip(rng: Random, data: bytes) -> tuple[bytes, str]:
    """Change a whole zip without ZIP64, and say how."""
    return rng.choice((_central, _central, _local, _end, _name, _records_changed, _zip64, _both, damage_bytes))(
        rng, data
    )


def _number(rng: Random, old: int, limit: int) -> int:
    values = (
        0,
        1,
        old + 1,
        old - 1,
        old ^ (1 << rng.randrange(limit.bit_length())),
        limit,
        limit // 2,
        rng.randrange(limit),
    )
    return rng.choice(values) % (limit + 1)


def _put(data: bytes, at: int, layout: struct.Struct, fields: list[object]) -> bytes:
    return data[:at] + layout.pack(*fields) + data[at + layout.size :]


def _field(rng: Random, data: bytes, at: int, layout: struct.Struct, names: tuple[str, ...]) -> tuple[bytes, str]:
    fields = list(layout.unpack_from(data, at))
    which = rng.randrange(1, len(fields))
    width = layout.format.replace("<4s", "")
    wide = "".join(code * int(count) for count, code in zip(*[iter(_split(width))] * 2, strict=True))[which - 1] == "L"
    before = fields[which]
    fields[which] = _number(rng, before, 0xFFFFFFFF if wide else 0xFFFF)
    return _put(data, at, layout, fields), f"{names[which]} {before} made {fields[which]} at {at}"


def _split(layout: str) -> list[str]:
    parts, count = [], ""
    for letter in layout:
        if letter.isdigit():
            count += letter
        else:
            parts += [count or "1", letter]
            count = ""
    return parts


def _central(rng: Random, data: bytes) -> tuple[bytes, str]:
    data, what = _field(rng, data, rng.choice(_records(data)), _CENTRAL, _CENTRAL_FIELDS)
    return data, f"directory: {what}"


def _local_of(data: bytes, record: int) -> int:
    return int(_CENTRAL.unpack_from(data, record)[16])


def _local(rng: Random, data: bytes) -> tuple[bytes, str]:
    data, what = _field(rng, data, _local_of(data, rng.choice(_records(data))), _LOCAL, _LOCAL_FIELDS)
    return data, f"local header: {what}"


def _end(rng: Random, data: bytes) -> tuple[bytes, str]:
    data, what = _field(rng, data, _end_of(data), _END, _END_FIELDS)
    return data, f"end record: {what}"


def _both(rng: Random, data: bytes) -> tuple[bytes, str]:
    """Damage a field in the directory and in the local header alike: sizes, checksum, method, flags."""
    record = rng.choice(_records(data))
    which = rng.choice((3, 4, 7, 8, 9))
    central, local = list(_CENTRAL.unpack_from(data, record)), _local_of(data, record)
    header = list(_LOCAL.unpack_from(data, local))
    value = _number(rng, int(central[which]), 0xFFFFFFFF if which > 6 else 0xFFFF)
    central[which] = header[which - 1] = value
    return _put(_put(data, record, _CENTRAL, central), local, _LOCAL, header), f"both: {_CENTRAL_FIELDS[which]} {value}"


def _name(rng: Random, data: bytes) -> tuple[bytes, str]:
    """Another name in the directory, in the local header, or a flipped bit in either."""
    record = rng.choice(_records(data))
    fields = list(_CENTRAL.unpack_from(data, record))
    start, size = record + _CENTRAL.size, int(fields[10])
    if rng.random() < 0.6:
        at = rng.choice((start, _local_of(data, record) + _LOCAL.size)) + rng.randrange(size)
        return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :], f"bit of a name at {at}"
    name = rng.choice(_NAMES)
    fields[10] = len(name)
    changed = data[:record] + _CENTRAL.pack(*fields) + name + data[start + size :]
    return _fix_end(changed, len(name) - size, 0), f"name {name[:30]!r}"


def _fix_end(data: bytes, grown: int, more: int) -> bytes:
    at = _end_of(data)
    fields = list(_END.unpack_from(data, at))
    fields[3], fields[4], fields[5] = fields[3] + more, fields[4] + more, fields[5] + grown
    return _put(data, at, _END, fields)


def _records_changed(rng: Random, data: bytes) -> tuple[bytes, str]:
    places = [*_records(data), _end_of(data)]
    which = rng.randrange(len(places) - 1)
    start, end = places[which], places[which + 1]
    record, counted = data[start:end], rng.random() < 0.5
    how = rng.choice(("twice", "left out", "moved to the end"))
    if how == "twice":
        changed, grown, more = data[:end] + record + data[end:], len(record), 1
    elif how == "left out":
        changed, grown, more = data[:start] + data[end:], -len(record), -1
    else:
        changed, grown, more = data[:start] + data[end : places[-1]] + record + data[places[-1] :], 0, 0
    return _fix_end(
        changed, grown, more
    ) if counted else changed, f"record {which} {how}, {'' if counted else 'not '}counted"


def _zip64(rng: Random, data: bytes) -> tuple[bytes, str]:
    """End the archive in the ZIP64 way, rightly or not."""
    at = _end_of(data)
    fields = list(_END.unpack_from(data, at))
    count, size, start = (rng.choice((value, value, value, value + 1, 2**63, 2**64 - 1)) for value in fields[4:7])
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, rng.choice((at, at, at, at + 1, 2**64 - 1)), 1)
    fields[3] = fields[4] = 0xFFFF
    fields[5] = fields[6] = 0xFFFFFFFF
    return data[:at] + end64 + locator + _END.pack(*fields), f"ZIP64: {count} entries, {size} bytes at {start}"

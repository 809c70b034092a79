"""Damage to JSON: values of other types and sizes at any place of a document, and text that is no JSON."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

from tests.fuzz.mutations.raw import damage_bytes
from tests.fuzz.mutations.texts import damage_text

_MARK = "@@damage@@"
_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    "",
    "x",
    "a\u0000b",
    "\ud800",
    "../victim.parquet",
    "/etc/passwd",
    [],
    {},
    [[]],
    [None],
    {"": None},
    {"a": {"b": 1}},
    ["id10001"],
    "id10001",
    " id10001",
    "ID10001",
    2**31,
    2**63,
    2**64,
    "x" * 100_000,
    [0] * 100_000,
    "\u00e9",
)
_RAW = (
    ("[" * 100_000 + "]" * 100_000, "nested 100,000 deep"),
    ('{"a":' * 100_000 + "1" + "}" * 100_000, "objects nested 100,000 deep"),
    ("[" * 2_000, "2,000 open brackets"),
    ("9" * 5_000, "a number of 5,000 digits"),
    ("1e999", "1e999"),
    ("-1e999", "-1e999"),
    ("NaN", "NaN"),
    ("Infinity", "Infinity"),
    ('"\\ud83d"', "half a surrogate pair"),
    ("'x'", "single quotes"),
    ("", "nothing"),
    ("1e400", "1e400"),
    ("00", "00"),
    ('"\t"', "a raw tab"),
)


def damage_json(rng: Random, data: bytes) -> tuple[bytes, str]:
    """Change one JSON document, and say how."""
    return rng.choice((_value, _value, _value, _raw, _raw, _keys, _whole, damage_bytes, damage_text))(rng, data)


def damage_json_lines(rng: Random, data: bytes) -> tuple[bytes, str]:
    """Change one line of a file that holds a document on each."""
    if rng.random() < 0.3:
        return damage_text(rng, data)
    lines = data.splitlines(keepends=True)
    at = rng.randrange(len(lines))
    line, what = damage_json(rng, lines[at].rstrip(b"\n"))
    lines[at] = line.replace(b"\n", b" ") + (b"\n" if rng.random() < 0.9 else b"")
    return b"".join(lines), f"line {at + 1}: {what}"


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in items:
        yield from _places(below, (*path, key))


def _replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    at = document
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return document


def _value(rng: Random, data: bytes) -> tuple[bytes, str]:
    document = json.loads(data)
    path, value = rng.choice(list(_places(document))), rng.choice(_VALUES)
    return _dump(_replaced(document, path, value)), f"{_shown(value)} at {path}"


def _raw(rng: Random, data: bytes) -> tuple[bytes, str]:
    document = json.loads(data)
    path, (raw, what) = rng.choice(list(_places(document))), rng.choice(_RAW)
    return _dump(_replaced(document, path, _MARK)).replace(f'"{_MARK}"'.encode(), raw.encode()), f"{what} at {path}"


def _keys(rng: Random, data: bytes) -> tuple[bytes, str]:
    document = json.loads(data)
    places = [path for path in _places(document) if path and isinstance(path[-1], str)]
    if not places:
        return _value(rng, data)
    path = rng.choice(places)
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    how = rng.choice(("left out", "renamed", "doubled", "added"))
    if how == "doubled":
        holder[_MARK] = None
        again = f"{json.dumps(path[-1])}: {json.dumps(rng.choice(_VALUES))}"
        return _dump(document).replace(f'"{_MARK}": null'.encode(), again.encode()), f"{path} doubled"
    if how == "added":
        holder["unknown"] = rng.choice(_VALUES)
    else:
        value = holder.pop(path[-1])
        if how == "renamed":
            holder[path[-1].upper() + " "] = value
    return _dump(document), f"{path} {how}"


def _whole(rng: Random, data: bytes) -> tuple[bytes, str]:
    how = rng.choice(("utf-16", "utf-8-sig", "twice", "in a list", "a value", "latin-1"))
    if how == "twice":
        return data + data, "the document twice"
    if how == "in a list":
        return b"[" + data + b"]", "the document in a list"
    if how == "a value":
        value = rng.choice(_VALUES)
        return _dump(value), f"the document is {_shown(value)}"
    text = data.decode("utf-8", "replace") + ("\n" if how != "latin-1" else " \u00e9")
    return text.encode(how), f"written as {how}"


def _dump(value: Any) -> bytes:
    return json.dumps(value).encode()


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) < 40 else f"{text[:20]}... ({len(text)})"

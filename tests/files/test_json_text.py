"""Hostile JSON: right values or one error that names the file, never a traceback of the parser."""

import json
import math
from typing import Any

import pytest

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.files.json_text import MOST_LEVELS, parse_json, parse_json_object

NESTED = b"[" * 100_000 + b"]" * 100_000
JUST_TOO_DEEP = b'{"a":' * (MOST_LEVELS + 1) + b"1" + b"}" * (MOST_LEVELS + 1)

HOSTILE = {
    "empty": (b"", "is not JSON"),
    "cut": (b'{"a": [1, 2', "is not JSON"),
    "two values": (b"{} {}", "Extra data"),
    "nested": (NESTED, "nested too deep"),
    "nested and cut": (b"[" * 100_000, "nested too deep"),
    "nested objects": (b'{"a":' * 50_000, "nested too deep"),
    "nested beyond what is written again": (JUST_TOO_DEEP, f"nested over {MOST_LEVELS} levels"),
    "5000 digits": (b'{"a": ' + b"9" * 5000 + b"}", "does not fit 64 bits"),
    "2^63": (b"9223372036854775808", "does not fit 64 bits"),
    "NaN": (b'{"a": NaN}', "NaN is no JSON number"),
    "Infinity": (b"[-Infinity]", "-Infinity is no JSON number"),
    "1e999": (b"[1e999]", "1e999 is too large"),
    "half a pair": (rb'{"a": "\ud800"}', "half of a surrogate pair"),
    "half a pair as key": (rb'[{"\udfff": 1}]', "half of a surrogate pair"),
    "not UTF-8": (b'{"a": "\xff"}', "is not UTF-8"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "is not UTF-8"),
    "encoded surrogate": (b'{"a": "\xed\xa0\x80"}', "is not UTF-8"),
    "zeros": (b"\0" * 64, "is not JSON"),
    "key twice": (b'{"a": 1, "b": {"c": 1, "c": 2}}', "the key 'c' twice"),
}


@pytest.mark.parametrize(("data", "reason"), HOSTILE.values(), ids=list(HOSTILE))
def test_what_no_later_code_could_use_is_one_error_that_names_the_file(data: bytes, reason: str) -> None:
    with pytest.raises(CorruptSourceError) as raised:
        parse_json(data, "/store/meta/x.json", "delete it")
    message = str(raised.value)
    assert message.startswith("/store/meta/x.json: is no")
    assert message.endswith("; delete it")
    assert reason in message
    assert len(message) < 200
    message.encode()


def test_a_text_with_half_a_pair_is_refused_as_its_bytes_are() -> None:
    with pytest.raises(CorruptSourceError, match="surrogate"):
        parse_json('{"a": "\udcff"}', "x", "mend it")


@pytest.mark.parametrize("data", [b"[1]", b"null", b'"text"', b"3"])
def test_an_object_is_asked_for(data: bytes) -> None:
    with pytest.raises(CorruptSourceError, match="is not a JSON object; mend it"):
        parse_json_object(data, "x", "mend it")


def test_everything_that_json_can_say_comes_through() -> None:
    content: dict[str, Any] = {
        "text": 'é😀"\\\n\x00', "numbers": [0, -1, 2**63 - 1, -(2**63), 1.5e300, -0.0, 1e-400],
        "deep": None, "truth": [True, False, None], "empty": [{}, [], ""],
    }  # fmt: skip
    inner = content
    for _ in range(MOST_LEVELS - 2):
        inner["deep"] = {}
        inner = inner["deep"]
    for text in (json.dumps(content), json.dumps(content, ensure_ascii=False)):
        for data in (text, text.encode(), b"\xef\xbb\xbf" + text.encode()):
            parsed = parse_json_object(data, "x", "mend it")
            assert parsed == json.loads(text)
            assert math.copysign(1, parsed["numbers"][5]) == -1

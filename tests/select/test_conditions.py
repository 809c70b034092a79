"""Conditions: what they mean, with values that are not known, and what is refused."""

import math

import pyarrow as pa
import pytest

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.select.conditions import parse_conditions

COLUMNS = {
    "face_px": pa.array([100.0, 200.0, 300.0, None]),
    "mask.flicker": pa.array([0.1, 0.2, None, 0.4]),
    "sync_offset": pa.array([-7.0, -6.0, 6.0, None]),
    "Smiling": pa.array([True, False, None, True]),
    "5_o_Clock_Shadow": pa.array([False, True, True, None]),
    "split": pa.array(["train", "test", "train", None]),
}


def held(text: str) -> str:
    """One letter a clip: y, n, or ? where it cannot be told."""
    letters = {True: "y", False: "n", None: "?"}
    conditions = parse_conditions(text)
    assert len(conditions) == 1
    return "".join(letters[value.as_py()] for value in conditions[0].holds(COLUMNS.__getitem__))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("face_px > 200", "nny?"),
        ("200 <= face_px", "nyy?"),
        ("100 < face_px <= 300", "nyy?"),
        ("-6 <= sync_offset <= +6", "nyy?"),
        ("face_px != 2e2", "yny?"),
        ("mask.flicker < 0.15", "yn?n"),
        ("face_px > sync_offset", "yyy?"),
        ("Smiling", "yn?y"),
        ("not Smiling", "ny?n"),
        ("Smiling == 1", "yn?y"),
        ("Smiling == False", "ny?n"),
        ("5_o_Clock_Shadow", "nyy?"),
        ("split == 'train'", "yny?"),
        ('split in ("train", "5_o_Clock_Shadow")', "yny?"),
        ("split not in ['train']", "nyn?"),
        ("face_px in {100, 300}", "yny?"),
        ("Smiling in (True,)", "yn?y"),
        ("Smiling is None", "nnyn"),
        ("split is not None", "yyyn"),
        # a value that is not known decides nothing, unless the other side does
        ("Smiling or face_px > 200", "ynyy"),
        ("not (Smiling and face_px > 250)", "yy??"),
        ("not face_px > 250", "yyn?"),
    ],
)
def test_what_holds(text: str, expected: str) -> None:
    assert held(text) == expected


def test_the_outermost_and_makes_conditions_of_one_spelling() -> None:
    texts = [condition.text for condition in parse_conditions('(face_px>200)and 5_o_Clock_Shadow  and(split=="train")')]
    assert texts == ["face_px > 200", "5_o_Clock_Shadow", "split == 'train'"]
    assert [condition.text for condition in parse_conditions("Smiling or face_px>1 and Smiling")] == [
        "Smiling or (face_px > 1 and Smiling)"
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read"),
        ("face_px >", "cannot be read"),
        ("face_px = 3", "write == instead of ="),
        ("face_px => 3", "cannot be read"),
        ("person_id == 'a=b' and and Smiling", "cannot be read"),
        ("face_px > 1; import os", "cannot be read"),
        ("__import__('os').system('id')", "is a call, and nothing is called"),
        ("(lambda: 1)()", "is a call"),
        ("face_px.__class__() > 1", "is a call"),
        ("[x for x in (1,)] == 1", "is not understood"),
        ("face_px if Smiling else 1", "is not understood"),
        ("(y := 3) > 2", "is not understood"),
        ("f'{face_px}' == 'a'", "is not understood"),
        ("face_px + 1 > 3", "is a sum or the like"),
        ("COLUMNS['face_px'] > 3", "is not understood"),
        ("True", "is a value, and no condition"),
        ("3 > 2", "compares no column"),
        ("'a' in split", "after 'in' comes a list"),
        ("3 in (3, 4)", "compares no column"),
        ("split in ()", "after 'in' comes a list"),
        ("split in (face_px,)", "is not understood"),
        ("face_px is 3", "after 'is' comes None"),
        ("face_px > 3j", "is a value"),
        ("split == b'train'", "is a value"),
        ("face_px > " + "9" * 30_000, "the limit is 20,000"),
        ("not " * 4000 + "Smiling", "cannot be read"),
        ("Smiling\0", "cannot be read"),
    ],
)
def test_nothing_else_is_understood(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_conditions(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("face_px", "face_px is no yes or no; compare it with something"),
        ("split > 3", "split is a text, and 3 is not; put what it is compared with into quotes"),
        ("face_px == '3'", "face_px is a number, and '3' is not"),
        ("face_px in (1, 'a')", "face_px is a number, and 'a' is not"),
        ("Smiling == 'yes'", "Smiling is yes or no; write Smiling, or not Smiling"),
        ("split == face_px", "a text and a number cannot be compared"),
    ],
)
def test_values_of_another_kind(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        held(text)


def test_infinities_are_numbers() -> None:
    assert held("face_px < 1e999") == "yyy?"
    assert math.isinf(float("1e999"))

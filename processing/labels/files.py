"""Files of hand-made attributes: the original's parsed form, CSV tables and JSON, read and written.

A value can be said to hold (1), not to hold (0) or be left open (-1). Open are: an empty cell, ``null``, and an
attribute that a table or mapping does not name. ``-1`` in a file is open too, unless the file holds no 0 at all:
then it is in CelebA's way of writing, where -1 says that the attribute does not hold. A list of names, and so the
parsed form, leaves nothing open: what it does not name does not hold.
"""

import csv
import io
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mmvoxceleb.errors import ConfigError, CorruptSourceError
from mmvoxceleb.files.json_text import parse_json
from mmvoxceleb.files.quoting import quoted, shortened
from mmvoxceleb.schema import ATTRIBUTES, attribute_index, present

__all__ = ["Annotations", "contradictions", "form_of", "read_annotations", "write_annotations"]

Form = Literal["parsed", "csv", "json"]
FORMS: dict[str, Form] = {".txt": "parsed", ".csv": "csv", ".json": "json"}
"""The form of a file to write, by its suffix."""

_CLIP_COLUMNS = ("clip_id", "clip", "clip_name", "name", "file", "filename", "video", "id", "key")
_SOURCE_COLUMN = "label_source"
_EXCEL_SEPARATOR = re.compile(r"sep=(.)", re.IGNORECASE)
"""What a first line may say to Excel."""
_DELIMITERS = ",;\t"
"""Excel writes semicolons where the comma is the decimal sign, and tabs as text."""
_WORDS = {
    "1": 1, "1.0": 1, "true": 1, "yes": 1, "0": 0, "0.0": 0, "false": 0, "no": 0, "-1": -1, "-1.0": -1,
    "": None, "null": None, "none": None, "nan": None,
}  # fmt: skip

_EXCLUSIVE: tuple[tuple[str, ...], ...] = (
    ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair"),
    ("Straight_Hair", "Wavy_Hair"),
    *(("Bald", other) for other in (
        "Bangs", "Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair", "Straight_Hair", "Wavy_Hair",
    )),
    ("No_Beard", "Goatee"),
)  # fmt: skip


@dataclass
class Annotations:
    """The content of a file.

    Args:
        labels: 40 values in CelebA order, each -1 (open), 0 or 1, by clip.
        predicted: Clips that the file itself calls predicted by a model; they are not in ``labels``.
        unknown: How often each name that is not an attribute came up.
        negative: How many values -1 were read as 0, as in CelebA's own files.
    """

    labels: dict[str, list[int]] = field(default_factory=dict)
    predicted: list[str] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)
    negative: int = 0


Raw = dict[str, int | None]


def read_annotations(path: str | os.PathLike[str]) -> Annotations:
    """Read a file, whichever form it has.

    ``.json`` holds a mapping of clips to lists of names, to lists of 40 numbers or to mappings of names to values, or
    a list of records with a clip, and attributes in one of these ways or as fields of their own. Any other file is a
    table whose first line names its columns, the first being the clip, or the parsed form ``clip,Attr One,Attr Two``.
    Commas divide the cells, or semicolons or tabs where the first line has no comma.
    Names match regardless of case, spaces, underscores and punctuation.

    Raises:
        CorruptSourceError: The file cannot be read, or a line of it cannot; a label has not 40 values; two lines
            contradict each other about a clip. The message names file and line.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CorruptSourceError(f"{path}: cannot be read as text in UTF-8 ({error})") from error
    annotations = Annotations()
    raw: dict[str, Raw] = {}
    spellings: dict[str, str] = {}
    for where, clip, source, values in _json_rows(path, text) if path.suffix.lower() == ".json" else _rows(path, text):
        if not clip:
            raise CorruptSourceError(f"{where}: names no clip")
        if source.startswith("predicted"):
            annotations.predicted.append(clip)
            continue
        known: Raw = {}
        for name, value in values.items():
            try:
                attribute = ATTRIBUTES[attribute_index(name)]
            except ConfigError:
                annotations.unknown[name] += 1
                continue
            if known.setdefault(attribute, value) != value:
                raise CorruptSourceError(f"{where}: contradicts itself about {attribute}; keep one column or field")
        spelling = spellings.setdefault(clip.removesuffix(".mp4"), clip)
        if raw.setdefault(spelling, known) != known:
            raise CorruptSourceError(
                f"{where}: clip {shortened(clip, 100)} appears twice, with different attributes; keep one of them"
            )
    if not raw and not annotations.predicted:
        raise CorruptSourceError(f"{path}: names no clip; it needs a line or a record for each")
    celeba = not any(value == 0 for values in raw.values() for value in values.values())
    for clip, known in raw.items():
        decided = {name: 0 if value == -1 and celeba else value for name, value in known.items()}
        annotations.negative += celeba and sum(value == -1 for value in known.values())
        annotations.labels[clip] = [-1 if (value := decided.get(name)) is None else value for name in ATTRIBUTES]
    return annotations


def contradictions(label: Sequence[int]) -> list[str]:
    """Say which attributes of a label cannot well hold together: two hair colours, bald with hair, goatee and no beard.

    Returns:
        One phrase each, ``Black_Hair and Blond_Hair``; empty if there is none.
    """
    names = {ATTRIBUTES[index] for index in present(label)}
    both = (sorted(names.intersection(group), key=group.index) for group in _EXCLUSIVE)
    return [" and ".join(held) for held in both if len(held) > 1]


def form_of(path: str | os.PathLike[str]) -> Form:
    """Tell the form in which a file is to be written, by its suffix.

    Raises:
        ConfigError: It has another suffix.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in FORMS:
        raise ConfigError(f"{path}: must end in {', '.join(f'{end} ({form})' for end, form in FORMS.items())}")
    return FORMS[suffix]


def write_annotations(
    form: Form, labels: Mapping[str, Sequence[int]], sources: Mapping[str, str], leave_out: Iterable[str] = ()
) -> bytes:
    """Write a file that :func:`read_annotations` reads.

    Args:
        form: ``parsed``, which cannot say what is open; ``csv``; or ``json``, a list of records.
        labels: 40 values by clip.
        sources: ``label_source`` by clip, where it is known; not written in the parsed form.
        leave_out: Attributes that are not written at all.
    """
    names = [(index, name) for index, name in enumerate(ATTRIBUTES) if name not in set(leave_out)]
    if form == "parsed":
        lines = [
            ",".join([clip, *(name.lower() for index, name in names if label[index] == 1)])
            for clip, label in sorted(labels.items())
        ]
        return "".join(f"{line}\n" for line in lines).encode()
    if form == "csv":
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(["clip_id", _SOURCE_COLUMN, *(name for _, name in names)])
        for clip, label in sorted(labels.items()):
            cells = ["" if label[index] == -1 else label[index] for index, _ in names]
            writer.writerow([clip, sources.get(clip, ""), *cells])
        return buffer.getvalue().encode()
    records = [
        {
            "clip_id": clip,
            _SOURCE_COLUMN: sources.get(clip),
            "attributes": {name: None if label[index] == -1 else label[index] for index, name in names},
        }
        for clip, label in sorted(labels.items())
    ]
    return (json.dumps(records, indent=1, ensure_ascii=False) + "\n").encode()


Row = tuple[str, str, str, Raw]
"""Where it stands (for messages), clip, ``label_source`` or "", values by name."""


def _rows(path: Path, text: str) -> Iterator[Row]:
    lines = [(number, cells) for number, cells in _split(path, text) if any(cells)]
    if not lines:
        raise CorruptSourceError(
            f"{path}: is empty; expected a table with the columns clip_id,{','.join(ATTRIBUTES[:2])},..., or lines "
            "such as clip,Attr One,Attr Two"
        )
    header = lines[0][1]
    if header[0].lower() not in _CLIP_COLUMNS:
        for number, (clip, *names) in lines:
            if all(name in _WORDS for name in names) and any(names):
                raise CorruptSourceError(
                    f"{path}, line {number}: has values and the file names no columns; add a first line before the "
                    f"others: clip_id,{','.join(ATTRIBUTES[:2])},..."
                )
            yield f"{path}, line {number}", clip, "", _listed(names)
        return
    for number, cells in lines[1:]:
        where = f"{path}, line {number}"
        if len(cells) != len(header):
            raise CorruptSourceError(f"{where}: has {len(cells)} cells under {len(header)} columns")
        row = _without_repeats(where, zip(header[1:], cells[1:], strict=True))
        source = row.pop(_SOURCE_COLUMN, "")
        yield where, cells[0], source, {name: _value(where, name, cell) for name, cell in row.items()}


def _without_repeats(where: str, pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    row: dict[str, str] = {}
    for name, cell in pairs:
        if row.setdefault(name, cell) != cell:
            raise CorruptSourceError(f"{where}: contradicts itself about {shortened(name, 100)}; keep one column")
    return row


def _split(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    first, _, rest = text.partition("\n")
    told = _EXCEL_SEPARATOR.fullmatch(first.strip())
    text = f"\n{rest}" if told else text
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = told[1] if told else next((each for each in _DELIMITERS if each in first), ",")
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        for cells in reader:
            yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise CorruptSourceError(f"{path}, line {reader.line_num}: is not a line of a table ({error})") from error


def _json_rows(path: Path, text: str) -> Iterator[Row]:
    content = parse_json(text, str(path), "mend it")
    if isinstance(content, dict):
        for clip, attributes in content.items():
            where = f"{path}, clip {shortened(clip, 100)}"
            yield where, clip, "", _values(where, attributes)
    elif isinstance(content, list):
        for number, record in enumerate(content):
            yield _record(f"{path}, record {number}", record)
    else:
        raise CorruptSourceError(f"{path}: holds {type(content).__name__} where a mapping or list was expected")


def _record(where: str, record: Any) -> Row:
    if not isinstance(record, dict):
        raise CorruptSourceError(f"{where}: is not a mapping with a clip_id and attributes")
    fields = {str(name): value for name, value in record.items()}
    column = next((name for name in fields if name.lower() in _CLIP_COLUMNS), None)
    clip = str(fields.pop(column)) if column is not None else ""
    source = str(fields.pop(_SOURCE_COLUMN, None) or "")
    for name in ("attributes", "label", "labels"):
        if name in fields:
            return where, clip, source, _values(where, fields[name])
    return where, clip, source, _values(where, fields)


def _values(where: str, attributes: Any) -> Raw:
    """Read a list of names, a list of 40 numbers, or a mapping of names to values."""
    if isinstance(attributes, dict):
        return {str(name): _value(where, str(name), value) for name, value in attributes.items()}
    if not isinstance(attributes, list):
        raise CorruptSourceError(f"{where}: holds {quoted(attributes)} where attributes were expected")
    if all(isinstance(name, str) for name in attributes):
        return _listed(attributes)
    if len(attributes) != len(ATTRIBUTES):
        raise CorruptSourceError(f"{where}: holds {len(attributes)} values where {len(ATTRIBUTES)} were expected")
    return {name: _value(where, name, value) for name, value in zip(ATTRIBUTES, attributes, strict=True)}


def _listed(names: Sequence[str]) -> Raw:
    return {**dict.fromkeys(ATTRIBUTES, 0), **_same_names(names)}


def _same_names(names: Sequence[str]) -> Raw:
    """Give names their value 1 under the spelling of the schema, so that they replace its 0; others as they are."""
    values: Raw = {}
    for name in filter(None, names):
        try:
            values[ATTRIBUTES[attribute_index(name)]] = 1
        except ConfigError:
            values[name] = 1
    return values


def _value(where: str, name: str, value: Any) -> int | None:
    word = "" if value is None else str(value).strip().lower()
    if word not in _WORDS:
        raise CorruptSourceError(
            f"{where}: {shortened(name, 60)} is {quoted(value)}; expected 1, 0, true, false, or nothing if unknown"
        )
    return _WORDS[word]

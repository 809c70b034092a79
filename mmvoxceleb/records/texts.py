"""The small files of a clip: sentences, label and provenance."""

from typing import Any

from mmvoxceleb.errors import CorruptSourceError, UnsafeArchiveError
from mmvoxceleb.files.json_text import parse_json_object
from mmvoxceleb.files.quoting import quoted
from mmvoxceleb.schema import ATTRIBUTES
from mmvoxceleb.stores.interface import LARGEST_TEXT_BYTES

__all__ = ["parse_label", "parse_meta", "parse_text"]


def parse_text(data: bytes, *, clip_id: str) -> list[str]:
    """Read the sentences of a clip, one a line; blank lines are left out, as MMVID's loader does.

    Raises:
        CorruptSourceError: The file is not UTF-8.
        UnsafeArchiveError: It has over 4 MB.
    """
    if len(data) > LARGEST_TEXT_BYTES:
        raise UnsafeArchiveError(
            f"clip {clip_id}: its text has {len(data):,} bytes; refused, the limit is {LARGEST_TEXT_BYTES >> 20} MB. "
            "Get it from another source"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorruptSourceError(f"clip {clip_id}: its text is not UTF-8 ({error.reason}); mend the file") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def parse_label(data: bytes, *, clip_id: str) -> list[int]:
    """Read the 40 attribute values of a clip, in CelebA's order.

    Returns:
        40 values, each 0 or 1, or -1 where the label says that the attribute is unknown.

    Raises:
        CorruptSourceError: Another number of values, or another value.
    """
    values = data.decode("utf-8", "replace").strip().strip(",").split(",")
    if len(values) != len(ATTRIBUTES):
        raise CorruptSourceError(
            f"clip {clip_id}: its label has {len(values)} values instead of {len(ATTRIBUTES)}; mend the file"
        )
    label = []
    for name, value in zip(ATTRIBUTES, values, strict=True):
        if value.strip() not in ("0", "1", "-1"):
            raise CorruptSourceError(
                f"clip {clip_id}: its label says {quoted(value)} for {name}, not 0 or 1; mend the file"
            )
        label.append(int(value))
    return label


def parse_meta(data: bytes, *, clip_id: str) -> dict[str, Any]:
    """Read the provenance of a clip.

    Raises:
        CorruptSourceError: The file is no JSON object, or its ``label_source`` is no text.
    """
    try:
        meta = parse_json_object(data, "meta", "regenerate the clip")
    except CorruptSourceError as error:
        raise CorruptSourceError(f"clip {clip_id}: its meta file {str(error).removeprefix('meta: ')}") from None
    source = meta.get("label_source")
    if source is not None and not isinstance(source, str):
        raise CorruptSourceError(
            f"clip {clip_id}: its meta file has the label_source {quoted(source)}, no text; regenerate the clip"
        )
    return meta

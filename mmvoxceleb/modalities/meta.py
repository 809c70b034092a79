"""The provenance of a regenerated clip: a file like a modality's, but no column."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.files.json_text import parse_json_object
from mmvoxceleb.files.quoting import quoted
from mmvoxceleb.modalities.file_modality import FileModality

__all__ = ["META"]


class Meta(FileModality):
    """``meta/<clip>.json``: how each of the clip's modalities was made."""

    name = "meta"
    suffix = ".json"

    def parse(self, data: bytes, *, clip_id: str) -> dict[str, Any]:
        """Read the provenance of a clip.

        Raises:
            CorruptSourceError: The file is not a JSON object, or its ``label_source`` is no text.
        """
        try:
            meta = parse_json_object(data, "meta", "delete it and regenerate the clip")
        except CorruptSourceError as error:
            raise CorruptSourceError(f"clip {clip_id}: its meta file {str(error).removeprefix('meta: ')}") from None
        source = meta.get("label_source")
        if source is not None and not isinstance(source, str):
            raise CorruptSourceError(
                f"clip {clip_id}: its meta file has the label_source {quoted(source)}, no text; delete it and "
                "regenerate the clip"
            )
        return meta

    def columns(self, styles: Sequence[str] = ("",)) -> tuple[str, ...]:
        return ()

    def to_file(self, record: Mapping[str, Any]) -> bytes:
        return json.dumps(record).encode()

    def features(self, styles: Sequence[str]) -> dict[str, Any]:
        return {}


META = Meta()

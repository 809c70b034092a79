"""What was made of each source video, and of what: ``meta/.crop``."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, unquote

from mmvoxceleb.errors import ConfigError, CorruptSourceError
from mmvoxceleb.files.json_text import parse_json_object
from mmvoxceleb.files.opening import Place, open_output
from mmvoxceleb.meta.earlier import Earlier
from mmvoxceleb.meta.ledger import LedgerRow
from mmvoxceleb.meta.provenance import Provenance
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.meta.watch import RemovalWatch, is_removed
from mmvoxceleb.modalities import META
from mmvoxceleb.schema import ClipId

__all__ = ["CROP", "RECORDS", "VideoRecord", "VideoRecords", "names_video_of", "records_of"]

CROP = "crop"
"""The stage that makes clips of videos, in the ledger and in the provenance of a clip."""
RECORDS = f"{META.folder_name}/.crop"


@dataclass(frozen=True)
class VideoRecord:
    """A source video that is done.

    Args:
        key: Person and video.
        inputs: What it was made of.
        options: With which settings.
        num_frames: Frames in its clips.
        rows: A row of the ledger for every clip, and for everything that gave none.
        digests: What it was made of, utterance by utterance; empty in records of earlier versions.
    """

    key: str
    inputs: Mapping[str, Any]
    options: Mapping[str, Any]
    num_frames: int
    rows: tuple[LedgerRow, ...]
    digests: Mapping[str, str] = field(default_factory=dict)

    @property
    def clips(self) -> list[str]:
        """The clips that were made."""
        return [row.clip_id for row in self.rows if row.status == "done"]

    def to_bytes(self) -> bytes:
        """Format it as its file."""
        rows = [{"name": row.clip_id, "status": row.status, "reason": row.reason} for row in self.rows]
        content = {
            "key": self.key, "inputs": self.inputs, "options": self.options, "num_frames": self.num_frames,
            "rows": rows, "digests": self.digests,
        }  # fmt: skip
        return (json.dumps(content, ensure_ascii=False) + "\n").encode("utf-8", "replace")

    @classmethod
    def parse(cls, data: bytes) -> "VideoRecord | None":
        """Undo :meth:`to_bytes`; None if it is damaged, and the video is done again."""
        try:
            content = parse_json_object(data, RECORDS, "the video is done again")
            rows = tuple(LedgerRow(row["name"], CROP, row["status"], row["reason"]) for row in content["rows"])
            record = cls(
                content["key"], content["inputs"], content["options"], content["num_frames"], rows,
                content.get("digests", {}),
            )  # fmt: skip
        except (CorruptSourceError, KeyError, TypeError):
            return None
        texts = [record.key, *(text for row in rows for text in (row.clip_id, row.status, row.reason))]
        is_whole = all(isinstance(part, dict) for part in (record.options, record.inputs, record.digests))
        is_whole = is_whole and isinstance(record.num_frames, int) and all(isinstance(text, str) for text in texts)
        return record if is_whole else None

    def is_only_part_of(self, inputs: Mapping[str, Any], digests: Mapping[str, str]) -> bool:
        """Return whether all clips would be the same, and more are wanted: a list grew or was corrected."""
        made_of = {ClipId.parse(clip_id).utterance for clip_id in self.clips}
        return (
            bool(self.digests)
            and self.inputs.get("video") == inputs.get("video")
            and self.digests != digests
            and all(name in digests and self.digests.get(name) == digests[name] for name in made_of)
        )

    def without(self, removals: Removals) -> "VideoRecord | None":
        """Take removed clips out; None if nothing of it may stay."""
        if is_removed(self.key, removals):
            return None
        return replace(self, rows=tuple(row for row in self.rows if not is_removed(row.clip_id, removals)))


class VideoRecords:
    """The source videos of an output that are done.

    Args:
        place: The store's folder or URL.
    """

    def __init__(self, place: Place) -> None:
        self.tree = open_output(place)

    @staticmethod
    def path_of(key: str) -> str:
        """Name the file of a video in the store."""
        return f"{RECORDS}/{quote(key, safe='')[:80]}-{hashlib.sha256(key.encode()).hexdigest()[:12]}.json"

    def has(self, key: str) -> bool:
        """Return whether a video has a record."""
        return self.tree.kind(self.path_of(key)) == "file"

    def read(self, key: str) -> VideoRecord | None:
        """Read the record of a video; None if it is not done."""
        data = self.tree.read(self.path_of(key))
        return None if data is None else VideoRecord.parse(data)

    def clips(self, key: str) -> list[str]:
        """List the clips that were made of a video; empty where it is not done."""
        record = self.read(key)
        return record.clips if record is not None else []

    def is_same(
        self, record: VideoRecord, options: Mapping[str, Any], inputs: Mapping[str, Any], *, overwrite: bool
    ) -> bool:
        """Return whether a video was cropped as it would be now.

        Raises:
            IncompatibleOutputError: Clips were made of it with other settings or of something else, and ``overwrite``
                is off.
        """
        earlier = Earlier(Provenance(self.tree), overwrite or not record.clips)
        return earlier.is_same(
            f"{record.key} was cropped with other settings", (record.options, options),
            advice="; choose another output folder, use the same settings, or give --overwrite",
        ) and earlier.is_same(
            f"{record.key} was cropped from another video or another annotation", (record.inputs, inputs),
            advice="; choose another output folder, or replace the clips of such videos with --overwrite",
        )  # fmt: skip

    def write(self, record: VideoRecord, watch: RemovalWatch) -> Removals:
        """Note that a video is done, without those who are on the removal list by then, and return the list."""
        path, removals = self.path_of(record.key), None
        while removals != (now := watch.now()):  # it may have grown while this was written
            removals, kept = now, record.without(now)
            self.tree.remove(path) if kept is None else self.tree.write(path, kept.to_bytes())
        return removals

    def all(self) -> list[VideoRecord]:
        """Read the records of all videos that are done."""
        names = [name for name in self.tree.names(RECORDS) if name.endswith(".json") and not name.startswith(".")]
        read = self.tree.read_many([f"{RECORDS}/{name}" for name in names])
        records: Iterable[VideoRecord | None] = (VideoRecord.parse(data or b"") for data in read)
        return [record for record in records if record is not None]

    def rows(self, removals: Removals) -> list[LedgerRow]:
        """Collect the rows of every video, also of earlier runs on others, without those who are removed."""
        rows = [row for record in self.all() for row in record.rows]
        return [row for row in rows if not is_removed(row.clip_id, removals)]


def records_of(location: str) -> list[VideoRecord]:
    """Read the records of the source videos of a store; none of zips, and of URLs that only HTTP serves."""
    try:
        tree = open_output(location)
    except ConfigError:
        return []
    is_folder = not tree.is_local or os.path.isdir(tree.address)
    return VideoRecords(tree).all() if is_folder else []


def names_video_of(name: str, removals: Removals) -> bool:
    """Return whether a record, by its file name, is of a person or video on a removal list."""
    return is_removed(unquote(name.rpartition("-")[0]), removals)

"""What is to be cropped: source videos, and what is wanted of each."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmvoxceleb.errors import SourceUnavailableError
from mmvoxceleb.meta.ledger import LedgerRow
from mmvoxceleb.processing.crop.listed import ListedClip
from mmvoxceleb.processing.crop.metadata import MetadataRow
from mmvoxceleb.processing.crop.names import plain_name
from mmvoxceleb.schema import ClipId

__all__ = [
    "BAD_ROW",
    "WHOLE_VIDEO",
    "SourceVideo",
    "SourceVideos",
    "Utterance",
    "digests_of",
    "fingerprint",
    "inputs_of",
]

WHOLE_VIDEO = "00000"
"""The utterance of a video that has no parts."""

BAD_ROW = "bad row"
"""Begins the reason of a row of a list that is not a clip."""

_END_BYTES = 1 << 20


@dataclass(frozen=True)
class Utterance:
    """One part of a source video that is wanted.

    Args:
        name: Third part of the clips' keys: ``00001``.
        annotation: The annotation file, for VoxCeleb's own.
        row: The row, for vox-metadata.csv.
        listed: The clip, for other lists. With none of these, the whole video is searched for a face.
        note: What the ledger says of its clips: what their names were made from, where that is not plain.
    """

    name: str
    annotation: Path | None = None
    row: MetadataRow | None = None
    listed: ListedClip | None = None
    note: str = ""


@dataclass(frozen=True)
class SourceVideo:
    """One video of one person: the unit of resuming and of the workers.

    Args:
        person_id: First part of the clips' keys.
        video_id: Second part.
        path: The file; None if it is not here.
        utterances: What is wanted of it.
        url: Where the video comes from, if its list says so.
        remote: URL of the file, where it is not on this machine: it is fetched when it is its turn.
    """

    person_id: str
    video_id: str
    path: Path | None
    utterances: tuple[Utterance, ...]
    url: str = ""
    remote: str = ""

    @property
    def key(self) -> str:
        """Person and video, ``id10001#1zcIwhmdeo4``; and the utterance where each has a file of its own."""
        first = self.utterances[0]
        is_known = first.annotation is not None or first.row is not None or first.listed is not None
        own_file = not is_known and first.name != WHOLE_VIDEO
        return f"{self.person_id}#{self.video_id}" + (f"#{first.name}" if own_file else "")

    @property
    def note(self) -> str:
        """What the ledger says of the names of its clips: the first that there is to say."""
        return next((utterance.note for utterance in self.utterances if utterance.note), "")

    def input_name(self, utterance: Utterance) -> str:
        """The name of an utterance in the ledger, ``id10001#1zcIwhmdeo4#00001.txt``."""
        return f"{self.person_id}#{self.video_id}#{utterance.name}.txt"

    def clip_id(self, utterance: Utterance, number: int) -> str:
        """The key of a clip."""
        return str(ClipId(self.person_id, self.video_id, utterance.name, number))


class SourceVideos(list[SourceVideo]):
    """Videos of a folder or a list, and what stands there and is none.

    Args:
        videos: The videos.
        refused: A row of the ledger for each row of the list that cannot be used.
        not_taken: Says which files of the folder are not taken, for the summary; empty if there are none.
    """

    def __init__(
        self, videos: Iterable[SourceVideo] = (), *, refused: Sequence[LedgerRow] = (), not_taken: str = ""
    ) -> None:
        super().__init__(videos)
        self.refused = tuple(refused)
        self.not_taken = not_taken


def inputs_of(video: SourceVideo) -> dict[str, Any]:
    """Identify what a video's clips are made of: the file, None where it is not here, and what is wanted of it."""
    digest = hashlib.sha256(b"".join(map(_described, video.utterances)))
    try:
        source = None if video.path is None else fingerprint(video.path)
    except SourceUnavailableError:
        source = None
    return {"video": source, "annotations_sha256": digest.hexdigest()}


def digests_of(video: SourceVideo) -> dict[str, str]:
    """Identify what is wanted of each utterance, by its name."""
    return {each.name: hashlib.sha256(_described(each)).hexdigest() for each in video.utterances}


def _described(utterance: Utterance) -> bytes:
    described = f"{utterance.name}\n{utterance.row}\n".encode()
    if utterance.listed is not None:
        described += f"{utterance.listed}\n".encode()
    if utterance.annotation is not None:
        try:
            described += utterance.annotation.read_bytes()
        except OSError:
            described += b"-"  # the utterance is rejected for it
    return described


def fingerprint(path: Path) -> dict[str, object]:
    """Identify a video by its size and the sha256 of its first and last MiB: as good as unique, and quick on gigabytes.

    Raises:
        SourceUnavailableError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.sha256(file.read(_END_BYTES))
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _END_BYTES))
            digest.update(file.read(_END_BYTES))
    except OSError as error:
        reason = error.strerror or error
        raise SourceUnavailableError(f"{plain_name(path)}: the video cannot be read ({reason}); check it") from error
    return {"file": plain_name(path.name), "size_bytes": size, "sha256_of_ends": digest.hexdigest()}

"""What is to be cropped: source videos, and what is wanted of each."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmvoxceleb.errors import SourceUnavailableError
from mmvoxceleb.processing.crop.listed import ListedClip
from mmvoxceleb.processing.crop.metadata import MetadataRow
from mmvoxceleb.processing.crop.names import plain_name
from mmvoxceleb.schema import ClipId

__all__ = ["WHOLE_VIDEO", "SourceVideo", "Utterance", "fingerprint", "inputs_of"]

WHOLE_VIDEO = "00000"
"""The utterance of a video that has no parts."""

_END_BYTES = 1 << 20


@dataclass(frozen=True)
class Utterance:
    """One part of a source video that is wanted.

    Args:
        name: Third part of the clips' keys: ``00001``.
        annotation: The annotation file, for VoxCeleb's own.
        row: The row, for vox-metadata.csv.
        listed: The clip, for other lists. With none of these, the whole video is searched for a face.
    """

    name: str
    annotation: Path | None = None
    row: MetadataRow | None = None
    listed: ListedClip | None = None


@dataclass(frozen=True)
class SourceVideo:
    """One video of one person: the unit of resuming and of the workers.

    Args:
        person_id: First part of the clips' keys.
        video_id: Second part.
        path: The file; None where it is not here.
        utterances: What is wanted of it.
        note: What the ledger says of its clips: which file they are named after, where that is not plain.
        url: Where the video comes from, if its list says so.
        remote: URL of the file, where it is not on this machine: it is fetched when it is its turn.
    """

    person_id: str
    video_id: str
    path: Path | None
    utterances: tuple[Utterance, ...]
    note: str = ""
    url: str = ""
    remote: str = ""

    @property
    def key(self) -> str:
        """Person and video, ``id10001#1zcIwhmdeo4``; and the utterance where each has a file of its own."""
        first = self.utterances[0]
        is_known = first.annotation is not None or first.row is not None or first.listed is not None
        own_file = not is_known and first.name != WHOLE_VIDEO
        return f"{self.person_id}#{self.video_id}" + (f"#{first.name}" if own_file else "")

    def input_name(self, utterance: Utterance) -> str:
        """The name of an utterance in the ledger, ``id10001#1zcIwhmdeo4#00001.txt``."""
        return f"{self.person_id}#{self.video_id}#{utterance.name}.txt"

    def clip_id(self, utterance: Utterance, number: int) -> str:
        """The key of a clip."""
        return str(ClipId(self.person_id, self.video_id, utterance.name, number))


def inputs_of(video: SourceVideo) -> dict[str, Any]:
    """Identify what a video's clips are made of: the file, None where it is not here, and what is wanted of it."""
    digest = hashlib.sha256()
    for utterance in video.utterances:
        digest.update(f"{utterance.name}\n{utterance.row}\n".encode())
        if utterance.listed is not None:
            digest.update(f"{utterance.listed}\n".encode())
        if utterance.annotation is not None:
            try:
                digest.update(utterance.annotation.read_bytes())
            except OSError:
                digest.update(b"-")  # the utterance is rejected for it
    try:
        source = None if video.path is None else fingerprint(video.path)
    except SourceUnavailableError:
        source = None
    return {"video": source, "annotations_sha256": digest.hexdigest()}


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

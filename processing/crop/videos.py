"""What is to be cropped: source videos, and what is wanted of each."""

import csv
import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmvoxceleb.errors import ConfigError, CorruptSourceError, SourceUnavailableError
from mmvoxceleb.processing.crop.annotations import annotation_files
from mmvoxceleb.processing.crop.metadata import Metadata, MetadataRow, read_metadata
from mmvoxceleb.schema import ClipId

__all__ = [
    "VIDEO_SUFFIXES",
    "SourceVideo",
    "Utterance",
    "annotated_videos",
    "fingerprint",
    "free_videos",
    "metadata_videos",
]

_SUFFIXES = "3gp asf avi divx f4v flv m2ts m4v mkv mov mp4 mpeg mpg mts mxf ogv ts vob webm wmv"

VIDEO_SUFFIXES = frozenset(f".{suffix}" for suffix in _SUFFIXES.split())
"""Files that are taken for videos in a folder. A file named by itself may have any name."""

WHOLE_VIDEO = "00000"
"""The utterance of a video that has no parts."""

_END_BYTES = 1 << 20


@dataclass(frozen=True)
class Utterance:
    """One part of a source video that is wanted.

    Args:
        name: Third part of the clips' keys: ``00001``.
        annotation: The annotation file, for VoxCeleb's own.
        row: The row, for vox-metadata.csv. With neither, the whole video is searched for a face.
    """

    name: str
    annotation: Path | None = None
    row: MetadataRow | None = None


@dataclass(frozen=True)
class SourceVideo:
    """One video of one person: the unit of resuming and of the workers.

    Args:
        person_id: First part of the clips' keys.
        video_id: Second part.
        path: The file; None where it is not there.
        utterances: What is wanted of it.
    """

    person_id: str
    video_id: str
    path: Path | None
    utterances: tuple[Utterance, ...]

    @property
    def key(self) -> str:
        """Person and video, ``id10001#1zcIwhmdeo4``; and the utterance where each has a file of its own."""
        first = self.utterances[0]
        own_file = first.annotation is None and first.row is None and first.name != WHOLE_VIDEO
        return f"{self.person_id}#{self.video_id}" + (f"#{first.name}" if own_file else "")

    def input_name(self, utterance: Utterance) -> str:
        """The name of an utterance in the ledger, ``id10001#1zcIwhmdeo4#00001.txt``."""
        return f"{self.person_id}#{self.video_id}#{utterance.name}.txt"

    def clip_id(self, utterance: Utterance, number: int) -> str:
        """The key of a clip."""
        return str(ClipId(self.person_id, self.video_id, utterance.name, number))


def annotated_videos(raw: str | os.PathLike[str], annotations: str | os.PathLike[str]) -> list[SourceVideo]:
    """List the videos that a folder of VoxCeleb annotations speaks of, sorted; those that are not in ``raw`` too.

    A video is found by its id: ``<id>.mp4`` in any container, in any subfolder, or ``... [<id>].mp4``.

    Raises:
        SourceUnavailableError: A folder is not there or empty.
    """
    files = _VideoFiles(raw)
    grouped: dict[tuple[str, str], list[Utterance]] = {}
    for person_id, video_id, path in annotation_files(annotations):
        grouped.setdefault((person_id, video_id), []).append(Utterance(path.stem, annotation=path))
    return [
        SourceVideo(person_id, video_id, files.by_id(video_id), tuple(sorted(wanted, key=lambda each: each.name)))
        for (person_id, video_id), wanted in sorted(grouped.items())
    ]


def metadata_videos(
    raw: str | os.PathLike[str], metadata: str | os.PathLike[str]
) -> tuple[list[SourceVideo], Metadata]:
    """List the videos that a vox-metadata.csv speaks of, sorted; those that are not in ``raw`` too.

    Raises:
        SourceUnavailableError: The folder or the file is not there.
        CorruptSourceError: The file is not what it should be.
    """
    table = read_metadata(metadata)
    files = _VideoFiles(raw)
    grouped: dict[tuple[str, str], list[Utterance]] = {}
    for row in table.rows:
        grouped.setdefault((row.person_id, row.video_id), []).append(Utterance(row.utterance, row=row))
    videos = [
        SourceVideo(person_id, video_id, files.by_id(video_id), tuple(wanted))
        for (person_id, video_id), wanted in sorted(grouped.items())
    ]
    return videos, table


def free_videos(raw: str | os.PathLike[str], identities: str | os.PathLike[str] | None = None) -> list[SourceVideo]:
    """List the videos of a folder that nobody annotated, or a single video.

    The identity comes from ``identities`` where it names the file, else from the file's name ``PERSON#VIDEO.mp4``, else
    from its place ``PERSON/VIDEO/UTTERANCE.mp4`` or ``PERSON/VIDEO.mp4``; a file with none of these is a person of its
    own.

    Args:
        raw: A folder, or one video.
        identities: A CSV file with the columns ``file`` (relative to ``raw``) and ``person_id``, and if wanted
            ``video_id``. A file that it names and that is not there is listed without a path.

    Raises:
        SourceUnavailableError: There is nothing.
        CorruptSourceError: ``identities`` lacks a column.
        ConfigError: Two files would have the same key.
    """
    files = _VideoFiles(raw)
    if not files.paths:
        raise SourceUnavailableError(f"{raw}: there is no video in it; files that end in {_SUFFIXES} are known")
    named = _read_identities(Path(identities)) if identities is not None else {}
    found: dict[tuple[str, str, str], Path | None] = {}
    for path in files.paths:
        relative = path.relative_to(files.root)
        parts = named.pop(relative.as_posix(), None) or _name_parts(relative)
        if parts in found:
            raise ConfigError(
                f"{path} and {found[parts]} would both become {parts[0]}#{parts[1]}; rename one, or say who they are "
                "in a CSV file with the columns file, person_id, video_id (--identities)"
            )
        found[parts] = path
    for parts in named.values():
        found.setdefault(parts, None)
    grouped: dict[tuple[str, str, Path | None], list[Utterance]] = {}
    for (person_id, video_id, utterance), found_path in found.items():
        grouped.setdefault((person_id, video_id, found_path), []).append(Utterance(utterance))
    return [
        SourceVideo(person_id, video_id, path, tuple(utterances))
        for (person_id, video_id, path), utterances in sorted(grouped.items(), key=lambda item: str(item[0]))
    ]


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
        raise SourceUnavailableError(f"{path}: the video cannot be read ({error}); check the file") from error
    return {"file": path.name, "size_bytes": size, "sha256_of_ends": digest.hexdigest()}


class _VideoFiles:
    """The videos under a folder, or a single one."""

    def __init__(self, raw: str | os.PathLike[str]) -> None:
        root = Path(raw)
        if root.is_file():
            self.root, self.paths = root.parent, [root]
        elif root.is_dir():
            self.root = root
            self.paths = sorted(
                path
                for path in root.rglob("*")
                if path.suffix.lower() in VIDEO_SUFFIXES
                and not any(part.startswith(".") or part == "__MACOSX" for part in path.relative_to(root).parts)
                and path.is_file()
            )
        else:
            raise SourceUnavailableError(f"{root}: there is no such folder or video; check the path")
        self._by_id: dict[str, Path] = {}
        for path in reversed(self.paths):
            self._by_id[path.stem] = path
            if path.stem.endswith("]"):  # as yt-dlp names files
                self._by_id.setdefault(path.stem.rpartition("[")[2][:-1], path)

    def by_id(self, video_id: str) -> Path | None:
        return self._by_id.get(video_id)


def _name_parts(relative: Path) -> tuple[str, str, str]:
    stem, folders = relative.stem, relative.parts[:-1]
    if "#" in stem:
        person_id, video_id, *rest = stem.removesuffix(".txt").split("#")
        return _clean(person_id), _clean(video_id), _clean("-".join(rest).replace(".txt", "")) or WHOLE_VIDEO
    if len(folders) >= 2:
        return _clean(folders[-2]), _clean(folders[-1]), _clean(stem)
    return _clean(folders[-1] if folders else stem), _clean(stem), WHOLE_VIDEO


def _clean(name: str) -> str:
    return "".join("_" if character in "#/\\" or not character.isprintable() else character for character in name)


def _read_identities(path: Path) -> dict[str, tuple[str, str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows: Sequence[dict[str, str]] = list(csv.DictReader(file, skipinitialspace=True))
    except OSError as error:
        raise SourceUnavailableError(f"{path}: the identities cannot be read ({error}); check the path") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise CorruptSourceError(f"{path}: this is no CSV file ({error})") from error
    known: Iterable[str] = rows[0] if rows else ()
    missing = [name for name in ("file", "person_id") if name not in known]
    if missing:
        raise CorruptSourceError(
            f"{path}: the identities lack the column {' and '.join(missing)}; expected file, person_id, and if wanted "
            "video_id"
        )
    named = {}
    for number, row in enumerate(rows, 2):
        file_name, person_id = (row["file"] or "").strip(), (row["person_id"] or "").strip()
        if not file_name or not person_id:
            raise CorruptSourceError(f"{path}, line {number}: it names no file or no person")
        video_id = (row.get("video_id") or "").strip() or Path(file_name).stem
        named[Path(file_name).as_posix()] = (_clean(person_id), _clean(video_id), WHOLE_VIDEO)
    return named

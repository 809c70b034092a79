"""Find the videos in a folder."""

import logging
import os
import urllib.parse
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path, PurePath, PurePosixPath
from typing import NamedTuple

from mmvoxceleb.counting import counted
from mmvoxceleb.errors import SourceUnavailableError
from mmvoxceleb.files.opening import open_tree
from mmvoxceleb.files.quoting import quoted
from mmvoxceleb.files.ranges import is_url
from mmvoxceleb.files.tree import FileTree
from mmvoxceleb.processing.crop.names import plain_name
from mmvoxceleb.processing.crop.sources.outputs import is_output, is_remote_output
from mmvoxceleb.processing.crop.videos import SourceVideo, Utterance

__all__ = ["FoundVideo", "VideoFiles", "video_of", "walk"]

logger = logging.getLogger(__name__)

_SUFFIXES = (
    "264 265 3g2 3gp asf avi divx dv f4v flv gxf h263 h264 h265 hevc ivf m1v m2p m2t m2ts m2v m4v mk3d mkv mov mp4 "
    "mpe mpeg mpg mpv mts mxf nut obu ogm ogv qt rm rmvb tp trp ts vob webm wmv wtv y4m"
)

VIDEO_SUFFIXES = frozenset(f".{suffix}" for suffix in _SUFFIXES.split())
"""Files that are taken for videos in a folder. A file named by itself may have any name."""


_OTHERS = (
    "aac aif aiff ass bmp csv db doc docx flac gz html ini jpeg jpg json jsonl log lrc m4a md mp3 nfo npy npz oga opus "
    "pdf pickle pkl png pt pth py sh srt sub tar tif tiff toml tsv txt url vtt wav webp wma xls xlsx xml yaml yml zip"
)
_BESIDE = frozenset(_OTHERS.split())
"""Endings of files that often lie beside videos, and are none."""

_MOST_NAMED = 20


class FoundVideo(NamedTuple):
    """A video in a source.

    Args:
        relative: Its path below the source.
        path: The file, on this machine.
        remote: Its URL, where it is elsewhere; one of the two is given.
        is_named: Whether it is the source itself.
    """

    relative: PurePath
    path: Path | None = None
    remote: str = ""
    is_named: bool = False


class VideoFiles:
    """The videos under a folder, or a single one.

    Args:
        raw: The folder or the video, on disk or behind an fsspec URL. Hidden files and folders are left out, and so
            are stores and exports that lie below, such as the output of this very run. Links to folders are followed.

    Raises:
        SourceUnavailableError: There is no such folder or video, or it cannot be listed.
    """

    def __init__(self, raw: str | os.PathLike[str]) -> None:
        self._raw = plain_name(raw)
        self.root: PurePath
        self._outputs: list[str] = []
        if is_url(os.fspath(raw)):
            self.root, files = _remote_files(os.fspath(raw), self._outputs)
        else:
            self.root, files = _local_files(Path(raw), self._outputs)
        self.found: list[FoundVideo] = []
        self._others: dict[str, FoundVideo] = {}
        self._beside: Counter[str] = Counter()
        for each in files:
            suffix = each.relative.suffix.lower()
            if each.is_named or suffix in VIDEO_SUFFIXES:  # a file that was named by itself may have any name
                self.found.append(each)
            elif suffix[1:] in _BESIDE:
                self._beside[suffix] += 1
            else:
                self._others[each.relative.as_posix()] = each
        self.found.sort(key=_first_choice)
        self._by_place = {each.relative.as_posix(): each for each in self.found}
        self._by_id: dict[str, FoundVideo] = {}
        for found in reversed(self.found):
            stem = found.relative.stem
            self._by_id[stem] = found
            if stem.endswith("]"):  # as yt-dlp names files
                self._by_id.setdefault(stem.rpartition("[")[2][:-1], found)

    def require(self) -> None:
        """Refuse a place without videos.

        Raises:
            SourceUnavailableError: There is none.
        """
        if not self.found:
            raise SourceUnavailableError(
                f"{self._raw}: holds no video. Put face videos into it, or name another folder. "
                f"Known endings: {_SUFFIXES}"
            )

    def at(self, place: str) -> FoundVideo | None:
        """Return the file of this path below the source, whatever it ends in."""
        return self._by_place.get(place) or self._others.get(place)

    def not_taken(self, named: Collection[str] = ()) -> str:
        """Say which folders are not searched and which files are not taken for videos; empty if there are none.

        Args:
            named: Files that a table names, which are taken.
        """
        outputs = f"not searched for videos (stores and exports): {_first_of(sorted(self._outputs))}"
        return "; ".join(part for part in (outputs * bool(self._outputs), self._other_files(named)) if part)

    def _other_files(self, named: Collection[str]) -> str:
        others = sorted(plain_name(place) for place in self._others.keys() - set(named))
        endings = ", ".join(sorted(self._beside)[:_MOST_NAMED])
        endings += ", ..." if len(self._beside) > _MOST_NAMED else ""
        beside = f"{counted(self._beside.total(), 'other file')} ({endings})" if self._beside else ""
        if not others:
            return f"not taken: {beside}" if beside else ""
        return (
            f"not taken, for their endings: {_first_of(others)}{', and ' if beside else ''}{beside}; name a video "
            "among them in a CSV list to take it"
        )

    def by_id(self, video_id: str) -> FoundVideo | None:
        """Return ``<id>.mp4`` in any container and subfolder, or ``... [<id>].mp4``."""
        return self._by_id.get(video_id)


def video_of(
    person_id: str,
    video_id: str,
    found: FoundVideo | None,
    utterances: tuple[Utterance, ...],
    url: str = "",
) -> SourceVideo:
    """Say of a video what is wanted of it, and where it is; None if it is not there."""
    path, remote = (found.path, found.remote) if found is not None else (None, "")
    return SourceVideo(person_id, video_id, path, utterances, url, remote)


def _first_of(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(quoted(name) for name in names[:_MOST_NAMED]) + more


def _local_files(root: Path, outputs: list[str]) -> tuple[PurePath, Iterable[FoundVideo]]:
    if root.is_file():
        return root.parent.absolute(), [FoundVideo(PurePath(root.name), root, is_named=True)]
    if not root.is_dir():
        raise SourceUnavailableError(f"{plain_name(root)}: no such folder or video; check the path")
    return root.absolute(), (FoundVideo(path.relative_to(root), path) for path in walk(root, outputs))


def _remote_files(url: str, outputs: list[str]) -> tuple[PurePath, Iterable[FoundVideo]]:
    place = PurePosixPath(urllib.parse.unquote(url.partition("://")[2].partition("?")[0]))
    if place.suffix.lower() in VIDEO_SUFFIXES:
        return place.parent, [FoundVideo(PurePosixPath(place.name), remote=url, is_named=True)]
    found = _walk_remote(open_tree(url), "", _MOST_LEVELS, outputs)
    return place, (FoundVideo(PurePosixPath(path), remote=address) for path, address in found)


_MOST_LEVELS = 32


def _walk_remote(tree: FileTree, path: str, levels: int, outputs: list[str]) -> Iterator[tuple[str, str]]:
    if not levels:
        raise SourceUnavailableError(f"{tree.location}/{path}: folders are nested over {_MOST_LEVELS} levels deep")
    items = tree.items(path)
    if path and is_remote_output(tree, path, items):
        outputs.append(plain_name(path))
        return
    for item in items:
        below = f"{path}/{item.name}" if path else item.name
        if item.is_folder:
            yield from _walk_remote(tree, below, levels - 1, outputs)
        else:
            yield below, tree.source(below).location


def walk(root: Path, outputs: list[str] | None = None) -> Iterator[Path]:
    """List the files under a folder, those of real folders before those behind links.

    Each folder is gone through once, however many links lead to it, so links that go round in circles end. What cannot
    be listed is named in the log.

    Args:
        root: The folder.
        outputs: Gets the stores and exports below it, which are not gone into; None to go into them, too.
    """
    seen: set[tuple[int, int]] = set()
    folders, links = [root], list[Path]()
    while folders or links:
        folder = folders.pop() if folders else links.pop(0)
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
            if outputs is not None and folder != root and is_output(folder, [entry.name for entry in entries]):
                outputs.append(plain_name(folder.relative_to(root)))
                continue
        except OSError as error:
            logger.warning("%s: cannot be listed (%s), so its videos are missing", plain_name(folder), error.strerror)
            continue
        for entry in entries:
            if entry.name.startswith(".") or entry.name == "__MACOSX":
                continue
            path = folder / entry.name
            if path.is_dir():
                (links if entry.is_symlink() else folders).append(path)
            elif path.is_file():
                yield path


def _first_choice(found: FoundVideo) -> tuple[str, str, bool, str]:
    """Of files that differ in their suffix ``.mp4`` goes first, of those that differ in case small letters."""
    stem, suffix = str(found.relative.with_suffix("")), found.relative.suffix
    return stem.casefold(), stem.swapcase(), suffix != ".mp4", suffix

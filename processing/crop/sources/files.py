"""Find the videos in a folder."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from mmvoxceleb.errors import SourceUnavailableError
from mmvoxceleb.processing.crop.names import plain_name

__all__ = ["VIDEO_SUFFIXES", "VideoFiles", "walk"]

logger = logging.getLogger(__name__)

_SUFFIXES = "3gp asf avi divx f4v flv m2ts m4v mkv mov mp4 mpeg mpg mts mxf ogv ts vob webm wmv"

VIDEO_SUFFIXES = frozenset(f".{suffix}" for suffix in _SUFFIXES.split())
"""Files that are taken for videos in a folder. A file named by itself may have any name."""


class VideoFiles:
    """The videos under a folder, or a single one.

    Args:
        raw: The folder or the video. Hidden files and folders are left out, links to folders are followed.

    Raises:
        SourceUnavailableError: There is no such folder or video.
    """

    def __init__(self, raw: str | os.PathLike[str]) -> None:
        root = Path(raw)
        if root.is_file():
            self.root, self.paths = root.parent, [root]
        elif root.is_dir():
            self.root = root
            self.paths = sorted(path for path in walk(root) if path.suffix.lower() in VIDEO_SUFFIXES)
        else:
            raise SourceUnavailableError(f"{plain_name(root)}: there is no such folder or video; check the path")
        self._by_id: dict[str, Path] = {}
        for path in sorted(self.paths, key=_first_choice, reverse=True):
            self._by_id[path.stem] = path
            if path.stem.endswith("]"):  # as yt-dlp names files
                self._by_id.setdefault(path.stem.rpartition("[")[2][:-1], path)

    def require(self) -> None:
        """Refuse a place without videos.

        Raises:
            SourceUnavailableError: There is none.
        """
        if not self.paths:
            raise SourceUnavailableError(
                f"{plain_name(self.root)}: there is no video in it; files that end in {_SUFFIXES} are known"
            )

    def relative(self) -> Iterator[tuple[Path, Path]]:
        """Yield each file with its path below the folder.

        Of files that differ in their suffix, ``.mp4`` first, and of those that differ in case, small letters.
        """
        for path in sorted(self.paths, key=_first_choice):
            yield path, path.relative_to(self.root)

    def by_id(self, video_id: str) -> Path | None:
        """Return ``<id>.mp4`` in any container and subfolder, or ``... [<id>].mp4``."""
        return self._by_id.get(video_id)


def walk(root: Path) -> Iterator[Path]:
    """List the files under a folder, those of real folders before those behind links.

    Each folder is gone through once, however many links lead to it, so links that go round in circles end. What cannot
    be listed is named in the log.
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


def _first_choice(path: Path) -> tuple[str, str, bool, str]:
    stem = str(path.with_suffix(""))
    return stem.casefold(), stem.swapcase(), path.suffix != ".mp4", path.suffix

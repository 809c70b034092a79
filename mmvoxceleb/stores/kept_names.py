"""The names of a large local store's clips, kept in the cache: to list a million files takes longer than to read this.

A folder's names are those of the last time while its modification and change times are the same, which every file
that is added, deleted or renamed in it changes. Only file systems on which that is known to hold are trusted.
"""

import hashlib
import json
import logging
import os
import shutil
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmvoxceleb.cache import cache_dir
from mmvoxceleb.files.atomic import write_atomically

__all__ = ["FEWEST_NAMES", "KeptNames", "folder_mark", "forget_names"]

FEWEST_NAMES = 20_000
"""Folders with fewer names are listed each time, which takes some 30 ms."""
_SETTLED_SECONDS = 2.0
"""How old the last change of a folder must be: within the resolution of its times, the next one could look the same."""
_TRUSTED = frozenset({"btrfs", "ext2", "ext3", "ext4", "f2fs", "tmpfs", "xfs", "zfs"})
_MOUNTS = "/proc/self/mountinfo"
_FORMAT = 1
_SEPARATOR = "/"  # no file has it in its name

logger = logging.getLogger(__name__)


class KeptNames:
    """What is kept of one store's folders. Nothing that goes wrong here is an error: the folder is listed.

    Args:
        root: The store's folder.
    """

    def __init__(self, root: str) -> None:
        self._folder = _folder_of(root)

    def digest(self, base: str, mark: str, suffix: str) -> str:
        """Return what stands for the names of a folder, ``""`` where nothing is known of this state of it.

        Args:
            base: The folder, relative to the store.
            mark: Its state, of :func:`folder_mark`.
            suffix: What follows the clip in the name of each file.
        """
        kept = _read(self._folder / _entry_name(base))
        if not mark or (kept.get("format"), kept.get("mark"), kept.get("suffix")) != (_FORMAT, mark, suffix):
            return ""
        digest = kept.get("names")
        return digest if isinstance(digest, str) and len(digest) == 64 and digest.isalnum() else ""

    def names(self, digest: str) -> list[str] | None:
        """Return the clips that a digest stands for, sorted; None if they are lost or damaged."""
        try:
            data = zlib.decompress((self._folder / f"{digest}.names").read_bytes())
        except (OSError, zlib.error):
            return None
        return data.decode().split(_SEPARATOR) if _digest(data) == digest else None

    def keep(self, base: str, mark: str, suffix: str, clips: Sequence[str]) -> None:
        """Keep the clips of a folder in which nothing else is.

        Args:
            base: As of :meth:`digest`.
            mark: As of :meth:`digest`, taken before the folder was listed.
            suffix: As of :meth:`digest`.
            clips: Their names, sorted.
        """
        data = _SEPARATOR.join(clips).encode()
        entry = {"format": _FORMAT, "mark": mark, "suffix": suffix, "names": _digest(data)}
        try:
            names = self._folder / f"{entry['names']}.names"
            if not names.exists():
                write_atomically(names, zlib.compress(data, 1))
            write_atomically(self._folder / _entry_name(base), json.dumps(entry).encode())
            self._drop_unused()
        except OSError as error:
            logger.info("%s: the names of a store's clips are not kept there: %s", self._folder, error)

    def _drop_unused(self) -> None:
        used = {_read(path).get("names") for path in self._folder.glob("*.json")}
        for path in self._folder.glob("*.names"):
            if path.stem not in used:
                path.unlink(missing_ok=True)


def folder_mark(folder: str) -> str:
    """Tell the state of a local folder, which is another one after anything in it was added, deleted or renamed.

    Returns:
        Device, inode and times of change in nanoseconds; ``""`` where those cannot be relied on: on file systems that
        are not local or not known, and right after a change.
    """
    try:
        status = os.stat(folder)
    except OSError:
        return ""
    if time.time() - max(status.st_mtime, status.st_ctime) < _SETTLED_SECONDS or not _is_trusted(status.st_dev):
        return ""
    return f"{status.st_dev} {status.st_ino} {status.st_mtime_ns} {status.st_ctime_ns}"


def forget_names(root: str | os.PathLike[str]) -> None:
    """Delete what is kept of a store's names, for somebody was removed from it."""
    shutil.rmtree(_folder_of(os.fspath(root)), ignore_errors=True)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _is_trusted(device: int) -> bool:
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        with open(_MOUNTS, encoding="utf-8", errors="replace") as file:
            for line in file:
                fields, _, rest = line.partition(" - ")
                if fields.split()[2] == number:
                    return rest.split()[0] in _TRUSTED
    except (OSError, IndexError):
        return False
    return False


def _folder_of(root: str) -> Path:
    return cache_dir() / "names" / hashlib.sha256(os.fsencode(os.path.realpath(root))).hexdigest()[:32]


def _entry_name(base: str) -> str:
    return f"{hashlib.sha256(os.fsencode(base)).hexdigest()[:32]}.json"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

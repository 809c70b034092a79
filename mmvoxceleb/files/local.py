"""A folder on disk, to read and to write."""

import errno
import os
import stat
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from mmvoxceleb.files.atomic import (
    clean_partial,
    make_folder,
    remove_folder,
    sync_file,
    write_atomically,
    write_folder,
)
from mmvoxceleb.files.inside import check_inside, inside
from mmvoxceleb.files.partial import PARTIAL
from mmvoxceleb.files.ranges import LocalSource, stat_file
from mmvoxceleb.files.retry import with_retries
from mmvoxceleb.files.tree import Content, Item, Kind, Mark, Outline, OutputTree, several, visible
from mmvoxceleb.files.version import version_of_stat

__all__ = ["LocalTree"]

_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.EBADF, errno.ELOOP)
"""What the system says of a path at which there is nothing, or a circle of links."""

_FEW, _THREADS = 1024, 4
"""Files that one thread looks at, and threads for more."""


class LocalTree(OutputTree):
    """A folder on disk; made when something is written.

    Args:
        path: The folder.
    """

    is_local = True

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.address = os.fspath(path)
        self._start = os.path.join(self.address, "")
        self._threads = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.address,)

    @property
    def root(self) -> Path:
        """The folder."""
        return Path(self.address)

    def items(self, path: str = "") -> list[Item]:
        folder = os.path.join(self.address, path)

        def scan() -> list[Item]:
            with os.scandir(folder) as entries:
                return [_item(entry) for entry in entries]

        return visible(with_retries(scan, folder))

    def outline(self, path: str = "") -> Outline:
        folder = os.path.join(self.address, path)

        def scan() -> Outline:
            files: list[str] = []
            folders: list[str] = []
            with os.scandir(folder) as entries:
                for entry in entries:
                    (folders if entry.is_dir() else files).append(entry.name)
            return Outline(files, folders)

        return with_retries(scan, folder)

    def look(self, paths: Sequence[str]) -> list[Item]:
        """Say of files what :meth:`items` says; of many on several threads, for the disk may be a network's."""
        if len(paths) < _FEW:
            return self._look(paths)
        with ThreadPoolExecutor(_THREADS) as pool:
            chunks = [paths[first : first + _FEW] for first in range(0, len(paths), _FEW)]
            return [item for items in pool.map(self._look, chunks) for item in items]

    def _look(self, paths: Sequence[str]) -> list[Item]:
        try:
            return [_looked_at(self._start + path) for path in paths]
        except OSError:
            return with_retries(lambda: [_looked_at(self._start + path) for path in paths], self.where(several(paths)))

    def read_files(self, paths: Sequence[str], *, most_bytes: int) -> list[bytes]:
        def read(path: str) -> bytes:
            stat_file(path)
            with open(path, "rb") as file:
                return file.read()

        full = [os.path.join(self.address, path) for path in paths]
        return [with_retries(partial(read, path), path) for path in full]

    def source(self, path: str, told: Item | None = None) -> LocalSource:
        return LocalSource(os.path.join(self.address, path))

    def below(self, path: str) -> "LocalTree":
        return LocalTree(os.path.join(self.address, path))

    def _at(self, path: str) -> Path:
        """Return the place of a path; names of clips in it may come from records and lists of others.

        Raises:
            UnsafeArchiveError: It leaves this folder.
        """
        return Path(self._text_at(path))

    def _text_at(self, path: str) -> str:
        """Do the same where a million files are asked for, and a ``Path`` of each takes longer than the answer."""
        return self._start + check_inside(path, self.address) if path else self.address

    def _own_file(self, path: str) -> Path:
        """Return the place of a file that is opened as it is, and so must be no link to somewhere else.

        A folder of a modality may be a link: its owner lets it lie on another disk.
        """
        full = self._at(path)
        return inside(full.parent, full.name) if full.is_symlink() else full

    def kind(self, path: str) -> Kind | None:
        full = self._text_at(path)
        try:
            mode = os.stat(full).st_mode
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise
        return "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else None

    def read(self, path: str) -> bytes | None:
        full = self._text_at(path)
        try:
            with open(self._own_file(path) if os.path.islink(full) else full, "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def mark(self, path: str) -> Mark | None:
        try:
            status = os.lstat(self._text_at(path))
        except OSError:
            return None
        is_file = stat.S_ISREG(status.st_mode)  # what a link leads to may change unseen
        return (status.st_size, status.st_mtime_ns, status.st_ino) if is_file else None

    def names(self, path: str) -> list[str]:
        try:
            return sorted(os.listdir(self._at(path)))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def write(self, path: str, content: Content) -> None:
        write_atomically(self._at(path), content)

    def write_folder(self, path: str, files: Sequence[tuple[str, Content]]) -> None:
        write_folder(self._at(path), files)

    def remove(self, path: str) -> None:
        full = self._at(path)
        if full.is_dir():
            remove_folder(full)
        else:
            full.unlink(missing_ok=True)

    def append(self, path: str, data: bytes) -> None:
        full = self._own_file(path)
        make_folder(full.parent)
        with full.open("a+b") as file:
            if file.tell() and not self._ends_a_line(file):
                data = b"\n" + data  # what a killed run left unfinished must not swallow what follows
            file.write(data)
        sync_file(full)

    @staticmethod
    def _ends_a_line(file: BinaryIO) -> bool:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"

    def read_log(self, path: str) -> bytes:
        return self.read(path) or b""

    def rewrite_log(self, path: str, change: Callable[[bytes], bytes | None]) -> None:
        changed = change(self.read_log(path))
        if changed is not None:
            self.write(path, changed)

    @contextmanager
    def lock(self, path: str) -> Iterator[None]:
        """Hold off other threads, then other processes."""
        from filelock import FileLock

        folder = self._at(path)
        folder.mkdir(parents=True, exist_ok=True)
        with self._threads, FileLock(folder / ".lock"):
            yield

    @contextmanager
    def alone(self, folder: str, purpose: str) -> Iterator[None]:
        from filelock import FileLock

        place = self._at(folder)
        make_folder(place)
        with FileLock(place / f".{purpose}.lock"):
            yield

    def size(self, path: str) -> int:
        full = self._at(path)
        return full.stat().st_size if full.is_file() else 0

    def clean_partial(self, folders: Iterable[str]) -> int:
        bases = [self._at(folder) for folder in folders]
        return clean_partial(path for base in bases if base.is_dir() for path in base.glob(f"{PARTIAL}*"))


def _looked_at(path: str) -> Item:
    name = path.rpartition("/")[2]
    try:
        status = os.stat(path)
    except FileNotFoundError:  # a dangling link
        return Item(name, is_folder=False)
    return Item(name, is_folder=False, size=status.st_size, version=version_of_stat(status))


def _item(entry: "os.DirEntry[str]") -> Item:
    if entry.is_dir():
        return Item(entry.name, is_folder=True)
    try:
        status = entry.stat()
    except FileNotFoundError:  # a dangling link
        return Item(entry.name, is_folder=False)
    return Item(entry.name, is_folder=False, size=status.st_size, version=version_of_stat(status))

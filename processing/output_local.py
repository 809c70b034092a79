"""Write into a folder on disk."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal

from mmvoxceleb.errors import ConfigError
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
from mmvoxceleb.processing.output_tree import Layout, OutputTree

__all__ = ["LocalOutput"]


class LocalOutput(OutputTree):
    """A folder on disk; made when something is written.

    Args:
        path: The folder.
    """

    layouts: tuple[Layout, ...] = ("folder", "packed")
    is_local = True

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.root = Path(path)
        self.address = str(self.root)
        self._threads = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {"root": self.root}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["root"])  # type: ignore[misc]

    def check(self) -> None:
        if self.root.exists() and not self.root.is_dir():
            raise ConfigError(f"{self.root} is a file; name a folder for the results")

    def _at(self, path: str) -> Path:
        """Return the place of a path; names of clips in it may come from records and lists of others.

        Raises:
            UnsafeArchiveError: It leaves this folder.
        """
        return self.root / check_inside(path, str(self.root)) if path else self.root

    def _own_file(self, path: str) -> Path:
        """Return the place of a file that is opened as it is, and so must be no link to somewhere else.

        A folder of a modality may be a link: its owner lets it lie on another disk.
        """
        full = self._at(path)
        return inside(full.parent, full.name) if full.is_symlink() else full

    def kind(self, path: str) -> Literal["file", "folder"] | None:
        full = self._at(path)
        return "file" if full.is_file() else "folder" if full.is_dir() else None

    def read(self, path: str) -> bytes | None:
        try:
            return self._own_file(path).read_bytes()
        except FileNotFoundError:
            return None

    def names(self, path: str) -> list[str]:
        try:
            return sorted(os.listdir(self._at(path)))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def write(self, path: str, data: bytes) -> None:
        write_atomically(self._at(path), data)

    def write_folder(self, path: str, files: Sequence[tuple[str, bytes]]) -> None:
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
    def alone(self, purpose: str) -> Iterator[None]:
        from filelock import FileLock

        folder = self._at("meta")
        make_folder(folder)
        with FileLock(folder / f".{purpose}.lock"):
            yield

    def size(self, path: str) -> int:
        full = self._at(path)
        return full.stat().st_size if full.is_file() else 0

    def clean_partial(self, folders: Iterable[str]) -> int:
        bases = [self._at(folder) for folder in folders]
        return clean_partial(path for base in bases if base.is_dir() for path in base.glob(f"{PARTIAL}*"))

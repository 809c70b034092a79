"""Write clips into a store: each appears whole under its final name, or not at all."""

import os
import re
import shutil
import socket
import tempfile
import time
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from mmvoxceleb.schema import Folder

__all__ = ["StoreWriter", "partial_prefix", "write_atomically"]

_PARTIAL = ".partial-"
_ABANDONED_SECONDS = 24 * 3600
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write ``data`` beside ``path`` and rename it there, so that no reader ever sees a part of it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(prefix=partial_prefix(), dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(partial, 0o644)
        os.replace(partial, path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise


class StoreWriter:
    """Writes the original layout, as folders of files or packed as one stored zip per clip.

    Args:
        root: The store's folder; made when absent.
        layout: ``folder``: ``video/<clip_id>/0000000.png``; ``packed``: ``video/<clip_id>.zip``, a stored
            (not deflated) zip of the same files. ``txt``, ``label`` and ``meta`` are single files in both.
    """

    def __init__(self, root: str | os.PathLike[str], layout: Literal["folder", "packed"] = "folder") -> None:
        self.root = Path(root)
        self.layout = layout

    def path_of(self, folder: Folder, clip_id: str) -> Path:
        """Tell where a clip's files go: a folder, a zip, or a single file."""
        if folder.is_frames:
            return self.root / folder.path / (f"{clip_id}.zip" if self.layout == "packed" else clip_id)
        return self.root / folder.path / (f"{clip_id}.json" if folder.modality == "meta" else f"{clip_id}.txt")

    def has(self, folder: Folder, clip_id: str) -> bool:
        """Tell whether a clip is there, in either layout. What is there is whole."""
        if not folder.is_frames:
            return self.path_of(folder, clip_id).is_file()
        base = self.root / folder.path
        return (base / clip_id).is_dir() or (base / f"{clip_id}.zip").is_file()

    def write(self, folder: Folder, clip_id: str, files: Sequence[tuple[str, bytes]]) -> Path:
        """Write a clip's files, replacing what was there, and return the final path.

        Args:
            folder: Where in the layout.
            clip_id: The key.
            files: ``(name, bytes)``; exactly one for a single-file folder, whose name is not used.
        """
        path = self.path_of(folder, clip_id)
        if not folder.is_frames:
            ((_, data),) = files
            write_atomically(path, data)
        elif self.layout == "packed":
            write_atomically(path, _pack(files))
            shutil.rmtree(path.parent / clip_id, ignore_errors=True)
        else:
            self._write_folder(path, files)
            (path.parent / f"{clip_id}.zip").unlink(missing_ok=True)
        return path

    def remove(self, folder: Folder, clip_id: str) -> None:
        """Take a clip out of a folder; nothing happens where it is absent."""
        if not folder.is_frames:
            self.path_of(folder, clip_id).unlink(missing_ok=True)
            return
        base = self.root / folder.path
        (base / f"{clip_id}.zip").unlink(missing_ok=True)
        _remove_tree(base / clip_id)

    def clean_partial(self, folders: Iterable[Folder]) -> int:
        """Delete what killed runs left under temporary names in ``folders``; return how many there were.

        What a process that is still alive is writing stays, and so does what another machine wrote in the last day.
        """
        count = 0
        for folder in folders:
            base = self.root / folder.path
            for leftover in base.glob(f"{_PARTIAL}*") if base.is_dir() else ():
                if _is_abandoned(leftover):
                    shutil.rmtree(leftover, ignore_errors=True) if leftover.is_dir() else leftover.unlink(True)
                    count += 1
        return count

    def _write_folder(self, path: Path, files: Sequence[tuple[str, bytes]]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=partial_prefix(), dir=path.parent))
        try:
            for name, data in files:
                (partial / name).write_bytes(data)
            partial.chmod(0o755)
            _remove_tree(path)
            os.rename(partial, path)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


def partial_prefix() -> str:
    """Begin the name of a file that is not finished; :meth:`StoreWriter.clean_partial` knows whose it is."""
    return f"{_PARTIAL}{_host()}.{os.getpid()}."


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9-]", "_", socket.gethostname())


def _is_abandoned(leftover: Path) -> bool:
    host, _, rest = leftover.name.removeprefix(_PARTIAL).partition(".")
    process = rest.partition(".")[0]
    if host == _host() and process.isdigit():
        return int(process) != os.getpid() and not _is_alive(int(process))
    try:
        return time.time() - leftover.stat().st_mtime > _ABANDONED_SECONDS
    except FileNotFoundError:
        return False


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _remove_tree(path: Path) -> None:
    """Remove a folder so that no half of it is ever seen under its own name."""
    if path.is_dir():
        aside = Path(tempfile.mkdtemp(prefix=partial_prefix(), dir=path.parent)) / "old"
        os.rename(path, aside)
        shutil.rmtree(aside.parent, ignore_errors=True)


def _pack(files: Sequence[tuple[str, bytes]]) -> bytes:
    import io

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files:
            archive.writestr(zipfile.ZipInfo(name, _ZIP_DATE), data)
    return buffer.getvalue()

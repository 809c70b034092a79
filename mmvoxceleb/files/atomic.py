"""Write aside, bring it to the disk, then rename: no reader, no later run and no power cut ever sees half a file.

A rename may reach the disk before the content of the file that is renamed, so the content is synced before it, and
the folder that holds the name after it. The files of a clip are synced together, once all of them are written: the
disk then takes them in one go (benchmarks/results/pipeline.md has the cost).
"""

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mmvoxceleb.errors import MMVoxCelebError, OutputError
from mmvoxceleb.files.partial import PARTIAL, is_left_behind, partial_prefix

__all__ = [
    "clean_partial", "make_folder", "move_into_place", "reason_and_advice", "remove_folder", "replacing", "sync_file",
    "write_atomically", "write_folder", "writing",
]  # fmt: skip

_CANNOT_SYNC = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EPERM})
"""What file systems answer that have no syncing, and Windows for folders."""


@contextlib.contextmanager
def replacing(path: Path, *, synced: bool = True) -> Iterator[Path]:
    """Give a path beside ``path`` to write to; it takes the place of ``path`` at the end, or is deleted on an error.

    Args:
        path: What is replaced.
        synced: Bring it to the disk; what is checked when it is read and can be made again does without.
    """
    make_folder(path.parent)
    partial = _aside(path.parent)
    try:
        yield partial
        move_into_place(partial, path) if synced else os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise


def write_atomically(path: str | os.PathLike[str], content: bytes | Path) -> None:
    """Write a small file so that no reader ever sees a part of it.

    Args:
        path: The file.
        content: Its bytes, or a file that it becomes another name of (see :func:`_put`).

    Raises:
        OSError: It cannot be written. What was there before still is.
    """
    with replacing(Path(path)) as partial:
        _put(partial, content)


def write_folder(path: Path, files: Sequence[tuple[str, bytes | Path]]) -> None:
    """Write a folder of files that is whole as soon as it is seen, replacing what was there.

    Args:
        path: The folder.
        files: Names, and contents as of :func:`write_atomically`.

    Raises:
        OSError: It cannot be written.
    """
    make_folder(path.parent)
    partial = _aside(path.parent)
    partial.mkdir()
    try:
        for name, content in files:
            _put(partial / name, content)
        for name, _ in files:
            sync_file(partial / name)
        _sync_folder(partial)
        before = _move_aside(path)
        os.rename(partial, path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    _sync_folder(path.parent)
    if before is not None:  # only now: readers should miss the folder for no longer than a moment
        shutil.rmtree(before, ignore_errors=True)


def _put(path: Path, content: bytes | Path) -> None:
    """Write a new file; where ``content`` is one, as a hard link to it, or as a copy on a disk that has none."""
    if isinstance(content, bytes):
        path.write_bytes(content)
        return
    try:
        os.link(content, path)
    except OSError:
        shutil.copyfile(content, path)


def remove_folder(path: Path) -> None:
    """Remove a folder so that no half of it is ever seen under its own name; nothing happens if there is none."""
    before = _move_aside(path)
    if before is not None:
        shutil.rmtree(before, ignore_errors=True)


def _move_aside(path: Path) -> Path | None:
    """Give a folder a temporary name, and return it; None if there is none. A link is taken away."""
    if path.is_symlink():
        path.unlink()
    elif path.is_dir():
        aside = _aside(path.parent)
        os.rename(path, aside)
        return aside
    return None


def move_into_place(partial: Path, path: Path) -> None:
    """Rename a file that was written aside in the same folder, with its content on the disk before its name is."""
    sync_file(partial)
    os.replace(partial, path)
    _sync_folder(path.parent)


def make_folder(path: Path) -> None:
    """Make a folder and those above it that are absent; their names are on the disk when this returns."""
    absent: list[Path] = []
    while not path.is_dir():
        if os.path.lexists(path) and not path.is_dir():  # others may make it between the two questions
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
        absent.append(path)
        if path == path.parent:  # the working folder is gone
            break
        path = path.parent
    for folder in reversed(absent):
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def sync_file(path: Path) -> None:
    """Bring what was written to a file to the disk.

    Raises:
        OSError: The disk is full or broken, which some file systems notice only now.
    """
    _sync(path, os.O_RDWR)


def _sync_folder(path: Path) -> None:
    """Bring the names in a folder to the disk."""
    _sync(path, os.O_RDONLY)


def _sync(path: Path, flags: int) -> None:
    handle = None
    try:
        handle = os.open(path, flags)
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise
    finally:
        if handle is not None:
            os.close(handle)


def _aside(folder: Path) -> Path:
    return folder / f"{partial_prefix()}{secrets.token_hex(8)}"


def clean_partial(leftovers: Iterable[Path], *, all_of_them: bool = False) -> int:
    """Delete what killed runs left under temporary names; return how many there were.

    What a process that is still alive is writing stays, and so does what another machine wrote in the last day.

    Args:
        leftovers: Paths; those that are not temporary names are left alone.
        all_of_them: The caller holds a lock that every writer takes, so that nobody goes on with them.
    """
    count = 0
    for path in leftovers:
        if path.name.startswith(PARTIAL) and (all_of_them or is_left_behind(path)):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
            count += 1
    return count


@contextlib.contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn what the system says of a full or read-only disk into one clear error.

    Args:
        path: What is being written, for the message.

    Raises:
        OutputError: The block raised an OSError of the system.
    """
    try:
        yield
    except MMVoxCelebError:
        raise
    except OSError as error:
        raise OutputError(f"{path}: cannot be written {reason_and_advice(error, path)}") from error


def reason_and_advice(error: OSError, path: str | os.PathLike[str] = "") -> str:
    """Say why something could not be written, and what to do: ``(No space left on device); make room, ...``.

    Args:
        error: What the system said.
        path: What the message names already.
    """
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        advice = "make room, then rerun the command"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        advice = "fix its permissions, or use another place"
    else:
        advice = "fix that and rerun the command, or use another place"
    reason = error.strerror or str(error) or type(error).__name__
    name = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes | os.PathLike) else ""
    at = f" at {name}" if name and name != os.fspath(path) and PARTIAL not in name else ""
    return f"({reason}{at}); {advice}"

"""Write aside, then rename: no reader and no later run ever sees half a file."""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["PARTIAL", "clean_partial", "replacing", "sha256_of", "write_bytes", "write_folder"]

PARTIAL = ".partial-"


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path beside ``path`` to write to; it is renamed at the end, or deleted if the block fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{PARTIAL}{path.name}")
    try:
        yield partial
        with open(partial, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, data: bytes) -> None:
    """Write a small file."""
    with replacing(path) as partial:
        partial.write_bytes(data)


def write_folder(path: Path, files: Sequence[tuple[str, bytes]]) -> None:
    """Write a folder of files, replacing what was there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=PARTIAL, dir=path.parent))
    try:
        for name, data in files:
            (partial / name).write_bytes(data)
        partial.chmod(0o755)
        remove_folder(path)
        os.rename(partial, path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def remove_folder(path: Path) -> None:
    """Remove a folder so that no half of it is ever seen under its own name."""
    if path.is_dir():
        aside = Path(tempfile.mkdtemp(prefix=PARTIAL, dir=path.parent)) / "old"
        os.rename(path, aside)
        shutil.rmtree(aside.parent)


def clean_partial(root: Path) -> None:
    """Delete what a killed run left under temporary names anywhere below ``root``."""
    for leftover in list(root.rglob(f"{PARTIAL}*")):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """Hash a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()

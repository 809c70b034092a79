"""Paths that come from data: of shards in an export's notes, of a repository's ``export.json``, of clips in records.

Whoever wrote the data chose them. They name something below a folder of ours, or nothing.
"""

import re
from pathlib import Path

from mmvoxceleb.errors import UnsafeArchiveError
from mmvoxceleb.files.quoting import quoted

__all__ = ["check_inside", "inside"]

_USUAL = re.compile(r"(?![A-Za-z]:)(?:(?!\.\.?/)[^/\\\0]{1,63}/)*(?!\.\.?\Z)[^/\\\0]{1,63}")
"""Paths of parts that are short in any encoding: a million are checked when a run is planned."""
_DRIVE = re.compile(r"[A-Za-z]:")
_LONGEST_NAME_BYTES = 255
"""``NAME_MAX`` of Linux, macOS and Windows; longer names are errors of their own kind in each call of the system."""


def check_inside(path: object, where: str) -> str:
    """Return a path that was read from data, if it stays below the folder that it is relative to.

    Links are not looked at; :func:`inside` does both, for files on this machine.

    Args:
        path: Expected is a relative path with slashes, in its shortest form.
        where: The file that names it, for the message.

    Raises:
        UnsafeArchiveError: It is absolute, leaves the folder, or is not a plain path.
    """
    if isinstance(path, str):
        if _USUAL.fullmatch(path) is not None:
            return path
        parts = path.split("/")
        plain = not any(part in ("", ".", "..") or _is_too_long(part) for part in parts)
        if plain and "\\" not in path and "\0" not in path and _DRIVE.match(path) is None:
            return path
    raise UnsafeArchiveError(
        f"{where}: names {quoted(path)}, which is no path below its folder; nothing was changed there, so "
        "find out who made this file"
    )


def inside(root: Path, path: object, where: str | None = None) -> Path:
    """Return the place of a path that was read from data, if it is below ``root`` with all links followed.

    Args:
        root: The folder; it may itself be, or be reached by, a link.
        path: Relative to it, with slashes.
        where: The file that names it, for the message; by default ``root``.

    Raises:
        UnsafeArchiveError: It leaves ``root``, by its name or through a link.
    """
    full = root / check_inside(path, where or str(root))
    real = _real(root)
    if not _real(full).is_relative_to(real):
        raise UnsafeArchiveError(
            f"{full}: leads out of {root} through a link, to {_real(full)}; nothing was changed there, so replace the "
            "link with its target"
        )
    return full


def _real(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:  # links in a circle
        raise UnsafeArchiveError(f"{path}: its links lead nowhere ({error}); remove them") from error


def _is_too_long(name: str) -> bool:
    return len(name) > _LONGEST_NAME_BYTES or len(name.encode("utf-8", "surrogatepass")) > _LONGEST_NAME_BYTES

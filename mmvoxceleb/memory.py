"""How much memory this process may still use: of a shared machine, a container or a batch job often not all."""

import os
from pathlib import Path

from mmvoxceleb.cgroups import own_cgroups

__all__ = ["usable_memory"]

_MEMINFO = Path("/proc/meminfo")
_GROUP_FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
"""Limit, use, and the part of the use in ``memory.stat`` that is let go when it is wanted; version 2, version 1."""


def usable_memory() -> int:
    """Count the bytes that the machine has left, and the control group (Docker, Kubernetes, Slurm) where it has fewer.

    Returns:
        At least 0. What the system keeps of files that were read counts as free.
    """
    left = [room for folder in own_cgroups("memory") if (room := _left_in(folder)) is not None]
    return max(0, min([_left_on_machine(), *left]))


def _left_on_machine() -> int:
    try:
        for line in _MEMINFO.read_text().splitlines():
            name, _, value = line.partition(":")
            if name == "MemAvailable":
                return int(value.split()[0]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")  # no Linux: all that there is


def _left_in(folder: Path) -> int | None:
    for limit, use, freed in _GROUP_FILES:
        try:
            most = int((folder / limit).read_text())
            used = int((folder / use).read_text())
        except (OSError, ValueError):  # no limit: "max", or no such group
            continue
        return most - used + _figure(folder / "memory.stat", freed)
    return None


def _figure(path: Path, name: str) -> int:
    try:
        rows = (line.split() for line in path.read_text().splitlines())
        return next((int(row[1]) for row in rows if len(row) == 2 and row[0] == name), 0)
    except (OSError, ValueError):
        return 0

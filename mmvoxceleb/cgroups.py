"""The control groups of this process: what a container or a batch job is limited by."""

from pathlib import Path

__all__ = ["own_cgroups"]

_CGROUPS = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")


def own_cgroups(controller: str) -> list[Path]:
    """List the folders of our control group and of those above, which bind too; version 2, else 1.

    Args:
        controller: What is limited: ``cpu``, ``memory``.
    """
    try:
        lines = _OWN.read_text().splitlines()
    except OSError:
        return []
    folders = []
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, name = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        root = _CGROUPS / controller if controllers else _CGROUPS
        group = root / name.strip("/")
        folders += [root, group, *(parent for parent in group.parents if root in parent.parents)]
    return folders

"""How many processors this process may use: of a shared machine, a container or a batch job often not all."""

import math
import os
from pathlib import Path

from mmvoxceleb.cgroups import own_cgroups

__all__ = ["usable_cpus"]


def usable_cpus() -> int:
    """Count the processors that affinity (``taskset``, Slurm) and the quota of a cgroup (Docker, Kubernetes) leave us.

    Returns:
        At least 1. A quota of a part of a processor counts as a whole one.
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [quota for folder in own_cgroups("cpu") if (quota := _quota(folder)) is not None]
    return max(1, min([count, *map(math.ceil, quotas)]))


def _quota(folder: Path) -> float | None:
    try:
        if (folder / "cpu.max").is_file():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return int(quota) / int(period) if int(quota) > 0 else None
    except (OSError, ValueError, ZeroDivisionError):  # no quota: "max", or -1
        return None

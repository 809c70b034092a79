"""The temporary names of what is not whole yet: who writes it, and whether anybody still does."""

import os
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["PARTIAL", "is_abandoned", "is_left_behind", "partial_prefix"]

PARTIAL = ".partial-"
_ABANDONED_SECONDS = 24 * 3600


def partial_prefix() -> str:
    """Begin the name of a file or folder that this process writes."""
    return f"{PARTIAL}{_host()}.{os.getpid()}."


def is_abandoned(name: str, modified: Callable[[], float]) -> bool:
    """Return whether nobody goes on with a leftover: its process is dead, or it is of another machine and a day old.

    Args:
        name: Its name.
        modified: When it was last written to, in seconds since 1970; asked only where the name does not tell enough.
    """
    host, _, rest = name.removeprefix(PARTIAL).partition(".")
    process = rest.partition(".")[0]
    if host == _host() and process.isdigit():
        return int(process) != os.getpid() and not _is_alive(int(process))
    try:
        return time.time() - modified() > _ABANDONED_SECONDS
    except FileNotFoundError:
        return False


def is_left_behind(path: Path) -> bool:
    """Tell the same of a local file or folder."""
    return is_abandoned(path.name, lambda: path.stat().st_mtime)


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9-]", "_", socket.gethostname())


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_thread_or_zombie(process)


def _is_thread_or_zombie(number: int) -> bool:
    """Return whether a number now belongs to a thread or an ended process (on Linux): its writer is dead then."""
    try:
        with open(f"/proc/{number}/status", encoding="ascii", errors="replace") as status:
            said = dict(line.split()[:2] for line in status if line.startswith(("State:", "Tgid:")))
    except (OSError, ValueError):
        return False
    return said.get("State:") in ("Z", "X") or said.get("Tgid:", str(number)) != str(number)

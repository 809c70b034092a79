"""Sees what a reader touches: files, addresses and programs, by Python's audit events and by inotify for C code."""

import contextlib
import ctypes
import os
import struct
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

__all__ = ["ForbiddenError", "Guard", "internet_sockets", "watched"]

_SYSTEM = ("/proc", "/sys", "/dev", "/etc", "/usr", "/lib", "/lib64", "/bin")
_PROGRAMS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "pickle.find_class")
_ADDRESSES = ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname")
_PATH_EVENTS = {
    "os.remove": (0,),
    "os.rename": (0, 1),
    "os.mkdir": (0,),
    "os.rmdir": (0,),
    "os.truncate": (0,),
    "os.chmod": (0,),
    "os.utime": (0,),
    "os.link": (1,),
    "os.symlink": (1,),
    "shutil.rmtree": (0,),
    "shutil.move": (0, 1),
    "shutil.copyfile": (1,),
}
"""Events of changes, and which arguments are paths that change."""

_IN_OPEN, _IN_CHANGED, _IN_ISDIR = 0x20, 0x2 | 0x40 | 0x80 | 0x100 | 0x200, 0x40000000


class ForbiddenError(BaseException):
    """Stops what a reader must not do. No ``except Exception`` hides it."""


class Guard:
    """Records and stops what goes beyond a reader's own files; on while used as a context.

    Args:
        own: Folders that may be read and written.
        ports: Ports on loopback that may be connected to.
    """

    def __init__(self, own: Iterable[Path], ports: Iterable[int] = ()) -> None:
        self.seen: list[str] = []
        self._own = tuple(os.path.realpath(folder) for folder in own)
        project = str(Path(__file__).parents[2])
        installed = (sys.prefix, sys.base_prefix, project, *(path for path in sys.path if path))
        self._readable = (*self._own, *_SYSTEM, *map(os.path.realpath, installed))
        self._ports = frozenset(ports)
        self._on = self._busy = False
        sys.addaudithook(self._audit)

    def __enter__(self) -> "Guard":
        self._on = True
        return self

    def __exit__(self, *_: object) -> None:
        self._on = False

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if not self._on or self._busy:
            return
        self._busy = True
        try:
            what = self._judge(event, args)
        finally:
            self._busy = False
        if what:
            self.seen.append(what)
            raise ForbiddenError(what)

    def _judge(self, event: str, args: tuple[Any, ...]) -> str | None:
        if event == "open":
            path, mode, flags = args
            writes = bool((flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)) or any(
                letter in str(mode or "") for letter in "wax+"
            )
            if self._is_within(path, self._own if writes else self._readable) or path == "/dev/null":
                return None
            return f"{'wrote' if writes else 'opened'} {path!r}"
        if event in _PATH_EVENTS:
            for place in _PATH_EVENTS[event]:
                if not self._is_within(args[place], self._own, args[-1]):
                    return f"{event} {args[place]!r}"
        if event in _PROGRAMS:
            return f"{event} {args[:2]!r}"
        if event in _ADDRESSES:
            return self._judge_address(event, args)
        return None

    def _is_within(self, path: Any, roots: tuple[str, ...], directory: Any = -1) -> bool:
        if isinstance(path, int):
            return True
        path = os.fsdecode(path)
        if isinstance(directory, int) and directory > 2 and not os.path.isabs(path):
            path = os.path.join(os.readlink(f"/proc/self/fd/{directory}"), path)
        real = os.path.realpath(path) if "\0" not in path else path
        return any(real == root or real.startswith(root.rstrip("/") + "/") for root in roots)

    def _judge_address(self, event: str, args: tuple[Any, ...]) -> str | None:
        address = args[1] if event in ("socket.connect", "socket.bind", "socket.sendto") else args[:2]
        host, port = (address[0], address[1]) if isinstance(address, tuple) and len(address) > 1 else (address, None)
        if host in ("127.0.0.1", "localhost", None) and port in self._ports:
            return None
        return f"{event} {address!r}"


@contextlib.contextmanager
def watched(folders: Iterable[Path], files: Iterable[Path], own: Iterable[str]) -> Iterator[list[str]]:
    """Watch folders and files for being opened or changed, by whatever code; the list is filled at the end.

    Args:
        folders: Their entries are watched, not what is below these.
        files: Files that are watched.
        own: Names in ``folders`` that may be touched.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    handle = libc.inotify_init1(os.O_NONBLOCK)
    if handle < 0:
        raise OSError(ctypes.get_errno(), "inotify_init1")
    names = {}
    for path in (*folders, *files):
        number = libc.inotify_add_watch(handle, os.fsencode(path), _IN_OPEN | _IN_CHANGED)
        if number < 0:
            raise OSError(ctypes.get_errno(), "inotify_add_watch", str(path))
        names[number] = path
    seen: list[str] = []
    try:
        yield seen
    finally:
        with contextlib.suppress(BlockingIOError):
            while events := os.read(handle, 1 << 16):
                seen.extend(_outside(events, names, frozenset(own)))
        os.close(handle)


def _outside(events: bytes, names: dict[int, Path], own: frozenset[str]) -> Iterator[str]:
    at = 0
    while at < len(events):
        number, mask, _, size = struct.unpack_from("iIII", events, at)
        name = os.fsdecode(events[at + 16 : at + 16 + size].rstrip(b"\0"))
        at += 16 + size
        listed = mask & _IN_ISDIR and mask & _IN_OPEN
        if number in names and not listed and name not in own:
            yield f"{'opened' if mask & _IN_OPEN else 'changed'} {names[number] / name}"


def internet_sockets(pid: int) -> bool:
    """Tell whether a process holds a socket of the Internet families."""
    handles = f"/proc/{pid}/fd"
    held = set()
    with contextlib.suppress(OSError):
        for name in os.listdir(handles):
            with contextlib.suppress(OSError):
                target = os.readlink(f"{handles}/{name}")
                if target.startswith("socket:["):
                    held.add(target[8:-1])
    if not held:
        return False
    for table in ("tcp", "tcp6", "udp", "udp6"):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
                if line.split()[9] in held:
                    return True
    return False

"""Readers with a fault each, to see that the campaign catches it: ``python -m tests.fuzz.planted FOLDER``."""

import ctypes
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from mmvoxceleb.errors import CorruptSourceError
from tests.fuzz import child
from tests.fuzz.campaign import Campaign
from tests.fuzz.kind import Kind

_C = ctypes.CDLL(None)


def _raise(error: BaseException) -> Any:
    raise error


def _spin() -> None:
    while True:
        pass


def _socket_of_c() -> None:
    handle = _C.socket(socket.AF_INET, socket.SOCK_DGRAM, 0)
    _C.bind(handle, bytes((socket.AF_INET, 0, 0, 0, 127, 0, 0, 1, *bytes(8))), 16)
    time.sleep(0.5)


def _open_of_c(path: Path, flags: int) -> None:
    os.close(_C.open(os.fsencode(path), flags))


READERS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "right": ("same", lambda case: (case / "file").read_bytes()[:1]),
    "one error": ("error", lambda case: _raise(CorruptSourceError("file: damaged; get it again"))),
    "another record": ("wrong", lambda case: b"x"),
    "another exception": ("traceback", lambda case: _raise(ValueError("x"))),
    "exit": ("traceback", lambda case: sys.exit(0)),
    "pages of error": ("message", lambda case: _raise(CorruptSourceError("x\n" * 50))),
    "busy": ("hang", lambda case: _spin()),
    "waiting": ("hang", lambda case: time.sleep(60)),
    "segmentation fault": ("crash", lambda case: os.kill(os.getpid(), signal.SIGSEGV)),
    "silent end": ("crash", lambda case: os._exit(0)),
    "memory": ("memory", lambda case: len(bytes(3 << 30))),
    "memory given back": ("memory", lambda case: len(b"x" * ((1 << 30) + (64 << 20)))),
    "socket": ("outside", lambda case: socket.create_connection(("127.0.0.1", 9))),
    "socket of C": ("outside", lambda case: _socket_of_c()),
    "program": ("outside", lambda case: subprocess.run(["true"])),
    "unpickled": ("outside", lambda case: pickle.loads(pickle.dumps(Path))),
    "read outside": ("outside", lambda case: (case / "../outside/victim.json").read_bytes()),
    "written outside": ("outside", lambda case: (case / "../victim.parquet").write_bytes(b"")),
    "deleted outside": ("outside", lambda case: (case / "../victim.parquet").unlink()),
    "read outside by C": ("outside", lambda case: _open_of_c(case / "../outside/victim.json", os.O_RDONLY)),
    "written outside by C": ("outside", lambda case: _open_of_c(case / "../victim.parquet", os.O_WRONLY)),
    "decoy opened by C": ("outside", lambda case: _open_of_c(case / "decoy", os.O_RDONLY)),
    "hidden": ("outside", lambda case: _hidden(case)),
}
"""What a reader does, by name, and the outcome that it is to have."""


def _hidden(case: Path) -> None:
    try:
        (case / "../victim.parquet").write_bytes(b"")
    except Exception:
        raise CorruptSourceError("file: damaged") from None


class Planted(Kind):
    """A reader with a fault that shows in damaged inputs."""

    def __init__(self, name: str, reader: Callable[[Path], Any]) -> None:
        self.name, self._reader = name, reader

    def build(self, case: Path) -> None:
        (case / "file").write_bytes(b"file")
        (case / "decoy").write_bytes(b"")

    def damage(self, case: Path, rng: Random) -> str:
        (case / "file").write_bytes(b"f" + rng.randbytes(8))
        return "other bytes"

    def read(self, case: Path) -> Any:
        data = (case / "file").read_bytes()
        return b"f" if data == b"file" else self._reader(case)

    def decoys(self, case: Path) -> list[Path]:
        return [case / "decoy"]


if __name__ == "__main__":
    child.MOST_SECONDS = 4.0
    place = Path(sys.argv[1])
    kinds = [Planted(name, reader) for name, (_, reader) in READERS.items()]
    results = Campaign(place / "work", keep=place / "failures").run([(kind, 5) for kind in kinds])
    print(json.dumps({result.kind: [result.outcome, result.message] for result in results}))

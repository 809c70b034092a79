"""What happens to one input in the process that was forked for it."""

import contextlib
import faulthandler
import json
import logging
import os
import pickle
import resource
import shutil
import time
import traceback
from pathlib import Path
from random import Random
from typing import Any

from mmvoxceleb.errors import MMVoxCelebError
from tests.fuzz.guards import ForbiddenError, Guard, watched
from tests.fuzz.kind import Kind

MOST_BYTES = 1 << 30
"""What an input may take beyond what the process has before it."""
MOST_SECONDS = 10.0

_OWN = ("case", "out", "cache", "home", "tmp", "here")
_LONGEST_MESSAGE = 2_000


def place_of(folder: Path) -> dict[str, Path]:
    """Make the folders of one input."""
    places = {name: folder / name for name in (*_OWN[1:], "outside")}
    for path in places.values():
        path.mkdir(parents=True)
    (folder / "victim.parquet").write_bytes(b"PAR1 of somebody else")
    (folder / "outside" / "victim.json").write_bytes(b"{}")
    return {**places, "case": folder / "case"}


def build(kind: Kind, folder: Path) -> None:
    """Make a kind's undamaged input below ``folder``, and read it."""
    places = place_of(folder)
    _settle(places)
    places["case"].mkdir()
    kind.build(places["case"])
    shutil.copytree(places["case"], folder / "whole", symlinks=True)
    kind.start(places["case"])
    (folder / "clean.pickle").write_bytes(pickle.dumps(kind.read(places["case"])))


def damaged_copy(kind: Kind, seed: int, whole: Path, case: Path) -> str:
    """Copy the undamaged input and damage it."""
    shutil.copytree(whole, case, symlinks=True)
    return kind.damage(case, Random(f"{kind.name}:{seed}"))


def run(kind: Kind, seed: int, whole: Path, clean: Any, folder: Path) -> None:
    """Damage and read one input; what came of it goes into ``result.json``, or is lost with this process."""
    result: dict[str, Any] = {}
    places = place_of(folder)
    _settle(places)
    case = places["case"]
    result["damage"] = damaged_copy(kind, seed, whole, case)
    (folder / "damage.txt").write_text(result["damage"], "utf-8", "replace")
    told: list[str] = []
    logging.getLogger("mmvoxceleb").addHandler(_Told(told))
    kind.start(case)
    guard = Guard([places[name] for name in _OWN if name != "case"] + [case], kind.ports)
    before = _limit_memory()
    with watched([folder, places["outside"]], kind.decoys(case), (*_OWN, "log.txt", "started")) as touched:
        (folder / "started").touch()
        started = time.monotonic()
        with guard:
            result |= _outcome(kind, case)
        result["seconds"] = time.monotonic() - started
    _lift_memory_limit()
    result["bytes"] = _status("VmHWM") - before
    if result["outcome"] == "record":
        what = kind.fault(result["record"], clean, case, told)
        same = what is None and result["record"] == clean
        result |= {"outcome": "wrong", "message": what} if what else {"outcome": "same" if same else "other"}
    if guard.seen or touched:
        result |= {"outcome": "outside", "message": "; ".join([*guard.seen, *touched][:5])}
    elif result["bytes"] > MOST_BYTES:
        result |= {"outcome": "memory", "message": f"{result['bytes'] >> 20} MB"}
    result.pop("record", None)
    (folder / "result.part").write_text(json.dumps(result), "utf-8")
    os.replace(folder / "result.part", folder / "result.json")


def _outcome(kind: Kind, case: Path) -> dict[str, Any]:
    try:
        return {"outcome": "record", "record": kind.read(case)}
    except MMVoxCelebError as error:
        message = str(error)
        is_plain = message and len(message) <= _LONGEST_MESSAGE and "\n" not in message
        return {"outcome": "error" if is_plain else "message", "message": f"{type(error).__name__}: {message[:2500]}"}
    except MemoryError:
        return {"outcome": "memory", "message": "MemoryError", "trace": traceback.format_exc()}
    except ForbiddenError as error:
        return {"outcome": "outside", "message": str(error), "trace": traceback.format_exc()}
    except BaseException as error:
        return {
            "outcome": "traceback",
            "message": f"{type(error).__name__}: {error}"[:2500],
            "trace": traceback.format_exc(),
        }


class _Told(logging.Handler):
    def __init__(self, told: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._told = told

    def emit(self, record: logging.LogRecord) -> None:
        self._told.append(record.getMessage())


def _settle(places: dict[str, Path]) -> None:
    """Give the process folders of its own, and its output a file."""
    log = os.open(places["here"].parent / "log.txt", os.O_WRONLY | os.O_CREAT)
    for handle in (1, 2):
        os.dup2(log, handle)
    faulthandler.enable()
    os.chdir(places["here"])
    os.environ.update(
        HOME=str(places["home"]), TMPDIR=str(places["tmp"]), MMVOXCELEB_CACHE=str(places["cache"] / "mmvoxceleb"),
        HF_HOME=str(places["cache"] / "hf"), XDG_CACHE_HOME=str(places["cache"]),
    )  # fmt: skip
    import tempfile

    tempfile.tempdir = None


def _limit_memory() -> int:
    """Let the process have so much more and no more; return what it has, in bytes."""
    soft = _status("VmData") + MOST_BYTES + (256 << 20)  # stacks and arenas of threads are reserved, and not used
    resource.setrlimit(resource.RLIMIT_DATA, (soft, resource.RLIM_INFINITY))
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _lift_memory_limit() -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) << 10
    raise KeyError(name)

"""Runs inputs in processes forked for each, and watches them: time, memory, sockets, how they end."""

import contextlib
import json
import os
import pickle
import shutil
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fuzz import child
from tests.fuzz.guards import internet_sockets
from tests.fuzz.kind import Kind

RIGHT = ("same", "other", "error")
WRONG = ("wrong", "traceback", "message", "hang", "memory", "crash", "outside", "harness")
"""``other`` is a record that differs and is right; ``message`` an error of several lines or pages."""

_BUILD_SECONDS = 120.0


@dataclass
class Result:
    """What came of one input."""

    kind: str
    seed: int
    outcome: str
    damage: str = ""
    message: str = ""
    trace: str = ""
    seconds: float = 0.0
    bytes: int = 0

    @property
    def is_right(self) -> bool:
        return self.outcome in RIGHT


@dataclass
class _Job:
    kind: Kind
    seed: int
    folder: Path
    pid: int
    started: float
    ended: str = ""
    message: str = ""


@dataclass
class Campaign:
    """Builds each kind's undamaged input once, then runs inputs.

    Args:
        folder: For everything that is written.
        jobs: Processes at once.
        keep: Where failing inputs are saved; None for nowhere.
    """

    folder: Path
    jobs: int = 2
    keep: Path | None = None
    _clean: dict[str, Any] = field(default_factory=dict)

    def run(
        self, inputs: Sequence[tuple[Kind, int]], done: Callable[[Result], None] = lambda result: None
    ) -> list[Result]:
        """Run inputs; ``done`` is called with each result."""
        results: list[Result] = []
        waiting = list(reversed(inputs))
        running: list[_Job] = []
        try:
            while waiting or running:
                while waiting and len(running) < self.jobs:
                    kind, seed = waiting.pop()
                    if kind.name not in self._clean:
                        self._build(kind)
                    running.append(self._start(kind, seed))
                time.sleep(0.004)
                for job in [job for job in running if self._has_ended(job)]:
                    running.remove(job)
                    results.append(self._result(job))
                    done(results[-1])
        finally:
            for job in running:
                os.kill(job.pid, signal.SIGKILL)
                os.waitpid(job.pid, 0)
        return results

    def _build(self, kind: Kind) -> None:
        place = self.folder / f"whole-{kind.name}"
        pid = _forked(lambda: child.build(kind, place))
        limit = time.monotonic() + _BUILD_SECONDS
        while not (ended := os.waitpid(pid, os.WNOHANG))[0]:
            if time.monotonic() > limit:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        if ended[1]:
            raise RuntimeError(f"{kind.name}: the undamaged input cannot be made or read: {_log(place)}")
        self._clean[kind.name] = pickle.loads((place / "clean.pickle").read_bytes())

    def _whole(self, kind: Kind) -> Path:
        return self.folder / f"whole-{kind.name}" / "whole"

    def _start(self, kind: Kind, seed: int) -> _Job:
        folder = self.folder / f"{kind.name}-{seed}"
        shutil.rmtree(folder, ignore_errors=True)
        clean, whole = self._clean[kind.name], self._whole(kind)
        pid = _forked(lambda: child.run(kind, seed, whole, clean, folder))
        return _Job(kind, seed, folder, pid, time.monotonic())

    def _has_ended(self, job: _Job) -> bool:
        pid, status = os.waitpid(job.pid, os.WNOHANG)
        if pid:
            code = os.waitstatus_to_exitcode(status)
            if code and not job.ended:
                name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
                job.ended, job.message = ("crash" if (job.folder / "started").exists() else "harness"), name
            return True
        if not (job.folder / "started").exists():
            job.started = time.monotonic()
        elif time.monotonic() - job.started - _seconds_kept_waiting(job.pid) > child.MOST_SECONDS:
            self._kill(job, "hang", f"over {child.MOST_SECONDS:.0f} s")
        elif not job.kind.is_remote and internet_sockets(job.pid):
            self._kill(job, "outside", "opened a socket")
        return False

    @staticmethod
    def _kill(job: _Job, outcome: str, message: str) -> None:
        if not job.ended:
            job.ended, job.message = outcome, message
            os.kill(job.pid, signal.SIGKILL)

    def _result(self, job: _Job) -> Result:
        damage = job.folder / "damage.txt"
        result = Result(job.kind.name, job.seed, "harness", damage.read_text("utf-8") if damage.exists() else "")
        path = job.folder / "result.json"
        if job.ended:
            result.outcome, result.message, result.trace = job.ended, job.message, _log(job.folder)
        elif path.exists():
            for name, value in json.loads(path.read_text("utf-8")).items():
                setattr(result, name, value)
        else:
            result.outcome = "crash"
            result.message, result.trace = "ended without a result", _log(job.folder)
        if not result.is_right and self.keep is not None:
            self._save(job.kind, result)
        shutil.rmtree(job.folder, ignore_errors=True)
        return result

    def _save(self, kind: Kind, result: Result) -> None:
        assert self.keep is not None
        saved = self.keep / f"{kind.name}-{result.seed}"
        shutil.rmtree(saved, ignore_errors=True)
        saved.mkdir(parents=True)
        with contextlib.suppress(Exception):  # what cannot be damaged again is told by its seed alone
            child.damaged_copy(kind, result.seed, self._whole(kind), saved / "case")
        why = f"{result.outcome}: {result.message}\n{result.damage}\n\n{result.trace}\n"
        (saved / "why.txt").write_text(why, "utf-8", "replace")


def inputs_of(kinds: Sequence[Kind], count: int, seed: int) -> Iterator[tuple[Kind, int]]:
    """Share ``count`` inputs among the kinds, in turn."""
    for number in range(count):
        yield kinds[number % len(kinds)], seed * 1_000_000 + number // len(kinds)


def table_of(results: Sequence[Result]) -> str:
    """Count the results by kind and outcome."""
    outcomes = [name for name in (*RIGHT, *WRONG) if name in RIGHT or any(result.outcome == name for result in results)]
    kinds = list(dict.fromkeys(result.kind for result in results))
    rows = [["kind", *outcomes, "inputs"]]
    for kind in (*kinds, "all"):
        of_kind = [result.outcome for result in results if kind in (result.kind, "all")]
        rows.append([kind, *(str(of_kind.count(name)) for name in outcomes), str(len(of_kind))])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if not at else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def _forked(work: Callable[[], None]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.setpgid(0, 0)
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _log(folder: Path) -> str:
    path = folder / "log.txt"
    return path.read_text("utf-8", "replace")[-3000:] if path.exists() else ""


def _seconds_kept_waiting(pid: int) -> float:
    """How long a process was ready and had no processor: a busy machine is no fault of an input."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0

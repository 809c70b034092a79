"""What a kind of input is."""

from abc import ABC, abstractmethod
from pathlib import Path
from random import Random
from typing import Any


class Kind(ABC):
    """One kind of input: how it is made, damaged, read and judged. Every method runs in a process of its own.

    A folder ``case`` holds the input. Beside it are ``out`` and ``cache`` for what a reader writes, and
    ``victim.parquet`` and ``outside/`` that nothing may touch.
    """

    name: str

    is_remote = False
    """Whether it is read over HTTP on loopback."""

    ports: tuple[int, ...] = ()
    """Loopback ports that ``start`` opened, for kinds that are read over HTTP."""

    @abstractmethod
    def build(self, case: Path) -> None:
        """Make the undamaged input."""

    @abstractmethod
    def damage(self, case: Path, rng: Random) -> str:
        """Damage a copy of it, and say how. The same generator state gives the same damage."""

    def start(self, case: Path) -> None:  # noqa: B027  few kinds need it
        """Prepare what is no part of the reading, after the damage: a server, say."""

    @abstractmethod
    def read(self, case: Path) -> Any:
        """Do with it what a user does, and return what came of it."""

    def fault(self, got: Any, clean: Any, case: Path, told: list[str]) -> str | None:
        """Say what is wrong with a record; by default that it differs from the undamaged input's.

        Args:
            got: What ``read`` returned.
            clean: What it returns of the undamaged input.
            case: The damaged input.
            told: The warnings that were logged.
        """
        return None if got == clean else difference(got, clean)

    def decoys(self, case: Path) -> list[Path]:
        """Files in ``case`` that must not be opened."""
        return []


def damage_file(rng: Random, path: Path, way: Any) -> str:
    """Damage one file in place."""
    data, what = way(rng, path.read_bytes())
    path.write_bytes(data)
    return f"{path.name}: {what}"


def pick(rng: Random, case: Path, *patterns: str) -> Path:
    """Choose a file. Locks and the like, whose names begin with a dot, are never chosen."""
    found = (path for pattern in patterns for path in case.glob(pattern))
    return rng.choice(sorted(path for path in found if path.is_file() and not path.name.startswith(".")))


def difference(got: Any, clean: Any, place: str = "") -> str:
    """Name the first place where two records differ."""
    if isinstance(got, dict) and isinstance(clean, dict):
        for key in dict.fromkeys((*clean, *got)):
            if key not in got or key not in clean:
                return f"{place}/{key} is {'lost' if key not in got else 'new'}"
            if got[key] != clean[key]:
                return difference(got[key], clean[key], f"{place}/{key}")
    if isinstance(got, (list, tuple)) and isinstance(clean, (list, tuple)) and len(got) == len(clean):
        for number, (one, other) in enumerate(zip(got, clean, strict=True)):
            if one != other:
                return difference(one, other, f"{place}/{number}")
    return f"{place or 'it'} is {_short(got)} instead of {_short(clean)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text)})"

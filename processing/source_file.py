"""A source video while its clips go through the stages."""

from collections.abc import Callable, Hashable
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TypeVar

__all__ = ["SourceFile"]


class _Closable(Protocol):
    def close(self) -> None: ...


Opened = TypeVar("Opened", bound=_Closable)


class SourceFile:
    """The video that clips were cut from, and what stages have open of it: opened once, for all of its clips.

    For one thread at a time. What is open is closed with it.

    Args:
        path: The file, on this machine.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened: dict[Hashable, Any] = {}

    def shared(self, key: Hashable, opened: Callable[[], Opened]) -> Opened:
        """Return what is open under a key; the first time it is opened, and what that raises is raised again."""
        if key not in self._opened:
            try:
                self._opened[key] = opened()
            except Exception as error:
                self._opened[key] = error
        found = self._opened[key]
        if isinstance(found, Exception):
            raise found
        value: Opened = found
        return value

    def __enter__(self) -> "SourceFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        opened, self._opened = self._opened, {}
        for each in opened.values():
            if not isinstance(each, Exception):
                each.close()

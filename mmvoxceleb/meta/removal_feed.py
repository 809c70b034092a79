"""Removal lists elsewhere, by which the owner of a dataset reaches those who have copies of it.

Such a list is a file in the format of a store's own, at a path or URL. It is read at each run, and obeyed with the
store's own. Only addresses that the user gave are opened: as an argument, an option of a command, or in the environment
variable ``MMVOXCELEB_REMOVALS``. A store, an export or a list may name one, and that is told, for whoever wrote a file
must not decide what this machine connects to.
"""

import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from mmvoxceleb.cache import cache_dir
from mmvoxceleb.counting import counted
from mmvoxceleb.errors import ConfigError, CorruptSourceError, SourceUnavailableError
from mmvoxceleb.files.atomic import write_atomically
from mmvoxceleb.files.json_text import parse_json_object
from mmvoxceleb.files.whole import read_whole
from mmvoxceleb.meta.removals import Removals, parse_removals

__all__ = [
    "ADDRESSES",
    "OFFLINE",
    "Feeds",
    "Offline",
    "addresses_of",
    "follow",
    "followed",
    "followed_offline",
    "followed_removals",
    "read_feeds",
]

Offline: TypeAlias = Literal["stop", "last"]
"""What happens where a list cannot be read: ``stop``, or use the ``last`` one that was."""
Feeds: TypeAlias = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
"""One address, or several."""

ADDRESSES = "MMVOXCELEB_REMOVALS"
"""Environment variable: addresses of lists that every run obeys, separated by spaces."""
OFFLINE = "MMVOXCELEB_REMOVALS_OFFLINE"
"""Environment variable: ``stop`` (default) or ``last``."""

_MOST_BYTES = 64 << 20
_BELIEVED_SECONDS = 600.0

_lock = threading.Lock()
_read: dict[tuple[str, ...], tuple[float, Removals]] = {}
logger = logging.getLogger(__name__)


def addresses_of(feeds: Feeds | None) -> tuple[str, ...]:
    """Return the addresses of one list, of several, or of none."""
    if feeds is None:
        return ()
    if isinstance(feeds, str | os.PathLike):
        return (os.fspath(feeds),)
    return tuple(os.fspath(feed) for feed in feeds)


def follow(feeds: Feeds, *, offline: Offline = "stop") -> None:
    """Let this process, and those that it starts, obey lists elsewhere, besides those of the environment.

    Raises:
        ConfigError: An address has a space, or ``offline`` has no such value.
    """
    wanted = [*followed(), *addresses_of(feeds)]
    for address in wanted:
        if not address or address.split() != [address]:
            raise ConfigError(f"the address of a removal list is empty or has a space: {address!r}; rename the file")
    os.environ[ADDRESSES] = " ".join(dict.fromkeys(wanted))
    os.environ[OFFLINE] = _checked(offline)
    with _lock:
        _read.clear()


def followed() -> tuple[str, ...]:
    """List the addresses of the lists that this process obeys in every run."""
    return tuple(os.environ.get(ADDRESSES, "").split())


def followed_offline() -> Offline:
    """Tell what happens where one of them cannot be read.

    Raises:
        ConfigError: The environment says something else.
    """
    return _checked(os.environ.get(OFFLINE) or "stop")


def followed_removals(addresses: tuple[str, ...], offline: Offline) -> Removals:
    """Read the lists that a run obeys, and again every ten minutes; see :func:`read_feeds`.

    Lists that were read once in this process hold, with a warning, where they cannot be read later.
    """
    if not addresses:
        return Removals()
    with _lock:
        read_at, before = _read.get(addresses, (None, Removals()))
        if read_at is not None and time.monotonic() - read_at < _BELIEVED_SECONDS:
            return before
        try:
            found = read_feeds(addresses, offline=offline)
        except SourceUnavailableError as error:
            if read_at is None:
                raise
            logger.warning("%s; what it said before holds", error)
            found = before
        _read[addresses] = time.monotonic(), found
        return found


def _checked(offline: str) -> Offline:
    for known in get_args(Offline):
        if offline == known:
            return known  # type: ignore[no-any-return]  # one of the literals
    raise ConfigError(f"removals_offline={offline!r}; the known ones are {', '.join(get_args(Offline))}")


def read_feeds(
    feeds: Feeds | None, *, offline: Offline = "stop", storage_options: Mapping[str, Any] | None = None
) -> Removals:
    """Read removal lists elsewhere. What was read is kept in the cache folder, with its date.

    Args:
        feeds: Paths and URLs, which the user named.
        offline: ``stop`` where one cannot be read, or go on with the ``last`` that was, which the log tells.
        storage_options: Passed to fsspec for URLs.

    Returns:
        Everybody on them. What they name elsewhere is not opened.

    Raises:
        SourceUnavailableError: A list cannot be read, and there is none from before, or ``offline`` is ``stop``.
        CorruptSourceError: A line cannot be understood.
        ConfigError: ``offline`` has no such value.
    """
    _checked(offline)
    found = Removals()
    for address in addresses_of(feeds):
        found |= _read_feed(address, offline, storage_options)
    return found


def _read_feed(address: str, offline: Offline, storage_options: Mapping[str, Any] | None) -> Removals:
    kept = _Kept(address)
    try:
        data = read_whole(address, most_bytes=_MOST_BYTES, storage_options=storage_options)
    except SourceUnavailableError as error:
        return _last(kept, address, error, offline)
    found = replace(parse_removals(data, address), elsewhere=frozenset())
    kept.tell_withdrawn(found)
    kept.write(found)
    return found


def _last(kept: "_Kept", address: str, error: SourceUnavailableError, offline: Offline) -> Removals:
    last = kept.read()
    if last is not None and offline == "last":
        logger.warning("%s: the removal list cannot be read (%s); the one of %s holds", address, error, last[0])
        return last[1]
    way_on = (
        f"the last one that was read is of {last[0]}: to go on with it, pass removals_offline='last' (commands: "
        "--removals-offline last)"
        if last is not None
        else "none was read here before"
    )
    raise SourceUnavailableError(
        f"{address}: the removal list cannot be read, so it is unknown whether somebody was removed, and nothing "
        f"is done ({error}). Retry when the server answers; {way_on}"
    ) from error


class _Kept:
    """The last version of a list that was read on this machine."""

    def __init__(self, address: str) -> None:
        self.address = address
        name = hashlib.sha256(address.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        self.path: Path = cache_dir() / "removals" / f"{name}.json"

    def read(self) -> tuple[str, Removals] | None:
        """Return when it was read, and what it said; None if it never was, or what is kept is damaged."""
        try:
            content = parse_json_object(self.path.read_bytes(), str(self.path), "delete it")
            lines = content["lines"]
            return str(content["read"]), parse_removals("\n".join(lines).encode(), str(self.path))
        except (OSError, CorruptSourceError, KeyError, TypeError):
            return None

    def write(self, found: Removals) -> None:
        """Keep what it says now; where the cache cannot be written, nothing is kept."""
        now = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
        content = {"address": self.address, "read": now, "lines": found.lines()}
        try:
            write_atomically(self.path, json.dumps(content).encode())
        except OSError as error:
            logger.warning(
                "%s: cannot be written (%s), so removals_offline='last' has nothing to go on", self.path, error
            )

    def tell_withdrawn(self, found: Removals) -> None:
        """Warn where names were taken off the list: a mistake of its owner, perhaps."""
        last = self.read()
        if last is not None and (withdrawn := (last[1] - found).lines()):
            logger.warning(
                "%s: %s that it had on %s %s no longer on it; their clips are read again",
                self.address, counted(len(withdrawn), "entry", "entries"),
                last[0], "is" if len(withdrawn) == 1 else "are",
            )  # fmt: skip

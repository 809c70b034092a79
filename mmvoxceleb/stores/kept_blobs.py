"""Small pieces of what a source says, kept in the cache by its address and version, for all processes together."""

import hashlib
import logging
import os
import sqlite3
import threading
import zlib
from pathlib import Path

__all__ = ["KeptBlobs"]

_WAIT_SECONDS = 5.0
_CHECKSUM_BYTES = 4

logger = logging.getLogger(__name__)


class KeptBlobs:
    """A table of blobs in one SQLite file; what is damaged is made again, and what cannot be kept is not.

    Args:
        path: The file; made when something is kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._process = 0
        self._inherited: list[sqlite3.Connection | None] = []
        self._begin()

    def __reduce__(self) -> tuple[type["KeptBlobs"], tuple[Path]]:
        return type(self), (self._path,)

    def _begin(self) -> None:
        """Begin in this process: connections and locks do not survive a fork."""
        self._process, self._lock, self._usable = os.getpid(), threading.Lock(), True
        self._connection: sqlite3.Connection | None = None

    def get(self, place: str, version: str) -> bytes | None:
        """Return what was kept of this version of a file; None if there is nothing, or it is damaged."""
        rows = self._do("SELECT version, content FROM kept WHERE place = ?", _digest(place))
        if not rows or rows[0][0] != _digest(version):
            return None
        content: bytes = rows[0][1]
        checksum, data = content[:_CHECKSUM_BYTES], content[_CHECKSUM_BYTES:]
        return data if _checksum(data) == checksum else None

    def put(self, place: str, version: str, data: bytes) -> bool:
        """Keep something of a file, in the place of what was kept of another version; return whether it was kept."""
        row = (_digest(place), _digest(version), _checksum(data) + data)
        self._do("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", *row)
        return self._usable

    def _do(self, statement: str, *values: bytes) -> list[tuple[bytes, bytes]]:
        if self._process != os.getpid():
            self._inherited.append(self._connection)  # it is the parent's to close
            self._begin()
        with self._lock:
            for is_last in (False, True):
                if not self._usable:
                    break
                try:
                    return self._open().execute(statement, values).fetchall()
                except (sqlite3.Error, OSError) as error:
                    self._close()
                    is_damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(
                        error, sqlite3.OperationalError
                    )
                    if is_damaged and not is_last:
                        logger.warning("%s: cannot be used (%s), so it is made again", self._path, error)
                        self._path.unlink(missing_ok=True)
                    else:
                        self._usable = False
                        logger.warning("%s: nothing is kept there (%s)", self._path, error)
        return []

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                self._path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False
            )
            # a file that a crash leaves damaged is made again
            self._connection.execute("PRAGMA synchronous = OFF")
            self._connection.execute("PRAGMA journal_mode = MEMORY")
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS kept (place BLOB PRIMARY KEY, version BLOB, content BLOB) WITHOUT ROWID"
            )
        return self._connection

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:16]


def _checksum(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(_CHECKSUM_BYTES, "big")

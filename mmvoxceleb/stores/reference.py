"""A reference to a file of a store on this machine: what a record holds in the place of its bytes."""

import functools
import os
import re
import zlib
from typing import NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes

from mmvoxceleb.errors import CorruptSourceError, UnsafeArchiveError
from mmvoxceleb.files.quoting import quoted

__all__ = ["SCHEME", "Reference", "is_reference", "version_mark"]

SCHEME = "mmvoxceleb"
_START = f"{SCHEME}://"
_URL = re.compile(r"(?P<form>[a-z0-9_.-]+)\.(?P<mark>[0-9a-f]{8})(?P<place>/[^!]*)(?:!/(?P<entry>[^!]+))?")


class Reference(NamedTuple):
    """Where a file of a store is on this machine.

    Args:
        place: The absolute path of its folder, or of the zip that holds it.
        path: Its name in the folder, or its whole name in the zip.
        in_zip: Which of these it is.
        mark: Of the version of the file, or of the zip: see :func:`version_mark`.
    """

    place: str
    path: str
    in_zip: bool
    mark: str

    def url(self, form: str) -> str:
        """Return the URL for a record; :meth:`parse` reads it.

        All but letters, digits and ``_.-~/`` is percent-encoded, by bytes: ``datasets`` and fsspec take ``::``, ``*``
        and ``#`` for themselves. So ``!`` parts a zip from an entry.

        Args:
            form: In which form the file is to be given, in small letters, digits and ``_.-``.
        """
        folder, slash, name = self.path.rpartition("/")
        between = "!/" if self.in_zip else "/"
        return f"{_START}{form}.{self.mark}{_encoded(self.place)}{between}{_encoded(folder)}{slash}{_encoded(name)}"

    @classmethod
    def parse(cls, url: str) -> "tuple[Reference, str]":
        """Read a URL, with or without its scheme.

        Returns:
            The reference, and the form.

        Raises:
            CorruptSourceError: It is none that :meth:`url` gives.
            UnsafeArchiveError: Its path leaves its folder, or is none.
        """
        match = _URL.fullmatch(url.removeprefix(_START))
        if match is None:
            raise CorruptSourceError(f"{quoted(url)} is not a reference to a file of a store; load the dataset again")
        place, entry = _decoded(match["place"]), match["entry"]
        if entry is None:
            place, _, path = place.rpartition("/")
        else:
            path = _decoded(entry)
        if any(part in ("", ".", "..") or "\0" in part for part in (*place.split("/")[1:], *path.split("/"))):
            raise UnsafeArchiveError(
                f"{quoted(url)}: is not a plain path of a file; refused, so find out who made this dataset"
            )
        return cls(place, path, entry is not None, match["mark"]), match["form"]

    @property
    def location(self) -> str:
        """The file, for messages."""
        return f"{self.place}: {self.path}" if self.in_zip else self.file

    @property
    def file(self) -> str:
        """What is opened: the file, or the zip."""
        return self.place if self.in_zip else os.path.join(self.place, self.path)


def version_mark(size: int, version: str) -> str:
    """Digest a file's size and version (:mod:`mmvoxceleb.files.version`) to 8 digits, to see whether it has changed."""
    return f"{zlib.crc32(f'{size} {version}'.encode()):08x}"


def is_reference(path: str) -> bool:
    """Tell the URL of a :class:`Reference` from any other path."""
    return path.startswith(_START)


@functools.lru_cache(maxsize=1 << 13)
def _encoded(text: str) -> str:
    return quote_from_bytes(text.encode("utf-8", "surrogateescape"))


def _decoded(text: str) -> str:
    return unquote_to_bytes(text).decode("utf-8", "surrogateescape")

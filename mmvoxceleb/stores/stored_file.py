"""Files of stores, read one by one by the references in records."""

import functools
import os
from collections.abc import Mapping

from mmvoxceleb.errors import CorruptSourceError, MissingModalityError, SourceUnavailableError, UnsafeArchiveError
from mmvoxceleb.files.quoting import quoted
from mmvoxceleb.files.ranges import LocalSource, stat_file
from mmvoxceleb.files.retry import with_retries
from mmvoxceleb.files.version import version_of_stat
from mmvoxceleb.modalities import FileModality, Folder, Modality
from mmvoxceleb.modalities.registry import kind_of, modality_of_name
from mmvoxceleb.schema import ClipId
from mmvoxceleb.stores.interface import Entry, check_sizes
from mmvoxceleb.stores.naming import clip_of_file, folder_of_path, hint_of_archive
from mmvoxceleb.stores.reference import Reference, version_mark
from mmvoxceleb.stores.zip_cache import load_index
from mmvoxceleb.stores.zip_content import read_entries
from mmvoxceleb.stores.zip_index import ZipEntry, ZipIndex, read_index

__all__ = ["StoredFile"]

_MOST_OPEN_ZIPS = 64
_MOST_KEPT_FOLDERS = 16


class StoredFile:
    """A file of a store, found by its reference.

    The reference names all that is opened: one file in the place of a clip in a modality's folder, or one entry of one
    zip. Nothing that a file or an archive says leads anywhere else.

    Args:
        url: From :meth:`Reference.url`, with a form from :meth:`Modality.form_of`.

    Raises:
        CorruptSourceError: It is not such a URL.
        UnsafeArchiveError: It names something that is not a file of a clip.
        ConfigError: No such modality is registered.
    """

    def __init__(self, url: str) -> None:
        self._reference, form = Reference.parse(url)
        self._kind = kind_of(form.partition(".")[0])
        self._options = self._kind.options_of_form(form)
        self._clip_id = _clip_of(self._reference, self._kind)
        self._name = f"{_folder_of(self._reference, self._kind)}/{os.path.basename(self._reference.path)}"

    @property
    def size(self) -> int:
        """Bytes of the file in the store; those of :meth:`content` may be fewer or more.

        Raises:
            SourceUnavailableError: It is gone, or has changed.
        """
        status = self._check()
        return self._entry()[1].size if self._reference.in_zip else status.st_size

    def raw(self) -> bytes:
        """Read the file as the store has it.

        Raises:
            SourceUnavailableError: It is gone, has changed since the reference was made, or cannot be read.
            CorruptSourceError: The archive is damaged there.
            UnsafeArchiveError: It is too large.
        """
        status = self._check()
        try:
            if not self._reference.in_zip:
                self._check_size(status.st_size)
                return with_retries(lambda: _read(self._reference.file), self._reference.file)
            archive, entry = self._entry()
            self._check_size(entry.size)
            return read_entries(archive.source, [entry])[0]
        except (CorruptSourceError, UnsafeArchiveError) as error:
            raise type(error)(f"clip {self._clip_id}: {error}") from error

    def content(self) -> bytes:
        """Read what a record holds that copies: a checked picture, upright, a mask as palette PNG.

        Raises:
            SourceUnavailableError: As :meth:`raw`.
            CorruptSourceError: The file or the archive is damaged.
            UnsafeArchiveError: It is too large.
        """
        data = self.raw()
        try:
            return self._kind.stored(data, self._options, clip_id=self._clip_id, name=self._name)
        except (CorruptSourceError, UnsafeArchiveError) as error:
            raise type(error)(f"{error} ({self._reference.location})") from error

    def _check_size(self, size: int) -> None:
        check_sizes(self._kind.folder(), [Entry(self._reference.path, 0, size)])

    def _entry(self) -> "tuple[_OpenZip, ZipEntry]":
        archive = _open_zip(self._reference.place, self._reference.mark)
        return archive, archive.entry(self._reference.path)

    def _check(self) -> os.stat_result:
        """Check that what the reference names is there as it was."""
        path = self._reference.file
        try:
            status = stat_file(path)
        except (FileNotFoundError, NotADirectoryError):
            raise SourceUnavailableError(
                f"clip {self._clip_id}: {path} is missing, and the dataset reads it in place"
                f"{_first_gone(path)}; restore it, or load the dataset again from its new place: "
                "load_dataset('mmvoxceleb', data_dir=...)"
            ) from None
        except OSError:
            status = with_retries(lambda: stat_file(path), path)
        if version_mark(status.st_size, version_of_stat(status)) != self._reference.mark:
            raise SourceUnavailableError(
                f"clip {self._clip_id}: {path} has changed since the dataset was loaded, which reads it in place; load "
                "the dataset again"
            )
        return status


class _OpenZip:
    """A zip that files are read from, with its index."""

    def __init__(self, path: str) -> None:
        self.source = LocalSource(path)
        is_packed = ClipId.matches(_stem(path))
        self._index: ZipIndex = (read_index if is_packed else load_index)(self.source)
        self._folder = functools.lru_cache(maxsize=_MOST_KEPT_FOLDERS)(self._read_folder)

    def _read_folder(self, path: str) -> Mapping[str, ZipEntry]:
        return {entry.name: entry for entry in self._index.entries(self._index.position(path))}

    def entry(self, path: str) -> ZipEntry:
        folder, _, name = path.rpartition("/")
        try:
            return self._folder(folder)[name]
        except KeyError:
            raise MissingModalityError(
                f"{self.source.location}: has no entry {quoted(path)}; load the dataset again"
            ) from None


@functools.lru_cache(maxsize=_MOST_OPEN_ZIPS)
def _open_zip(path: str, mark: str) -> _OpenZip:
    """Open a zip once for each of its versions."""
    return _OpenZip(path)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _stem(path: str) -> str:
    return os.path.basename(path)[: -len(".zip")]


def _clip_of(reference: Reference, kind: Modality) -> str:
    """Return the clip that a file is of, for messages; refuse what is in no place of one of this modality."""
    place, path, in_zip, _ = reference
    *folders, name = path.split("/")
    parts = place.split("/")
    if in_zip:
        is_placed = place.lower().endswith(".zip")
        names = [*reversed(folders), _stem(place)]
    else:
        is_placed = not name.startswith(".") and any(modality_of_name(part) is kind for part in parts[-3:])
        names = parts[-1:]
    clip = None if isinstance(kind, FileModality) else next(filter(ClipId.matches, names), None)
    clip = clip or clip_of_file(kind.folder(), name)
    if not is_placed or clip is None:
        raise UnsafeArchiveError(
            f"{quoted(reference.location, 200)} is no file of a clip's {kind.name}; refused, so find out who made this "
            "dataset"
        )
    return clip


def _folder_of(reference: Reference, kind: Modality) -> Folder:
    """Tell the folder of the layout that a file is in, for messages."""
    place, path, in_zip, _ = reference
    inner, hint = os.path.dirname(path), hint_of_archive(os.path.basename(place)) if in_zip else None
    found = folder_of_path(inner if inner else place.removesuffix(".zip"), hint)
    return found[0] if found is not None and found[0].modality == kind.name else kind.folder_of_style("")


def _first_gone(path: str) -> str:
    """Name the topmost folder of a path that is not there, unless it is the path itself."""
    gone = path
    while not os.path.lexists(os.path.dirname(gone)):
        gone = os.path.dirname(gone)
    return "" if gone == path else f" ({gone} is not there)"

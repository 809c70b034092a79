"""A Parquet export read as a store: a clip is a row, and its columns are given back as the files they were made of."""

import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mmvoxceleb.errors import MissingModalityError, MMVoxCelebError
from mmvoxceleb.files.inside import inside
from mmvoxceleb.hub.layout import WHOLE
from mmvoxceleb.hub.manifest import MANIFEST, read_manifest
from mmvoxceleb.modalities import META, FileModality, Folder, FrameModality, RecordOptions, modalities
from mmvoxceleb.stores.interface import Entry, Store

__all__ = ["ExportStore"]

_LABEL_SOURCE = "label_source"


def _only_style(folder: Path) -> str:
    """Return the style of the drawings of an export that has one style; empty if its notes do not say so."""
    try:
        settings, _, _ = read_manifest((folder / MANIFEST).read_bytes(), str(folder / MANIFEST))
    except (OSError, MMVoxCelebError):
        return ""
    return settings.styles[0] if len(settings.styles) == 1 else ""


class ExportStore(Store):
    """The whole records of an export in Parquet files, ``data/all`` or ``data``.

    Args:
        folder: Of the export.

    Raises:
        MissingModalityError: It has no Parquet files with a column ``clip_id``.
    """

    def __init__(self, folder: Path) -> None:
        import pyarrow.parquet as pq

        self._folder = folder
        data = folder / "data"
        files = sorted((data / WHOLE).rglob("*.parquet")) or sorted(data.rglob("*.parquet"))
        self._rows: dict[str, tuple[Path, int, int]] = {}
        self._columns: tuple[str, ...] = ()
        self._lock = threading.Lock()
        self._kept: tuple[Any, ...] = ()
        self._table: Any = None
        for path in files:
            opened = pq.ParquetFile(inside(folder, str(path.relative_to(folder))))
            names = tuple(opened.schema_arrow.names)
            if "clip_id" not in names:
                continue
            self._columns = self._columns or names
            for group in range(opened.num_row_groups):
                for row, clip_id in enumerate(opened.read_row_group(group, ["clip_id"])["clip_id"].to_pylist()):
                    self._rows.setdefault(clip_id, (path, group, row))
        self._style = _only_style(folder)
        if not self._rows:
            raise MissingModalityError(
                f"{folder}: is an export without Parquet files of whole clips; look at the store that it was made of"
            )

    @property
    def location(self) -> str:
        return str(self._folder)

    def _columns_of(self, folder: Folder) -> tuple[str, ...]:
        if folder.kind is META:
            return (_LABEL_SOURCE,) if _LABEL_SOURCE in self._columns else ()
        columns = folder.kind.columns_in(self._columns, folder.style)
        return tuple(name for name in columns if name in self._columns)

    def folders(self) -> tuple[Folder, ...]:
        found = [META.folder()] if _LABEL_SOURCE in self._columns else []
        for kind in modalities():
            if isinstance(kind, FrameModality):
                pairs = kind.pairs_in(self._columns)
                styles = [style or self._style for style in pairs]
                found += [kind.folder_of_style(style) if kind.has_styles else kind.folder() for style in styles]
            elif kind.columns_in(self._columns):
                found.append(kind.folder())
        return tuple(sorted(found))

    def clips(self, folder: Folder) -> list[str]:
        return sorted(self._rows) if folder in self.folders() else []

    def _record(self, folder: Folder, clip_id: str, only: Sequence[str] = ()) -> dict[str, Any]:
        import pyarrow.parquet as pq

        names = [*(only or self._columns_of(folder))]
        if clip_id not in self._rows or not names:
            raise self._missing(folder, clip_id)
        path, group, row = self._rows[clip_id]
        with self._lock:
            key = (path, group, tuple(names))
            if self._kept != key:
                self._table = pq.ParquetFile(path).read_row_group(group, names)
                self._kept = key
            record = {name: self._table[name][row].as_py() for name in names}
        return {"clip_id": clip_id, **record}

    def entries(self, folder: Folder, clip_id: str) -> list[Entry]:
        kind = folder.kind
        if not isinstance(kind, FrameModality):
            record = self._record(folder, clip_id)
            if record[self._columns_of(folder)[0]] is None:
                raise self._missing(folder, clip_id)
            return [Entry(f"{clip_id}{kind.suffix if isinstance(kind, FileModality) else ''}", 0)]
        indices = self._columns_of(folder)[-1:]
        numbers = self._record(folder, clip_id, indices)[indices[0]] if indices else None
        if not numbers:
            raise self._missing(folder, clip_id)
        return [Entry(f"{number:07d}", number) for number in numbers]

    def read(self, folder: Folder, clip_id: str, entries: Sequence[Entry] | None = None) -> list[bytes]:
        kind = folder.kind
        record = self._record(folder, clip_id)
        if isinstance(kind, FileModality):
            if kind.is_null_in(record):
                raise self._missing(folder, clip_id)
            return [kind.to_file(record)]
        assert isinstance(kind, FrameModality)
        pictures, indices = self._columns_of(folder)
        by_index = dict(zip(record[indices], record[pictures], strict=True))
        wanted = record[indices] if entries is None else [entry.index for entry in entries]
        options = RecordOptions()
        return [kind.to_file(by_index[index]["bytes"], options, clip_id=clip_id) for index in wanted]

    def _missing(self, folder: Folder, clip_id: str) -> MissingModalityError:
        return MissingModalityError(f"{self.location}: has no {folder} of clip {clip_id}")

    def fingerprint(self, folders: Iterable[Folder]) -> str:
        paths = {path for path, _, _ in self._rows.values()}
        return str(sorted((path.name, os.stat(path).st_mtime_ns) for path in paths))

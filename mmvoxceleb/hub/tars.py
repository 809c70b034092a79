"""WebDataset shards: one sample a clip, under a key without ``#`` and dots.

A sample is ``KEY.json`` (the identity fields, indices, label and attributes), ``KEY.txt`` (the sentences),
``KEY.mp4`` or ``KEY.frames.zip``, ``KEY.masks.zip`` and ``KEY.drawings.zip``: stored zips of the PNG files, since
a sample's fields must be the same for all clips and clips differ in their number of frames.
"""

import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.modalities import VIDEO, file_modalities, frame_modalities
from mmvoxceleb.schema import ClipId

__all__ = ["TarWriter", "copy_samples"]

_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


def sample_files(record: Mapping[str, Any]) -> list[tuple[str, bytes]]:
    """Turn a row into the files of its sample, ``(field, bytes)``; ``json`` first, so that light reading ends early."""
    pairs = [pair for kind in frame_modalities() for pair in kind.pairs_in(record).values()]
    light: dict[str, Any] = {name: value for name, value in record.items() if name not in dict(pairs)}
    video = light.pop(VIDEO.name, None)
    own = [
        file
        for kind in file_modalities()
        if kind.columns()[0] in record and not kind.is_null_in(record)
        for file in kind.to_sample(light)
    ]
    files = [("json", json.dumps(light, ensure_ascii=False, separators=(",", ":")).encode()), *own]
    if video is not None:
        files.append(("mp4", video["bytes"]))
    for pictures, indices in pairs:
        names = [f"{index:07d}.png" for index in record[indices]]
        files.append((f"{pictures}.zip", _zip(names, [picture["bytes"] for picture in record[pictures]])))
    return files


def _zip(names: Sequence[str], contents: Sequence[bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in zip(names, contents, strict=True):
            archive.writestr(zipfile.ZipInfo(name, _ZIP_DATE), data)
    return buffer.getvalue()


class TarWriter:
    """Writes one tar; equal samples give equal bytes.

    Args:
        path: The file; the caller renames it once it is closed.
    """

    def __init__(self, path: Path) -> None:
        self._tar = tarfile.open(path, "w", format=tarfile.GNU_FORMAT)  # noqa: SIM115  closed by __exit__

    def __enter__(self) -> "TarWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._tar.close()

    def write(self, record: Mapping[str, Any]) -> None:
        """Add the sample of a row."""
        key = ClipId.parse(record["clip_id"]).safe_name
        for name, data in sample_files(record):
            self.write_file(f"{key}.{name}", data)

    def write_file(self, name: str, data: bytes) -> None:
        """Add one file."""
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(data), 0o644
        self._tar.addfile(info, io.BytesIO(data))


def copy_samples(writer: TarWriter, source: Path, keep: Callable[[str], bool]) -> int:
    """Copy the files of the samples of ``source`` whose clip is kept, and return how many samples there were.

    Raises:
        CorruptSourceError: ``source`` is no such tar.
    """
    kept: set[str] = set()
    for name, data in _files(source):
        key = name.split(".", 1)[0]
        if keep(str(ClipId.from_safe_name(key))):
            writer.write_file(name, data)
            kept.add(key)
    return len(kept)


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(path) as tar:
            for member in tar:
                if member.isreg() and (file := tar.extractfile(member)) is not None:
                    yield member.name, file.read()
    except (tarfile.TarError, ValueError, EOFError) as error:
        raise CorruptSourceError(f"{path}: cannot be read as a tar of samples ({error}); export it again") from error

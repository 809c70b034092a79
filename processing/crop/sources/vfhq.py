"""VFHQ's folder of meta files ``Clip+<YouTube id>+P<person>+C<clip>+F<first>-<last>.txt``.

Lines ``H 1080``, ``W 1920``, ``FPS 29.97``, ``CROP left top right bottom``; the frames of the name count at that rate.
"""

import os
import re
from pathlib import Path

from mmvoxceleb.errors import SourceUnavailableError
from mmvoxceleb.files.quoting import quoted
from mmvoxceleb.processing.crop.listed import ListedClip
from mmvoxceleb.processing.crop.sources.files import VideoFiles, walk
from mmvoxceleb.processing.crop.sources.grouping import Entry, read_rows, videos_of
from mmvoxceleb.processing.crop.videos import SourceVideos

__all__ = ["vfhq_videos"]

_NAME = re.compile(
    r"Clip\+(?P<video>[\w-]+)\+P(?P<person>\d+)\+C(?P<clip>\d+)\+F(?P<first>\d+)-(?P<last>\d+)", re.ASCII
)
_HEAD_BYTES = 4096


def vfhq_videos(raw: str | os.PathLike[str], listed: str | os.PathLike[str]) -> SourceVideos:
    """List the videos of VFHQ. Its persons are numbered in each video, so a person is ``<video>-P<number>``.

    Raises:
        SourceUnavailableError: There is no such folder, or no meta file in it.
        CorruptSourceError: No file has this form. A wrong one among right ones is in ``refused``.
    """
    folder = Path(listed)
    found = [path for path in walk(folder) if path.name.startswith("Clip+") and path.suffix == ".txt"]
    if not found:
        raise SourceUnavailableError(f"{folder}: it has no meta file like Clip+<video>+P0+C0+F0-99.txt")
    rows = [(quoted(path.name, 200), path.stem.removeprefix("Clip+"), path) for path in found]
    return videos_of(*read_rows(rows, _names, _entry), VideoFiles(raw), str(folder))


def _names(path: Path) -> tuple[str, str]:
    match = _NAME.fullmatch(path.stem)
    return (f"{match['video']}-P{match['person']}", match["video"]) if match is not None else ("", "")


def _entry(path: Path, place: str) -> Entry:
    match = _NAME.fullmatch(path.stem)
    if match is None:
        raise ValueError("its name is none like Clip+<video>+P0+C0+F0-99.txt")
    try:
        with path.open("rb") as file:  # the landmarks of every frame follow
            lines = file.read(_HEAD_BYTES).decode("utf-8", "replace").splitlines()
    except OSError as error:
        raise ValueError(f"it cannot be read ({error.strerror})") from error
    fields = {line.split()[0]: line.split()[1:] for line in lines if line.strip()}
    lacking = [name for name in ("FPS", "W", "H", "CROP") if not fields.get(name)]
    if lacking:
        raise ValueError(f"it has no {' and no '.join(lacking)}")
    fps = float(fields["FPS"][-1])
    if not fps > 0:
        raise ValueError(f"its frame rate is {fps}")
    left, top, right, bottom = (float(value) for value in fields["CROP"][-4:])
    clip = ListedClip(
        int(match["first"]) / fps, int(match["last"]) / fps, (left, top, right, bottom),
        float(fields["W"][-1]), float(fields["H"][-1]),
    )  # fmt: skip
    return Entry(*_names(path), f"C{match['clip']}", clip, place=place)

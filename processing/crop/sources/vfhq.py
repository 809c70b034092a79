"""VFHQ's folder of meta files ``Clip+<YouTube id>+P<person>+C<clip>+F<first>-<last>.txt``.

Lines ``H 1080``, ``W 1920``, ``FPS 29.97``, ``CROP left top right bottom``; the frames of the name count at that rate.
"""

import os
import re
from pathlib import Path

from mmvoxceleb.errors import CorruptSourceError, SourceUnavailableError
from mmvoxceleb.files.quoting import shortened
from mmvoxceleb.processing.crop.listed import ListedClip
from mmvoxceleb.processing.crop.sources.files import VideoFiles, walk
from mmvoxceleb.processing.crop.sources.grouping import Entry, videos_of
from mmvoxceleb.processing.crop.videos import SourceVideo

__all__ = ["vfhq_videos"]

_NAME = re.compile(
    r"Clip\+(?P<video>[\w-]+)\+P(?P<person>\d+)\+C(?P<clip>\d+)\+F(?P<first>\d+)-(?P<last>\d+)", re.ASCII
)
_HEAD_BYTES = 4096


def vfhq_videos(raw: str | os.PathLike[str], listed: str | os.PathLike[str]) -> list[SourceVideo]:
    """List the videos of VFHQ. Its persons are numbered in each video, so a person is ``<video>-P<number>``.

    Raises:
        SourceUnavailableError: There is no such folder, or no meta file in it.
        CorruptSourceError: A file has another form, and is named.
    """
    folder = Path(listed)
    found = [(path, _NAME.fullmatch(path.stem)) for path in walk(folder) if path.suffix == ".txt"]
    entries = [_entry(path, match) for path, match in found if match is not None]
    if not entries:
        raise SourceUnavailableError(f"{folder}: it has no meta file like Clip+<video>+P0+C0+F0-99.txt")
    return videos_of(entries, VideoFiles(raw), str(folder))


def _entry(path: Path, match: re.Match[str]) -> Entry:
    try:
        with path.open("rb") as file:  # the landmarks of every frame follow
            lines = file.read(_HEAD_BYTES).decode("utf-8", "replace").splitlines()
        fields = {line.split()[0]: line.split()[1:] for line in lines if line.strip()}
        fps = float(fields["FPS"][-1])
        box = tuple(float(value) for value in fields["CROP"][-4:])
        clip = ListedClip(
            int(match["first"]) / fps, int(match["last"]) / fps, box,  # type: ignore[arg-type]
            float(fields["W"][-1]), float(fields["H"][-1]),
        )  # fmt: skip
    except OSError as error:
        raise SourceUnavailableError(f"{path}: cannot be read ({error.strerror}); check the file") from error
    except (KeyError, IndexError, ValueError, ZeroDivisionError) as error:
        raise CorruptSourceError(f"{path}: is not a VFHQ meta file ({shortened(error)}); get it again") from error
    return Entry(f"{match['video']}-P{match['person']}", match["video"], f"C{match['clip']}", clip)

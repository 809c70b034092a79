"""decord: the decoder that MMVID's code base asks for. Last released in 2021; chosen by name only.

On some files it never ends, and its library breaks OpenCV's PNG decoder where it is loaded first. So it runs in a
process of its own, which ends when an answer takes too long.
"""

import contextlib
import importlib.util
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmvoxceleb.errors import CorruptSourceError, MissingExtraError
from mmvoxceleb.extras import install_hint
from mmvoxceleb.processing.decoders.indexed import IndexedDecoder
from mmvoxceleb.processing.decoders.probe import VideoInfo

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["DecordDecoder"]

MOST_SECONDS = 120.0
"""So long an answer may take: reading the index of an hour takes seconds, and so does the longest group of pictures."""


class DecordDecoder(IndexedDecoder):
    """Asks for frames by number.

    Args:
        info: What :func:`probe` found.
        num_threads: Threads of the codec; 0 lets decord choose.
        most_seconds: How long decord may take to open the video, and for each batch of frames.
    """

    name = "decord"

    def __init__(self, info: VideoInfo, *, num_threads: int = 1, most_seconds: float = MOST_SECONDS) -> None:
        super().__init__(info, num_threads=num_threads)
        if info.streams > 1:
            self._refuse(f"cannot choose among the {info.streams} video streams of this file")
        if importlib.util.find_spec("decord") is None:
            raise _missing("there is no such package")
        self._most_seconds = most_seconds
        worker = Path(__file__).with_name("decord_worker.py")
        self._process = subprocess.Popen(
            [sys.executable, worker, info.path.absolute(), str(num_threads), str(most_seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        try:
            self._require_frames(self._answer("read this video")["frames"])
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        process = self._process
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):  # it ended before it read all
                pipe.close()
        try:
            process.wait(1)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _pictures(self, places: list[int]) -> "Iterator[NDArray[np.uint8]]":
        import numpy as np

        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it ended; the answer says so
            self._process.stdin.write(json.dumps(places).encode() + b"\n")
            self._process.stdin.flush()
        around = f"decode around {self._times[places[0]]:.2f} s"
        shape = self._answer(around)["shape"]
        assert self._process.stdout is not None
        data = self._process.stdout.read(math.prod(shape))
        if len(data) != math.prod(shape):
            raise self._broken(around, "it ended")
        pictures = np.frombuffer(data, np.uint8).reshape(shape)
        for picture in pictures:
            shown = self.info.picture.show_rotated(picture)
            if shown.shape[:2] != (self.info.height_px, self.info.width_px):
                self._refuse("ignores the rotation of this video")
            yield shown

    def _answer(self, what: str) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise self._broken(what, f"it died, or took longer than {self._most_seconds:g} s")
        answer: dict[str, Any] = json.loads(line)
        if "missing" in answer:
            raise _missing(answer["missing"])
        if "error" in answer:
            raise self._broken(what, answer["error"])
        return answer

    def _broken(self, what: str, why: str) -> CorruptSourceError:
        return CorruptSourceError(
            f"{self.info.path}: decord cannot {what} ({why}); --decoder pyav skips damaged packets"
        )


def _missing(why: str) -> MissingExtraError:
    return MissingExtraError(
        f"the decord decoder is not installed ({why}): {install_hint('decord')}, which has a wheel for Linux on x86-64 "
        "alone, or choose --decoder pyav"
    )

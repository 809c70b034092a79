"""Decode the frames of a clip when there is room for them."""

import sys
import time
from collections.abc import Sequence

from mmvoxceleb.processing.clip import Clip
from mmvoxceleb.processing.engines.loaded import Loaded
from mmvoxceleb.processing.engines.need import bytes_needed
from mmvoxceleb.processing.stage import Stage
from mmvoxceleb.stores.clip import READ_AT_A_TIME_BYTES

__all__ = ["Decoding"]


class Decoding:
    """Decodes the frames of clips. May be used by several threads, for different clips.

    What a clip takes is known when the header of its first frame is. Until then it is taken to be of the size of the
    clip before it; the first clip of all is looked at. Where it is larger, it gives back what it holds and asks once
    more, before it is decoded.

    Args:
        stages: Those of the run, in order.
    """

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._stages = tuple(stages)
        self._size_px: tuple[int, int] | None = None
        """Height and width of the last clip."""

    def need(self, clip: Clip, height: int, width: int) -> int:
        """Count the bytes that a clip takes at most on its way through all stages."""
        needed = bytes_needed(self._stages, {stage.name: stage.select(clip) for stage in self._stages}, height, width)
        return max(needed.values())

    def decode(self, loaded: Loaded) -> float:
        """Decode the frames that the stages want, and say how many seconds were spent waiting for room.

        A clip whose room holds bytes is in memory already, and never waits.

        Raises:
            Stopped: The run is to end.
            MMVoxCelebError: A frame cannot be had.
        """
        clip, room, waited = loaded.clip, loaded.room, 0.0
        is_held = room.num_bytes > 0
        stages = [stage for stage in self._stages if stage.name in loaded.wanted]
        streamed = next((loaded.wanted[stage.name] for stage in stages if stage.is_streamed), ())
        loaded.given = {stage.name: () if stage.is_streamed else loaded.wanted[stage.name] for stage in stages}
        union = sorted({index for indices in loaded.given.values() for index in indices})
        reading = sum(max(entry.size, 0) for entry in clip.entries)
        if not is_held:
            reading = min(reading, READ_AT_A_TIME_BYTES)
        beside = max(clip.file.size, 0) if clip.file is not None else 0
        beside += reading if streamed else 0  # it reads while it encodes

        def admit(height: int, width: int, most: int = sys.maxsize) -> None:
            nonlocal waited
            needed = bytes_needed(stages, loaded.wanted, height, width)
            loaded.need = {name: count + beside for name, count in needed.items()}
            wanted = min(loaded.need[stages[0].name] + (reading if union else 0), most)
            if is_held or wanted <= room.num_bytes:
                room.keep(wanted)
                return
            start = time.perf_counter()
            room.take(wanted)
            waited += time.perf_counter() - start

        def sized(height: int, width: int) -> None:
            self._size_px = height, width
            admit(height, width)

        size_px = self._size_px
        if not is_held and (streamed or (union and size_px is None)):
            size_px = self._size_px = _size_of(clip, (union or streamed)[0])
        admit(*(size_px or (0, 0)), most=room.budget if union else sys.maxsize)
        loaded.frames = clip.frames(union, sized=sized)
        loaded.num_frames = len(union) or len(streamed)
        for name, indices in loaded.given.items():
            loaded.inputs[name]["sha256"] = loaded.frames.digest(indices)
        room.keep(loaded.need[stages[0].name])
        return waited


def _size_of(clip: Clip, index: int) -> tuple[int, int]:
    """Read height and width of one of a clip's frames."""
    found = [(0, 0)]
    for _ in clip.each([index], sized=lambda height, width: found.append((height, width))):
        pass
    return found[-1]

"""Videos: clips of an export that are sampled, and raw videos that are cropped."""

from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from mmvoxceleb.codecs.video import count_frames, decode_frames
from mmvoxceleb.hub.mp4 import encode_mp4
from mmvoxceleb.processing.crop.sources import free_videos
from mmvoxceleb.processing.crop.videos import fingerprint
from mmvoxceleb.processing.decoders import open_decoder
from tests.fuzz.kind import Kind, damage_file
from tests.fuzz.mutations.videos import DECOY, damage_mp4
from tests.support.corpus import frame, png
from tests.support.videos import numbered, write_video

_POSITIONS = (0, 3, 7, 11)
_SUFFIXES = (".mp4", ".ts", ".mkv", ".vob", ".mxf", ".avi", ".mov")
_MOST_FRAMES = 60


class SampledVideos(Kind):
    """An MP4 in memory, of which a sampler wants some frames."""

    name = "video-sampled"

    def build(self, case: Path) -> None:
        data, _ = encode_mp4([png(frame(0, index)) for index in range(12)], crf=18, lossless=False, clip_id="a clip")
        (case / "clip.mp4").write_bytes(data)

    def damage(self, case: Path, rng: Random) -> str:
        return damage_file(rng, case / "clip.mp4", damage_mp4)

    def read(self, case: Path) -> Any:
        clip_id, data = "id10001#video#00001.txt#000.mp4", (case / "clip.mp4").read_bytes()
        frames = decode_frames(data, _POSITIONS, clip_id=clip_id)
        return {"count": count_frames(data, clip_id=clip_id), "frames": list(map(_plain, frames))}

    def fault(self, got: Any, clean: Any, case: Path, told: list[str]) -> str | None:
        if got["count"] <= max(_POSITIONS):
            return f"{got['count']} frames, and frame {max(_POSITIONS)} was given"
        return _frames_fault(got["frames"], len(_POSITIONS))


class RawVideos(Kind):
    """A raw video in a folder, looked at and decoded."""

    name = "video-raw"

    def build(self, case: Path) -> None:
        write_video(case / "raw" / "video.mp4", (numbered(index) for index in range(20)))
        for folder in (case / "raw", case):
            write_video(folder / DECOY, (numbered(255) for _ in range(20)))

    def damage(self, case: Path, rng: Random) -> str:
        what = damage_file(rng, case / "raw" / "video.mp4", damage_mp4)
        suffix = rng.choice(_SUFFIXES) if rng.random() < 0.4 else ".mp4"
        (case / "raw" / "video.mp4").rename(case / "raw" / f"video{suffix}")
        return f"{what}, as {suffix}"

    def decoys(self, case: Path) -> list[Path]:
        return [case / "raw" / DECOY, case / DECOY]

    def read(self, case: Path) -> Any:
        (path,) = (video.path for video in free_videos(case / "raw") if video.path and video.path.name != DECOY)
        fingerprint(path)
        with open_decoder(path) as decoder:
            info = decoder.info
            size = (info.height_px, info.width_px, 3)
            frames = [_plain(picture) for picture in decoder.frames(0, _MOST_FRAMES)]
        return {"size": size, "frames": frames}

    def fault(self, got: Any, clean: Any, case: Path, told: list[str]) -> str | None:
        if any(shape != got["size"] for shape, _ in got["frames"]):
            return f"frames {got['frames'][0][0]} of a video of {got['size']}"
        return _frames_fault(got["frames"], len(got["frames"]))


def _plain(picture: Any) -> tuple[tuple[int, ...], bytes]:
    array = np.asarray(picture)
    assert array.dtype == np.uint8
    return array.shape, array.tobytes()


def _frames_fault(frames: list[Any], count: int) -> str | None:
    if len(frames) != count:
        return f"{len(frames)} frames instead of {count}"
    return None if all(len(shape) == 3 and shape[2] == 3 and min(shape) > 0 for shape, _ in frames) else "no RGB frames"

"""Measure cutting the sound of clips, against ``ffmpeg -ss -t`` for each clip, which is what people do today.

    python benchmarks/audio.py                              # a generated talking video: 20 minutes, 200 clips
    python benchmarks/audio.py --minutes 60 --clips 200     # other sizes
    python benchmarks/audio.py --raw VIDEO                  # a video of your own

Clips are spread over the video. Both sides write 16 kHz mono FLAC of the same length. CPU seconds include those of the
started processes. ``linear`` compares the time for all clips with that for a tenth of them from the same video.
``peak`` is the memory of a separate process.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmvoxceleb.codecs.flac import FlacSound, encode_flac
from mmvoxceleb.processing.audio import AudioSettings
from mmvoxceleb.processing.audio.video_sound import VideoSound
from tests.support.talking import write_talking

RATE, FRAMES = 16000, 125
"""Of each clip: 5 s."""


def cpu_seconds() -> float:
    """CPU time of this process and of those that it waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def ours(video: Path, firsts: list[int], out: Path) -> None:
    """Write the sound of clips as the stage does."""
    sound = VideoSound(video, AudioSettings(RATE))
    for first in firsts:
        samples = sound.clip(first, FRAMES).samples
        assert samples is not None
        (out / f"{first}.flac").write_bytes(encode_flac(samples, RATE))
    sound.close()


def today(video: Path, firsts: list[int], out: Path) -> None:
    """Write it with a process of FFmpeg for each clip, which seeks before it opens the input."""
    for first in firsts:
        command = ["ffmpeg", "-v", "error", "-y", "-ss", f"{first / 25:.3f}", "-t", f"{FRAMES / 25}", "-i", str(video)]
        subprocess.run([*command, "-vn", "-ac", "1", "-ar", str(RATE), str(out / f"{first}.flac")], check=True)


def measured(
    side: Callable[[Path, list[int], Path], None], video: Path, firsts: list[int]
) -> tuple[float, float, set[int]]:
    """Return wall and CPU seconds, and the lengths of the files in samples."""
    with tempfile.TemporaryDirectory() as out:
        began, used = time.perf_counter(), cpu_seconds()
        side(video, firsts, Path(out))
        spent = time.perf_counter() - began, cpu_seconds() - used
        return (*spent, {FlacSound(path.read_bytes()).info.num_samples for path in Path(out).iterdir()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--raw", type=Path)
    parser.add_argument("--peak", action="store_true", help="only ours, once, and the memory")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        video, seconds = options.raw, 60 * options.minutes
        if video is None:
            video = Path(folder) / "talking.mp4"
            write_talking(video, seconds=seconds, rate=44100, layout="stereo")
        else:
            asked = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", str(video)]
            seconds = float(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)
        step = (seconds * 25 - FRAMES) / options.clips
        firsts = [int(number * step) for number in range(options.clips)]
        if options.peak:
            with tempfile.TemporaryDirectory() as out:
                before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                ours(video, firsts, Path(out))
                after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            print(f"peak: {after / 1024:.0f} MB, {(after - before) / 1024:.0f} MB more than before")
            return
        results: dict[str, list[tuple[float, float]]] = {"ffmpeg -ss -t": [], "ours": [], "ours, a tenth": []}
        for _ in range(options.rounds):
            for name, side, some in (
                ("ffmpeg -ss -t", today, firsts), ("ours", ours, firsts), ("ours, a tenth", ours, firsts[::10])
            ):  # fmt: skip
                wall, used, lengths = measured(side, video, some)
                results[name].append((wall, used))
                print(f"{name}: {wall:.2f} s, {used:.2f} s of CPU, lengths {sorted(lengths)}", flush=True)
        print(f"{options.clips} clips of {FRAMES / 25:.0f} s from {seconds / 60:.1f} min")
        for name, rounds in results.items():
            wall, used = (statistics.median(values) for values in zip(*rounds, strict=True))
            count = options.clips if name != "ours, a tenth" else len(firsts[::10])
            print(
                f"{name}: {count / wall:.1f} clips/s; {seconds / used:.0f} s of the video's sound a second of CPU; "
                f"{count * FRAMES / 25 / used:.0f} s of clips a second of CPU"
            )


if __name__ == "__main__":
    main()

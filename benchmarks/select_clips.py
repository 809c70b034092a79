"""Measure how long ``select`` takes on a store with many clips, for conditions that read different files.

python benchmarks/select_clips.py --clips 20000
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from mmvoxceleb.files.local import LocalTree
from mmvoxceleb.meta.scores import save_scores
from mmvoxceleb.modalities import ClipScores, Folder, figures
from mmvoxceleb.sample import sample_path
from mmvoxceleb.select import Choice, select_clips
from mmvoxceleb.stores import open_store

CHOICES = {
    "names": Choice(("split == 'train'",), per_person=20),
    "attributes": Choice(("Smiling and not Eyeglasses",), per_person=20),
    "scores": Choice(("sync_confidence >= 3 and -6 <= sync_offset <= 6",), per_person=20),
    "figures of meta": Choice(("iou > 0.5",), per_person=20),
    "num_frames": Choice(("seconds >= 0.2",), per_person=20),
    "all of these": Choice(("Smiling and sync_confidence >= 3 and seconds >= 0.2",), per_person=20, share=0.5),
}


def make_store(root: Path, count: int, frames: int) -> None:
    """Make clips with labels, provenance and frames, which are links to one file."""
    rng = np.random.default_rng(0)
    sample = open_store(sample_path())
    folder = Folder("video")
    clip = sample.clips(folder)[0]
    frame = root / "frame.png"
    frame.write_bytes(sample.read(folder, clip, sample.entries(folder, clip)[:1])[0])
    for name in ("video", "label", "meta", "score"):
        (root / name).mkdir()
    versions = {figure.name: figure.version for figure in figures()}
    labels, faces = rng.integers(-1, 2, (count, 40)), rng.gamma(20, 12, count)
    for at in range(count):
        name = f"id{10000 + at // 45:05d}#video{at // 5:06d}#{at % 5:05d}.txt#000.mp4"
        (root / "label" / f"{name}.txt").write_text(",".join(map(str, labels[at])))
        quality = {"face_px": round(faces[at], 1), "iou": 0.7}
        meta = {"crop": {"source": {"file": f"{at // 5}.mp4"}, "quality": quality, "fps": 25}}
        (root / "meta" / f"{name}.json").write_text(json.dumps(meta))
        values = dict(zip(versions, rng.uniform(-10, 10, len(versions)).tolist(), strict=True))
        values["face_px"] = round(faces[at], 1)
        (root / "score" / f"{name}.json").write_bytes(ClipScores(frames, values, versions).to_bytes())
        (root / "video" / name).mkdir()
        for index in range(frames):
            os.link(frame, root / "video" / name / f"{index:07d}.png")
    save_scores(LocalTree(root))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=20_000)
    parser.add_argument("--frames", type=int, default=10, help="of each clip")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        make_store(Path(name), arguments.clips, arguments.frames)
        for what, choice in CHOICES.items():
            seconds = []
            for _ in range(arguments.repeats):
                begun = time.perf_counter()
                selected = select_clips(name, choice)
                seconds.append(time.perf_counter() - begun)
            print(
                f"{what:16} {statistics.median(seconds):6.2f} s ({min(seconds):.2f} to {max(seconds):.2f}), "
                f"{len(selected.clips):,} of {arguments.clips:,} left"
            )


if __name__ == "__main__":
    main()

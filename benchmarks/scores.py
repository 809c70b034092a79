"""Measure the speed of each scorer of the stage ``score``, on clips that are in memory.

    python benchmarks/scores.py STORE --clips 4

Rates are given by the clock and by CPU time, which other work on the machine disturbs less. The time of a scorer
includes decoding the files that it reads (landmarks, sound, masks), but not decoding the frames. Weights are found as
in ``regenerate score``.
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np

from mmvoxceleb.processing.scores import Material, make_scorers
from mmvoxceleb.processing.source import StoredClips
from mmvoxceleb.stores import open_store


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--figures", help="of these scorers alone, separated by commas")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    source = StoredClips(open_store(options.store))
    clips = [source.clip(clip_id) for clip_id in source.units()[: options.clips]]
    pictures = [clip.frames(clip.frame_indices).pictures for clip in clips]
    count = sum(map(len, pictures))
    print(f"{len(clips)} clips, {count} frames of {pictures[0].shape[2]} x {pictures[0].shape[1]} px\n")
    print("| scorer | on | clips/s | frames/s | frames/CPU s | figures null |\n| --- | --- | --- | --- | --- | --- |")
    for scorer in make_scorers(options.figures and options.figures.split(","), device=options.device):
        scorer.setup()
        times = []
        for _ in range(options.repeats):
            materials = [
                Material(
                    clip.clip_id,
                    np.array(clip.frame_indices, np.int64),
                    frames,
                    clip.meta,
                    {folder: clip.stored_files(folder) for folder in scorer.reads},
                )
                for clip, frames in zip(clips, pictures, strict=True)
            ]
            start = time.perf_counter(), time.process_time()
            measured = [scorer.measure(material) for material in materials]
            times.append((time.perf_counter() - start[0], time.process_time() - start[1]))
        clock, cpu = (statistics.median(each) for each in zip(*times, strict=True))
        unknown = sum(isinstance(value, str) for each in measured for value in each.values())
        print(
            f"| {scorer.name} | {scorer.resolved_device} | {len(clips) / clock:,.2f} | {count / clock:,.0f} "
            f"| {count / max(cpu, 1e-9):,.0f} | {unknown} of {sum(map(len, measured))} |"
        )
        scorer.teardown()


if __name__ == "__main__":
    main()

"""What ``mmvoxceleb export`` writes can be trained on, and MMVID's loader reads the ``folder`` format as it is."""

from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import load_dataset

from mmvoxceleb import ClipSampler
from tests.sampling.test_mmvid import MmvidReader
from tests.support.corpus import Corpus, frame, mask_ids

export = pytest.importorskip("mmvoxceleb.hub.export")
settings = pytest.importorskip("mmvoxceleb.hub.settings")
SIZE = {"image_size": 24, "mask_format": "ids"}


def exported(videos: Corpus, out: Path, **options: object) -> Path:
    export.export_store(videos.root, out, settings.ExportSettings(**options))
    return out


def rows_of(folder: Path, cache: Path, **options: object) -> object:
    files = sorted(map(str, (folder / "data" / "all").glob("*train*.parquet")))
    return load_dataset("parquet", data_files=files, split="train", cache_dir=str(cache), **options)


def test_parquet_gives_the_samples_of_the_store(videos: Corpus, tmp_path: Path) -> None:
    rows = rows_of(exported(videos, tmp_path / "out"), tmp_path / "cache")
    ours, stores = ClipSampler(rows, **SIZE), ClipSampler(videos.root, **SIZE)
    assert ours.clip_ids == stores.clip_ids
    for index in range(len(stores)):
        first, second = ours[index], stores[index]
        assert first["text"] == second["text"]
        for key in ("frames", "frame_indices", "mask", "drawing", "label"):
            assert torch.equal(first[key], second[key])


@pytest.mark.parametrize("lossless", [True, False])
def test_mp4_gives_the_same_frames_as_near_as_the_codec_allows(videos: Corpus, tmp_path: Path, lossless: bool) -> None:
    out = exported(videos, tmp_path / "out", video="mp4", lossless=lossless)
    stores = ClipSampler(videos.root, **SIZE)
    ours = ClipSampler(rows_of(out, tmp_path / "cache"), **SIZE)
    for index in range(len(stores)):
        first, second = ours[index], stores[index]
        assert torch.equal(first["frame_indices"], second["frame_indices"])
        distance = (first["frames"] - second["frames"]).abs()
        assert float(distance.max()) == 0 if lossless else float(distance.mean()) < 0.1
    streamed = next(iter(ClipSampler(rows_of(out, tmp_path / "cache", streaming=True), **SIZE)))
    assert streamed["frames"].shape == (8, 3, 24, 24)


def test_the_original_loader_reads_the_folder_format(videos: Corpus, tmp_path: Path) -> None:
    out = exported(videos, tmp_path / "out", format="folder", mask_encoding="original")
    theirs = MmvidReader(out, 8, 4)
    assert sorted(theirs.videos) == ClipSampler(videos.root).clip_ids
    for number, key in enumerate(sorted(theirs.videos)):
        pixels = (theirs.tensor(theirs.videos[key][5]) * 255).round().byte().permute(1, 2, 0).numpy()
        assert np.array_equal(pixels, frame(number, 5))
        assert len(theirs.masks(key)) == -(-videos.num_frames[number] // 4)
        assert theirs.sentence(key) == f"Clip {number} says sentence 0."
        mask = (theirs.tensor(f"mask/{key}/0000008.png") * 255).round().byte().permute(1, 2, 0).numpy()
        from mmvoxceleb.schema import PALETTE

        assert np.array_equal(mask, PALETTE[mask_ids(number, 8)])

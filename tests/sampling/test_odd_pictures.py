"""Pictures that are damaged, turned, or written again by others, on their way into records and samples."""

import shutil
import time
from pathlib import Path
from typing import Any

import cv2
import datasets
import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import mmvoxceleb  # noqa: F401  makes load_dataset know the name
from mmvoxceleb import ClipSampler
from mmvoxceleb.codecs.masks import read_mask_ids
from mmvoxceleb.codecs.pictures import upright
from mmvoxceleb.codecs.png import decode_picture
from mmvoxceleb.errors import ConfigError, CorruptSourceError, UnsafeArchiveError
from mmvoxceleb.processing.pictures import decode_rgb as decode_source
from tests.support.corpus import Corpus
from tests.support.odd_pictures import BAD, PICTURE, encoded


def read_all(sampler: ClipSampler) -> None:
    """Until every picture was in a sample."""
    for epoch in range(30):
        sampler.set_epoch(epoch)
        for index in range(len(sampler)):
            sampler[index]


@pytest.mark.parametrize("folder", ["video", "mask", "draw/style1"])
@pytest.mark.parametrize("name", ["jpeg of 65500 px", "jpeg cut in its scan", "palette png of 3 bits"])
def test_a_store_with_such_a_file(corpus: Corpus, tmp_path: Path, folder: str, name: str) -> None:
    root = tmp_path / "store"
    shutil.copytree(corpus.root, root)
    clip = sorted(path.name for path in (root / folder).iterdir())[0]
    victim = min((root / folder / clip).iterdir())
    victim.write_bytes(BAD[name][0])
    where = rf"{clip}, .*{victim.name}".replace("#", "\\#")
    with pytest.raises((CorruptSourceError, UnsafeArchiveError), match=where):
        list(datasets.load_dataset("mmvoxceleb", data_dir=str(root), split="train", streaming=True))
    begin = time.monotonic()
    sampler = ClipSampler(str(root), num_frames=1, frame_step=1, start=0, min_frames=0, image_size=16)
    with pytest.raises((CorruptSourceError, UnsafeArchiveError)):
        read_all(sampler)
    assert time.monotonic() - begin < 20


def test_a_note_that_turns_a_jpeg_counts_nowhere(corpus: Corpus, tmp_path: Path) -> None:
    root = tmp_path / "store"
    shutil.copytree(corpus.root / "video", root / "video")
    clip = sorted(path.name for path in (root / "video").iterdir())[0]
    exif = Image.Exif()
    exif[0x0112] = 6
    for path in sorted((root / "video" / clip).iterdir()):
        frame = np.asarray(Image.open(path).convert("RGB"))
        frame = np.ascontiguousarray(frame[: frame.shape[0] // 2])
        path.unlink()
        path.with_suffix(".jpg").write_bytes(encoded(frame, "JPEG", quality=95, exif=exif))
    files = sorted((root / "video" / clip).iterdir())
    stored = np.asarray(cv2.imread(str(files[0]), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION))[..., ::-1]
    assert np.asarray(cv2.imread(str(files[0]))).shape[:2] != stored.shape[:2]  # others obey it

    row = next(iter(datasets.load_dataset("mmvoxceleb", "video", data_dir=str(root), split="train", streaming=True)))
    assert row["clip_id"] == clip
    assert np.array_equal(np.asarray(row["frames"][0]), np.asarray(Image.open(files[0]).convert("RGB")))
    sampler = ClipSampler(str(root), num_frames=1, start=0, min_frames=0, image_size=None, dtype="uint8")
    assert np.abs(sampler[0]["frames"][0].permute(1, 2, 0).numpy().astype(int) - stored).max() <= 3
    assert decode_source(files[0].read_bytes(), where="x").shape == stored.shape
    plain = encoded(PICTURE, "JPEG")
    assert upright(plain) is plain


def test_masks_that_map_wrote_again_are_the_same_masks(prepared: datasets.Dataset) -> None:
    settings: dict[str, Any] = {
        "num_frames": 1,
        "frame_step": 1,
        "min_frames": 0,
        "image_size": 24,
        "modalities": ("mask",),
    }
    expected = [ClipSampler(prepared, **settings)[index]["mask"] for index in range(len(prepared))]
    same = {"masks": lambda row: row["masks"]}
    same["numpy"] = lambda row: [np.asarray(mask) for mask in row["masks"]]
    same["grey"] = lambda row: [Image.fromarray(np.asarray(mask), "L") for mask in row["masks"]]
    same["int32"] = lambda row: [np.asarray(mask).astype(np.int32) for mask in row["masks"]]
    same["colours"] = lambda row: [mask.convert("RGB") for mask in row["masks"]]
    for name, change in same.items():
        again = prepared.map(lambda row, change=change: {"masks": change(row)}, features=prepared.features)
        found = [ClipSampler(again, **settings)[index]["mask"] for index in range(len(prepared))]
        assert all(bool((a == b).all()) for a, b in zip(found, expected, strict=True)), name


def test_a_column_of_numbers_is_named_with_the_way_out(prepared: datasets.Dataset) -> None:
    features = prepared.features.copy()
    features["masks"] = datasets.List(datasets.List(datasets.List(datasets.Value("uint8"))))
    numbers = prepared.select([0]).map(
        lambda row: {"masks": [np.asarray(mask)[:4, :4].tolist() for mask in row["masks"]]}, features=features
    )
    with pytest.raises(CorruptSourceError, match=r"the column masks holds .* no pictures.*cast_column\('masks'"):
        ClipSampler(numbers, num_frames=1, min_frames=0, modalities=("mask",))[0]


def test_a_sampler_says_what_is_damaged_and_not_that_clips_are_short(corpus: Corpus, tmp_path: Path) -> None:
    root = tmp_path / "store"
    shutil.copytree(corpus.root / "video", root / "video")
    clips = sorted(path.name for path in (root / "video").iterdir())
    for path in sorted((root / "video" / clips[0]).iterdir())[1:]:
        path.rename(path.with_name(f"{int(path.stem) * 1000:07d}.png"))
    sampler = ClipSampler(str(root), num_frames=2, frame_step=2, min_frames=0, image_size=16)
    assert set(clips[1:]) <= set(sampler.clip_ids)
    for clip in clips:
        for path in sorted((root / "video" / clip).iterdir())[1:]:
            path.rename(path.with_name(f"{int(path.stem) + 2**40}.png"))
    with pytest.raises((CorruptSourceError, ConfigError), match=r"no frame has such a number"):
        ClipSampler(str(root), num_frames=2, frame_step=2, min_frames=0, image_size=16)


@pytest.mark.parametrize("kind", ["exif", "xmp"])
def test_a_note_that_turns_a_png_counts_nowhere(tmp_path: Path, kind: str) -> None:
    note: dict[str, Any] = {}
    if kind == "exif":
        note["exif"] = Image.Exif()
        note["exif"][0x0112] = 2
    else:
        xmp = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><r tiff:Orientation="2" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"/>'
        note["pnginfo"] = PngInfo()
        note["pnginfo"].add_itxt("XML:com.adobe.xmp", f"{xmp}</x:xmpmeta>")
    folder = tmp_path / "video" / "id00001#abcdefghijk#00001.txt#000.mp4"
    folder.mkdir(parents=True)
    for index in range(2):
        (folder / f"{index:07d}.png").write_bytes(encoded(PICTURE, **note))
    row = next(
        iter(datasets.load_dataset("mmvoxceleb", "video", data_dir=str(tmp_path), split="train", streaming=True))
    )
    assert np.array_equal(np.asarray(row["frames"][0]), PICTURE)


def test_turned_and_many_paged_tiff_masks_are_refused() -> None:
    ids = np.arange(12, dtype=np.uint8).reshape(3, 4)
    turned = encoded(ids, "TIFF", tiffinfo={274: 6})
    with pytest.raises(CorruptSourceError, match="says that it is turned"):
        read_mask_ids(turned, clip_id="x", name="0")
    pages = encoded(ids, "TIFF", save_all=True, append_images=[Image.fromarray(ids)])
    with pytest.raises(CorruptSourceError, match="several pictures"):
        read_mask_ids(pages, clip_id="x", name="0")


def test_samples_of_more_bits_are_scaled_or_refused() -> None:
    grey = (np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000).astype(np.uint16)
    assert np.array_equal(decode_picture(encoded(grey, "TIFF"), where="x"), (grey >> 8).astype(np.uint8))
    with pytest.raises(CorruptSourceError, match="save it with 8 bits"):
        decode_picture(encoded(grey.astype(np.float32) / 64000, "TIFF"), where="x")

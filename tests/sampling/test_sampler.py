"""Samples hold the store's own pixels, in step with each other, from whichever form the data has."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset, Image, List, concatenate_datasets, load_dataset

from mmvoxceleb import ClipSampler, open_store
from mmvoxceleb.codecs.views import View
from mmvoxceleb.errors import ConfigError, CorruptSourceError, MissingModalityError
from mmvoxceleb.sampling.options import SampleOptions
from mmvoxceleb.sampling.windows import choose_view
from mmvoxceleb.schema import PALETTE, SIDE_PAIRS, Folder
from mmvoxceleb.stores import Entry, Store
from tests.sampling.conftest import planes
from tests.support.corpus import Corpus, drawing, label_of, mask_ids, text_of

Read = Callable[[str, int], np.ndarray]
SMALL = {"image_size": (12, 20), "num_frames": 4}


def same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    return first.keys() == second.keys() and all(
        torch.equal(value, second[key]) if isinstance(value, torch.Tensor) else value == second[key]
        for key, value in first.items()
    )


def zipped(videos: Corpus, folder: Path) -> Path:
    import zipfile

    for top in ("video", "mask", "draw", "txt", "label"):
        with zipfile.ZipFile(folder / f"{top}.zip", "w") as archive:
            for path in sorted((videos.root / top).rglob("*.*")):
                if path.is_file():
                    archive.write(path, path.relative_to(videos.root))
    return folder


def test_frames_are_the_stores_own(
    videos: Corpus, prepared: Dataset, parquet: list[str], frame_of_clip: Read, tmp_path: Path
) -> None:
    from_parquet = load_dataset("parquet", data_files=parquet, split="train", cache_dir=str(tmp_path / "cache"))
    shuffled = prepared.shuffle(seed=3).filter(lambda clip_id: "id10001" not in clip_id, input_columns="clip_id")
    undecoded = prepared.cast_column("frames", List(Image(decode=False)))
    forms = (prepared, shuffled, undecoded, from_parquet, videos.root, open_store(zipped(videos, tmp_path)))
    for data, clips in zip(forms, (5, 3, 5, 5, 5, 5), strict=True):
        sampler = ClipSampler(data, image_size=None)
        assert len(sampler) == clips
        for index in range(len(sampler)):
            sample = sampler[index]
            clip_id, number = sample["clip_id"], videos.clips.index(sample["clip_id"])
            assert clip_id == sampler.clip_ids[index]
            assert sample["frames"].shape == (8, 3, 24, 40)
            for place, frame in enumerate(sample["frame_indices"].tolist()):
                assert np.array_equal(planes(sample["frames"][place]), frame_of_clip(clip_id, frame))
            assert np.array_equal(sample["mask"].numpy(), mask_ids(number, sample["mask_index"]))
            drawn = (sample["drawing"][0] * 255).round().to(torch.uint8).numpy()
            assert np.array_equal(drawn, drawing(number, sample["drawing_index"]))
            assert sample["text"] in text_of(number).split("\n")
            assert sample["label"].tolist() == label_of(number // 2)
    assert {tuple(forms[1]["clip_id"])} != {tuple(sorted(forms[1]["clip_id"]))}


def test_every_form_of_the_data_gives_the_same_samples(videos: Corpus, prepared: Dataset, tmp_path: Path) -> None:
    settings = {**SMALL, "crop_scale": (0.5, 1.0), "flip": 0.5, "seed": 3}
    samplers = [ClipSampler(data, **settings) for data in (prepared, str(videos.root), zipped(videos, tmp_path))]
    for index in range(5):
        assert same(samplers[0][index], samplers[1][index])
        assert same(samplers[0][index], samplers[2][index])


def test_only_the_chosen_frames_are_touched(prepared: Dataset) -> None:
    wanted = ClipSampler(prepared, modalities=("video",), start=2)[0]["frame_indices"].tolist()

    def break_the_rest(row: dict[str, Any]) -> dict[str, Any]:
        row["frames"] = [
            picture if index in wanted else {"bytes": b"broken", "path": None}
            for picture, index in zip(row["frames"], row["frame_indices"], strict=True)
        ]
        return row

    raw = prepared.cast_column("frames", List(Image(decode=False))).select([0]).map(break_the_rest)
    assert same(
        ClipSampler(raw, modalities=("video",), start=2)[0], ClipSampler(prepared, modalities=("video",), start=2)[0]
    )
    with pytest.raises(CorruptSourceError, match=rf"clip {prepared[0]['clip_id']}, video 3"):
        ClipSampler(raw, modalities=("video",), start=3)[0]


class Recording(Store):
    """A store that remembers what was read of it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.reads: list[Any] = []

    location = property(lambda self: self.store.location)

    def folders(self) -> tuple[Folder, ...]:
        return self.store.folders()

    def clips(self, folder: Folder) -> list[str]:
        return self.store.clips(folder)

    def entries(self, folder: Folder, clip_id: str) -> list[Entry]:
        return self.store.entries(folder, clip_id)

    def read(self, folder: Folder, clip_id: str, entries: Sequence[Entry] | None = None) -> list[bytes]:
        self.reads.append((folder.path, None if entries is None else [entry.index for entry in entries]))
        return self.store.read(folder, clip_id, entries)

    def fingerprint(self, folders: Any) -> str:
        return self.store.fingerprint(folders)


def test_a_store_is_asked_for_the_chosen_files_and_nothing_else(videos: Corpus) -> None:
    store = Recording(open_store(videos.root))
    sampler = ClipSampler(store, modalities=("video", "mask", "text"))
    assert store.reads == []
    sample = sampler[1]
    assert store.reads == [
        ("video", sample["frame_indices"].tolist()),
        ("mask", [sample["mask_index"]]),
        ("txt", None),
    ]


def test_short_clips_are_left_out_or_filled_up(prepared: Dataset) -> None:
    assert len(ClipSampler(prepared)) == 5
    assert len(ClipSampler(prepared, num_frames=2, frame_step=1)) == 5
    assert len(ClipSampler(prepared, num_frames=2, frame_step=1, min_frames=0)) == 6
    kept = ClipSampler(prepared, short="repeat")
    assert len(kept) == 6
    assert kept[5]["frame_indices"].tolist() == [0, 4, 5, 5, 5, 5, 5, 5]
    long = [clip for clip in prepared["clip_id"][:5] if "00003" not in clip]
    assert ClipSampler(prepared, num_frames=10).clip_ids == long
    with pytest.raises(MissingModalityError, match="none of 6 clips has the 173 frames that 44 frames at step 4 need"):
        ClipSampler(prepared, num_frames=44)


def test_frames_that_were_thinned_out_keep_their_places_in_the_clip(videos: Corpus, tmp_path: Path) -> None:
    thin = load_dataset("mmvoxceleb", data_dir=str(videos.root), split="train", frame_stride=4, cache_dir=str(tmp_path))
    sampler = ClipSampler(thin, min_frames=0)
    assert len(sampler) == 5
    steps = {tuple(np.diff(sampler[index]["frame_indices"]).tolist()) for index in range(5)}
    assert steps == {(4,) * 7}
    with pytest.raises(ConfigError, match="frame_step=6, but the data has every 4th frame only; take a multiple of 4"):
        ClipSampler(thin, frame_step=6, min_frames=0)


def test_masks_at_the_samples_frames(prepared: Dataset) -> None:
    sampler = ClipSampler(prepared, mask_at="every", drawing_at="same", image_size=None)
    for index in range(5):
        sample, number = sampler[index], index
        frames = sample["frame_indices"].tolist()
        assert sample["mask_index"].tolist() == frames
        assert sample["drawing_index"] in frames
        assert sample["mask"].shape == (8, 48, 64)
        for mask, frame in zip(sample["mask"].numpy(), frames, strict=True):
            assert np.array_equal(mask, mask_ids(number, frame))
    without_video = ClipSampler(prepared, modalities=("mask",), mask_at="every", num_frames=3, image_size=None)[0]
    assert np.diff(without_video["mask_index"]).tolist() == [4, 4]


def test_other_clips_are_of_the_same_person_and_video(videos: Corpus, prepared: Dataset) -> None:
    sampler = ClipSampler(
        prepared, mask_at="other_clip", drawing_at="other_clip", image_at="other_clip", image_size=None
    )
    pairs = {0: 1, 1: 0, 2: 3, 3: 2, 4: 4}  # clip 5 is too short, so clip 4 is alone
    for index, other in pairs.items():
        sample = sampler[index]
        assert sample["mask_clip_id"] == sample["drawing_clip_id"] == sample["image_clip_id"] == videos.clips[other]
        assert np.array_equal(sample["mask"].numpy(), mask_ids(other, sample["mask_index"]))
    same_clip = ClipSampler(prepared, image_at="other", image_size=None)[0]
    assert same_clip["image_clip_id"] == videos.clips[0]


def test_image_is_a_frame_of_the_clip_it_names(prepared: Dataset, frame_of_clip: Read) -> None:
    sampler = ClipSampler(prepared, image_at="other_clip", image_size=None)
    sample = sampler[2]
    assert np.array_equal(planes(sample["image"]), frame_of_clip(sample["image_clip_id"], sample["image_index"]))


def test_flip_mirrors_everything_and_swaps_the_sides_of_the_mask(prepared: Dataset) -> None:
    plain, mirrored = (ClipSampler(prepared, image_size=None, flip=flip) for flip in (0.0, 1.0))
    swapped = np.arange(19)
    for left, right in SIDE_PAIRS:
        swapped[[left, right]] = right, left
    seen: set[int] = set()
    for index in range(5):
        first, second = plain[index], mirrored[index]
        assert second["flipped"] is True
        assert "flipped" not in first
        assert torch.equal(second["frames"], first["frames"].flip(-1))
        assert torch.equal(second["drawing"], first["drawing"].flip(-1))
        assert np.array_equal(second["mask"].numpy(), swapped[first["mask"].numpy()[:, ::-1]])
        seen |= set(first["mask"].unique().tolist())
    assert {2, 3, 4, 5, 7, 8} <= seen


def test_forms_of_the_mask_agree(prepared: Dataset) -> None:
    ids, one_hot, colours = (
        ClipSampler(prepared, mask_format=form, **SMALL)[1]["mask"] for form in ("ids", "one_hot", "colours")
    )
    assert ids.shape == (12, 20)
    assert ids.dtype == torch.int64
    assert torch.equal(one_hot.argmax(0), ids)
    assert torch.equal(one_hot.sum(0), torch.ones(12, 20))
    assert np.array_equal(planes(colours), PALETTE[ids.numpy()])


def test_uint8_is_the_float_before_division(prepared: Dataset) -> None:
    floats, bytes_ = (ClipSampler(prepared, dtype=dtype, **SMALL)[1] for dtype in ("float32", "uint8"))
    assert bytes_["frames"].dtype == torch.uint8
    assert torch.equal(bytes_["frames"].to(torch.float32) / 255, floats["frames"])
    assert float(floats["frames"].max()) <= 1


def test_crops_of_frames_and_masks_are_the_same_place() -> None:
    options = SampleOptions(crop_scale=(0.5, 0.9))
    for seed in range(100):
        view = choose_view(options, np.random.default_rng(seed))
        box = view.box(256, 256, 1.0)
        assert view.box(512, 512, 1.0) == tuple(2 * corner for corner in box)
        x1, y1, x2, y2 = box
        assert x2 - x1 == y2 - y1
        assert 0.49 <= (x2 - x1) ** 2 / 256**2 <= 0.91
        assert 0 <= x1 < x2 <= 256
        assert 0 <= y1 < y2 <= 256
    assert View().box(24, 40, 1.0) == (8, 0, 32, 24)
    assert View().box(40, 24, 2.0) == (0, 14, 24, 26)


def test_resizing_gives_the_mean_of_four_at_half_size(prepared: Dataset, frame_of_clip: Read) -> None:
    sample = ClipSampler(prepared, image_size=(12, 20))[0]
    frame = frame_of_clip(sample["clip_id"], int(sample["frame_indices"][0])).astype(float)
    means = frame.reshape(12, 2, 20, 2, 3).mean((1, 3))
    assert np.abs(planes(sample["frames"][0]) - means).max() <= 0.5


def test_texts(prepared: Dataset, videos: Corpus) -> None:
    sentences = text_of(0).split("\n")
    assert ClipSampler(prepared, sentences="first", **SMALL)[0]["text"] == sentences[0]
    assert ClipSampler(prepared, sentences="all", **SMALL)[0]["text"] == sentences
    drawn = ClipSampler(prepared, windows=20, **SMALL)
    assert len({drawn[index]["text"] for index in range(20)}) > 5
    dropped = ClipSampler(prepared, windows=200, text_dropout=0.25, modalities=("text",))
    share = sum(dropped[index]["text"] == "null" for index in range(400)) / 400
    assert 0.15 < share < 0.35
    tokens = ClipSampler(prepared, tokenizer=len, **SMALL)[0]
    assert tokens["tokens"] == len(tokens["text"])


def test_negative_text_is_of_a_clip_with_another_label(prepared: Dataset) -> None:
    sampler = ClipSampler(prepared, negative_text=True, modalities=("video", "text"), tokenizer=str.upper, windows=10)
    for index in range(len(sampler)):
        sample = sampler[index]
        own, other = (int(sample[key].split()[1]) for key in ("text", "negative_text"))
        assert label_of(own // 2) != label_of(other // 2)
        assert sample["negative_tokens"] == sample["negative_text"].upper()
    alone = prepared.select([0, 1])
    with pytest.raises(ConfigError, match="needs clips with different labels"):
        ClipSampler(alone, negative_text=True)


def test_modalities_that_are_not_there_are_named(prepared: Dataset, videos: Corpus) -> None:
    bare = prepared.select_columns(["clip_id", "frames", "frame_indices"])
    assert set(ClipSampler(bare)[0]) == {"clip_id", "frames", "frame_indices"}
    with pytest.raises(MissingModalityError, match=r"the data has no mask \(it has video\)"):
        ClipSampler(bare, modalities=("video", "mask"))
    with pytest.raises(MissingModalityError, match="no column clip_id"):
        ClipSampler(prepared.remove_columns("clip_id"))
    with pytest.raises(MissingModalityError, match="no draw/style2"):
        ClipSampler(videos.root, modalities=("drawing",), style="style2")
    with pytest.raises(TypeError, match="take one, as data\\['train'\\]"):
        ClipSampler(load_dataset("mmvoxceleb", data_dir=str(videos.root), streaming=True))
    with pytest.raises(TypeError, match="cannot sample from int"):
        ClipSampler(3)
    with pytest.raises(ConfigError, match="no option 'frames'; the known ones are num_frames, frame_step"):
        ClipSampler(prepared, frames=8)


def test_a_record_without_masks_or_sentences_is_one_error(prepared: Dataset) -> None:
    raw = prepared.cast_column("masks", List(Image(decode=False))).select_columns(
        ["clip_id", "masks", "mask_indices", "text", "label"]
    )
    empty = raw.select([0, 2]).map(lambda row: {"masks": [], "mask_indices": [], "text": []})
    with pytest.raises(MissingModalityError, match=f"clip {empty[0]['clip_id']}: it has no masks"):
        ClipSampler(empty, modalities=("mask",))[0]
    with pytest.raises(CorruptSourceError, match=f"clip {empty[1]['clip_id']}: its text has no sentence"):
        ClipSampler(
            concatenate_datasets([raw.select([0]), empty.select([1])]), modalities=("text",), negative_text=True
        )[0]


def test_a_mask_of_unknown_colours_is_an_error(own_corpus: Corpus) -> None:
    from tests.support.corpus import png

    clip = own_corpus.clips[0]
    for path in (own_corpus.root / "mask" / clip).iterdir():
        path.write_bytes(png(np.full((48, 64, 3), 77, np.uint8)))
    with pytest.raises(CorruptSourceError, match=rf"clip {clip}, mask \d+: the mask has a colour"):
        ClipSampler(own_corpus.root, num_frames=2)[0]


def test_samples_do_not_depend_on_threads(prepared: Dataset, own_corpus: Corpus) -> None:
    settings = {**SMALL, "crop_scale": (0.5, 1.0), "mask_at": "every"}
    one, three = (ClipSampler(prepared, threads=threads, **settings) for threads in (1, 3))
    for index in range(5):
        assert same(one[index], three[index])
    clip = own_corpus.clips[0]
    (own_corpus.root / "video" / clip / "0000003.png").write_bytes(b"broken")
    with pytest.raises(CorruptSourceError, match="video 3"):
        ClipSampler(own_corpus.root, threads=3, num_frames=6, frame_step=1, start=0)[0]


def test_pictures_of_two_sizes_make_no_sample_without_a_size(own_corpus: Corpus) -> None:
    from tests.support.corpus import png

    clip = own_corpus.clips[0]
    (own_corpus.root / "video" / clip / "0000003.png").write_bytes(png(np.zeros((30, 50, 3), np.uint8)))
    settings: dict[str, Any] = {"num_frames": 6, "frame_step": 1, "start": 0, "modalities": ("video",)}
    assert ClipSampler(own_corpus.root, **settings)[0]["frames"].shape == (6, 3, 128, 128)
    with pytest.raises(CorruptSourceError, match="video 3: 50 x 30 px, unlike the clip's first picture"):
        ClipSampler(own_corpus.root, image_size=None, **settings)[0]

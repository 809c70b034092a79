import io
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset
from PIL import Image

from mmvoxceleb.codecs.masks import read_mask_ids
from mmvoxceleb.loading.record import RecordOptions, read_record
from mmvoxceleb.sample import sample_path
from mmvoxceleb.schema import ATTRIBUTES, Folder, record_features, split_of
from mmvoxceleb.stores import Store, open_store
from mmvoxceleb.validation import validate_store
from tests.support.sides import assert_sides_are_the_persons

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def sample() -> Store:
    return open_store(sample_path())


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "builder_scripts" / "sample"))


def test_the_sample_is_sound_and_has_both_splits(sample: Store) -> None:
    report = validate_store(sample, deep=True)
    assert report.ok, report.problems
    assert report.clips == {"train": 2, "test": 2}
    assert report.persons == {"train": 1, "test": 1}
    assert {name: count.clips for name, count in report.folders.items()} == dict.fromkeys(
        ("draw/style1", "label", "mask", "txt", "video"), 4
    )


def test_pictures_have_the_original_sizes_and_modes(sample: Store) -> None:
    wanted = {Folder("video"): ((256, 256), "RGB"), Folder("mask"): ((512, 512), "RGB")}
    wanted[Folder("drawing", "style1")] = ((512, 512), "L")
    for folder, (size, mode) in wanted.items():
        for clip in sample.clips(folder):
            for data in sample.read(folder, clip):
                picture = Image.open(io.BytesIO(data))
                assert (picture.size, picture.mode) == (size, mode)


def test_masks_and_drawings_are_there_for_every_fourth_frame(sample: Store) -> None:
    for clip in sample.clips(Folder("video")):
        frames = [entry.index for entry in sample.entries(Folder("video"), clip)]
        for folder in (Folder("mask"), Folder("drawing", "style1")):
            assert [entry.index for entry in sample.entries(folder, clip)] == frames[::4]


def test_left_is_the_left_of_the_person(sample: Store) -> None:
    clips = sample.clips(Folder("mask"))
    for clip in clips:
        for entry, data in zip(sample.entries(Folder("mask"), clip), sample.read(Folder("mask"), clip), strict=True):
            ids = read_mask_ids(data, clip_id=clip, name=entry.name)
            assert_sides_are_the_persons(ids, wanted=("eye", "brow"))
    for split in ("train", "test"):
        for row in Dataset.from_parquet(str(Path(sample_path()) / "parquet" / f"{split}.parquet")):
            for mask in row["masks"]:
                assert_sides_are_the_persons(np.asarray(mask), wanted=("eye", "brow"))


def test_masks_fit_the_frames(sample: Store) -> None:
    record = read_record(sample, sample.clips(Folder("video"))[0], RecordOptions())
    ids = np.asarray(Image.open(io.BytesIO(record["masks"][3]["bytes"])))
    frame = np.asarray(Image.open(io.BytesIO(record["frames"][12]["bytes"])).resize((512, 512))).astype(int)
    drawing = np.asarray(Image.open(io.BytesIO(record["drawings"][3]["bytes"])))
    skin, cloth, hair = (frame[ids == class_id].mean(axis=0) for class_id in (1, 16, 17))
    assert skin.sum() > hair.sum() > cloth.sum()
    assert skin[0] > skin[2] + 25
    assert (frame[ids == 0].mean(axis=1) > 160).mean() > 0.98, (
        "the backdrop is light, what is left of the person is not"
    )
    assert (drawing[ids == 0] > 200).mean() > 0.97 > (drawing[ids == 17] > 200).mean()


def test_the_bytes_are_small_enough_for_a_package() -> None:
    folder = Path(sample_path())
    assert sum(path.stat().st_size for path in folder.glob("*.zip")) <= 2_000_000
    assert sum(path.stat().st_size for path in folder.glob("parquet/*")) <= 2_000_000


def test_the_script_draws_the_same_masks(sample: Store, scripts: None) -> None:
    from make_sample import CLIPS
    from sample_portrait import class_map

    for clip in CLIPS:
        for entry, data in zip(
            sample.entries(Folder("mask"), clip.clip_id), sample.read(Folder("mask"), clip.clip_id), strict=True
        ):
            camera = clip.camera(entry.index / (clip.num_frames - 1))
            drawn = class_map(camera.matrix(512), 512, mirrored=camera.mirrored)
            assert np.array_equal(read_mask_ids(data, clip_id=clip.clip_id, name=entry.name), drawn)


def test_a_mirrored_view_keeps_the_sides_of_the_person(scripts: None) -> None:
    from sample_portrait import class_map
    from sample_render import Camera

    for mirrored in (False, True):
        ids = class_map(Camera(227, 112, 200, mirrored=mirrored).matrix(512), 512, mirrored=mirrored)
        for left, right in ((2, 3), (4, 5), (7, 8)):
            assert np.nonzero(ids == left)[1].mean() > np.nonzero(ids == right)[1].mean()


def test_the_script_gives_the_same_bytes_twice(sample: Store, scripts: None) -> None:
    pytest.importorskip("skimage", reason="the portrait comes with scikit-image")
    from make_sample import CLIPS, make_files
    from sample_render import Portrait, load_portrait

    first, second = (list(itertools.islice(make_files(Portrait(load_portrait()), CLIPS[1]), 4)) for _ in range(2))
    assert first == second
    for path, data in first:
        folder = {"video": Folder("video"), "mask": Folder("mask"), "draw": Folder("drawing", "style1")}
        clip, name = path.split("/")[-2:]
        (entry,) = (item for item in sample.entries(folder[path.split("/")[0]], clip) if item.name == name)
        (packed,) = sample.read(folder[path.split("/")[0]], clip, [entry])
        made, kept = (np.asarray(Image.open(io.BytesIO(item))).astype(int) for item in (data, packed))
        assert np.abs(made - kept).mean() < 1


def test_stock_datasets_reads_the_sample_in_the_root_of_a_clone(sample: Store, tmp_path: Path) -> None:
    code = """
import json, sys
from datasets import Image, List, load_dataset
loaded = load_dataset("mmvoxceleb")
named = load_dataset("mmvoxceleb", "sample", streaming=True)
assert not [name for name in sys.modules if name.split(".")[0] == "mmvoxceleb"]
features = {split: part.features.to_dict() for split, part in loaded.items()}
for column in ("frames", "masks", "drawings"):
    loaded = loaded.cast_column(column, List(Image(decode=False)))
    named = named.cast_column(column, List(Image(decode=False)))
assert {split: list(part) for split, part in named.items()} == {split: list(part) for split, part in loaded.items()}
def plain(value):
    return value.hex() if isinstance(value, bytes) else value
rows = {split: list(part) for split, part in loaded.items()}
print(json.dumps({"features": features, "rows": rows}, default=plain))
"""
    environment = {**os.environ, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for split in ("train", "test"):
        assert found["features"][split] == record_features().to_dict()
        records = [read_record(sample, clip, RecordOptions()) for clip in sample.clips(Folder("video"))]
        expected = json.dumps([row for row in records if split_of(row["person_id"]) == split], default=bytes.hex)
        assert found["rows"][split] == json.loads(expected)


def test_labels_and_sentences_belong_together(sample: Store) -> None:
    for clip in sample.clips(Folder("label")):
        record = read_record(sample, clip, RecordOptions(modalities=("text", "label")))
        assert len(record["text"]) == 20
        names = {ATTRIBUTES[index] for index in record["attributes"]}
        assert {"Smiling", "Brown_Hair"} <= names
        assert not {"Male", "Eyeglasses", "Wearing_Hat"} & names
        assert all("smiling" in line and "brown hair" in line for line in record["text"])

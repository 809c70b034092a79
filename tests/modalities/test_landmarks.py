"""Landmarks are loaded, streamed, sampled, exported, checked and shown as the file has them."""

import io
import shutil
import struct
import tarfile
import zlib
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from PIL import Image
from torch.utils.data import DataLoader

from mmvoxceleb import ClipSampler
from mmvoxceleb.codecs.landmarks import FaceLandmarks, decode_landmarks, encode_landmarks
from mmvoxceleb.errors import ConfigError, CorruptSourceError, MMVoxCelebError, UnsafeArchiveError
from mmvoxceleb.hub.export import export_store
from mmvoxceleb.hub.settings import ExportSettings, Format
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.modalities import LANDMARKS
from mmvoxceleb.preview import contact_sheet
from mmvoxceleb.preview.gif import clip_gif
from mmvoxceleb.processing.removal import remove_from_store
from mmvoxceleb.schema.face_points import BLENDSHAPES, MIRRORED_BLENDSHAPES, MIRRORED_POINTS, five_of_478
from mmvoxceleb.stores import open_store
from mmvoxceleb.validation import validate_store
from tests.support.corpus import Corpus, make_corpus
from tests.support.faces import add_landmarks, landmarks_of

KEYS = ("landmarks", "blendshapes", "head_pose")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    corpus = make_corpus(tmp_path_factory.mktemp("faces"))
    add_landmarks(corpus, corpus.root)
    return corpus


def stored(corpus: Corpus, clip_id: str) -> FaceLandmarks:
    data = (corpus.root / "landmarks" / f"{clip_id}.landmarks").read_bytes()
    return LANDMARKS.parse(data, clip_id=clip_id)


def parts(value: FaceLandmarks) -> tuple[np.ndarray, ...]:
    return value.points, value.blendshapes, value.head_pose


def assert_same(found: FaceLandmarks, expected: FaceLandmarks) -> None:
    for one, other in zip((found.indices, *parts(found)), (expected.indices, *parts(expected)), strict=True):
        assert np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


@pytest.mark.parametrize(("width", "error_px"), [(256, 1 / 64), (1000, 1 / 64), (8192, 1 / 8)])
def test_a_file_keeps_points_to_a_64th_of_a_pixel_and_nothing_where_there_is_no_face(
    width: int, error_px: float
) -> None:
    value = landmarks_of(1, 60, width=width, height=width)
    data = encode_landmarks(value)
    found = decode_landmarks(data, where="x")
    assert np.array_equal(np.isnan(found.points), np.isnan(value.points))
    assert found.has_face.tolist() == [number % 5 != 2 for number in range(60)]
    for one, other, most in zip(parts(found), parts(value), (error_px, 1 / 131_000, 1 / 255.9), strict=True):
        assert np.nanmax(np.abs(one - other)) <= most
    again = decode_landmarks(encode_landmarks(found), where="x")
    assert_same(again, found)
    assert len(data) < 60 * 1900  # of random points; those of faces take half
    empty = FaceLandmarks(np.zeros(0, np.int32), *(np.zeros((0, *part.shape[1:]), np.float32) for part in parts(value)))
    assert len(decode_landmarks(encode_landmarks(empty), where="x")) == 0


def test_what_no_file_may_say_is_refused() -> None:
    value = landmarks_of(2, 4)
    for wrong, message in (
        ({"points": value.points[:, :400]}, "points must have the shape"),
        ({"indices": np.array([0, 2, 1, 3], np.int32)}, "ascend"),
        ({"head_pose": np.where([[True, False, False]], np.nan, value.head_pose)}, "finite or"),
    ):
        with pytest.raises(ConfigError, match=message):
            FaceLandmarks(**{**vars(value), **wrong})
    for name, factor in (("points", 1e6), ("blendshapes", 2), ("head_pose", 9)):
        with pytest.raises(ConfigError, match="out of range"):
            encode_landmarks(FaceLandmarks(**{**vars(value), name: vars(value)[name] * factor}))


def test_a_damaged_file_is_refused() -> None:
    data = encode_landmarks(landmarks_of(3, 20))
    rng = np.random.default_rng(0)
    for place in (*range(24), *rng.integers(24, len(data), 60).tolist()):
        broken = bytearray(data)
        broken[place] ^= 1 << int(rng.integers(8))
        with pytest.raises((CorruptSourceError, UnsafeArchiveError), match="clip 7"):
            LANDMARKS.parse(bytes(broken), clip_id="7")
    for other in (b"", data[:10], data[:-1], data + b"x", b"no landmarks at all, but some text"):
        with pytest.raises(CorruptSourceError, match="clip 7"):
            LANDMARKS.parse(other, clip_id="7")
    later = bytearray(data)
    later[4] = 2
    with pytest.raises(CorruptSourceError, match="Update mmvoxceleb"):
        LANDMARKS.parse(bytes(later), clip_id="7")
    bomb = struct.pack("<4sHHHhII", b"MMLM", 1, 478, 52, -5, 4_000_000_000, 0) + zlib.compress(bytes(1 << 20))
    with pytest.raises(UnsafeArchiveError, match="refused"):
        LANDMARKS.parse(bomb, clip_id="7")
    with pytest.raises(CorruptSourceError, match="no 2 rows"):
        LANDMARKS.parse(bomb[:12] + struct.pack("<II", 2, 0) + bomb[20:], clip_id="7")


def test_it_is_loaded_and_streamed_but_not_by_default(corpus: Corpus, tmp_path: Path) -> None:
    arguments: dict[str, Any] = {"data_dir": str(corpus.root), "split": "train"}
    prepared = load_dataset("mmvoxceleb", "landmarks", cache_dir=str(tmp_path), **arguments)
    stream = load_dataset("mmvoxceleb", "landmarks", streaming=True, **arguments)
    for row in (*prepared, *stream):
        expected = stored(corpus, row["clip_id"])
        assert_same(LANDMARKS.value_of(row, clip_id=row["clip_id"]), expected)
        assert [points is None for points in row["landmarks"]] == (~expected.has_face).tolist()
        assert len(row["landmarks"][0]) == 478
    assert "landmarks" not in load_dataset("mmvoxceleb", streaming=True, **arguments).features
    some = load_dataset(
        "mmvoxceleb", streaming=True, modalities=("video", "landmarks"), frame_stride=3, max_frames=3, **arguments
    )
    row = next(iter(some))
    assert row["landmark_indices"] == row["frame_indices"] == [0, 3, 6]
    alone = load_dataset("mmvoxceleb", "landmarks", streaming=True, frame_stride=4, max_frames=2, **arguments)
    assert next(iter(alone))["landmark_indices"] == [0, 4]
    settings: dict[str, Any] = {"modalities": ("landmarks",), "num_frames": 5, "start": 1, "image_size": None}
    of_store, of_rows = ClipSampler(corpus.root, **settings), ClipSampler(prepared, **settings)
    from_store = {of_store[number]["clip_id"]: of_store[number] for number in range(len(of_store))}
    for sample in (of_rows[number] for number in range(len(of_rows))):
        other = from_store[sample["clip_id"]]
        assert all(np.array_equal(sample[key], other[key], equal_nan=True) for key in KEYS)


def test_samples_move_points_as_they_move_pixels(corpus: Corpus) -> None:
    window: dict[str, Any] = {"modalities": ("video", "landmarks"), "num_frames": 4, "frame_step": 2, "start": 1}
    settings = {"image_size": None, **window}
    plain = ClipSampler(corpus.root, **settings)[0]
    expected = stored(corpus, corpus.clips[0])
    assert plain["frame_indices"].tolist() == [1, 3, 5, 7]
    for key, rows in zip(KEYS, parts(expected), strict=True):
        assert np.array_equal(plain[key].numpy(), rows[1:8:2], equal_nan=True)
        assert np.isnan(plain[key].numpy()[3]).all()  # frame 7
    flipped = ClipSampler(corpus.root, flip=1.0, **settings)[0]
    points = plain["landmarks"].numpy()[:, MIRRORED_POINTS] * (-1, 1, 1) + (40, 0, 0)
    assert np.allclose(flipped["landmarks"], points, equal_nan=True, atol=1e-4)
    turned = plain["head_pose"].numpy() * (-1, 1, -1)
    assert np.allclose(flipped["head_pose"], turned, equal_nan=True)
    left, right = BLENDSHAPES.index("eyeBlinkLeft"), BLENDSHAPES.index("eyeBlinkRight")
    assert np.array_equal(flipped["blendshapes"][:3, left], plain["blendshapes"][:3, right])
    for size, flip in (((16, 16), 0.0), ((12, 30), 1.0)):
        sampler = ClipSampler(corpus.root, image_size=size, crop_scale=(0.4, 0.9), flip=flip, seed=5, **window)
        sample = sampler[0]
        assert_points_lie_on_the_same_colours(plain, sample, mirrored=flip == 1.0)
    batch = next(iter(DataLoader(ClipSampler(corpus.root, **settings), batch_size=3)))
    assert batch["landmarks"].shape == (3, 4, 478, 3)
    alone = ClipSampler(corpus.root, **{**settings, "modalities": ("landmarks",)})[0]
    assert np.array_equal(alone["landmarks"], plain["landmarks"], equal_nan=True)


def assert_points_lie_on_the_same_colours(plain: Any, sample: Any, *, mirrored: bool) -> None:
    """The corpus's red grows by 6 with x, its green by 10 with y: colours tell where a pixel comes from."""
    red, green = 255 * sample["frames"][0, 0].numpy(), 255 * sample["frames"][0, 1].numpy()
    height, width = red.shape
    points = sample["landmarks"][0].numpy()
    points = points[list(MIRRORED_POINTS)] if mirrored else points
    inside = (points[:, 0] > 1) & (points[:, 0] < width - 1) & (points[:, 1] > 1) & (points[:, 1] < height - 1)
    assert inside.sum() > 50
    columns, rows = np.floor(points[inside, :2]).astype(int).T
    came_from = plain["landmarks"][0].numpy()[inside, :2]
    step = abs(red[0, -1] - red[0, 0]) / 6 / (width - 1), abs(green[-1, 0] - green[0, 0]) / 10 / (height - 1)
    assert np.abs((red[rows, columns] - 1) / 6 + 0.5 - came_from[:, 0]).max() < step[0] + 0.5
    assert np.abs(green[rows, columns] / 10 + 0.5 - came_from[:, 1]).max() < step[1] + 0.5


def test_tables_of_sides_are_their_own_inverse() -> None:
    for table in (MIRRORED_POINTS, MIRRORED_BLENDSHAPES):
        assert [table[other] for other in table] == list(range(len(table)))
    points = np.random.default_rng(0).uniform(0, 256, (2, 478, 3)).astype(np.float32)
    mirrored = points[:, MIRRORED_POINTS] * np.array((-1, 1, 1), np.float32)
    five = five_of_478(points)
    assert five.shape == (2, 5, 2)
    assert np.allclose(five_of_478(mirrored), five[:, [1, 0, 2, 4, 3]] * (-1, 1), atol=1e-4)


def test_exports_carry_it(corpus: Corpus, tmp_path: Path) -> None:
    clip = corpus.clips[0]
    options: dict[str, Any] = {"modalities": ("video", "landmarks")}
    for form in get_args(Format):
        export_store(corpus.root, tmp_path / form, ExportSettings(form, **options))
    name = f"landmarks/{clip}.landmarks"
    assert (tmp_path / "folder" / name).read_bytes() == (corpus.root / name).read_bytes()
    tables = [pq.read_table(path) for path in (tmp_path / "parquet").rglob("landmarks/*.parquet")]
    rows = [row for table in tables for row in table.to_pylist()]
    row = next(row for row in rows if row["clip_id"] == clip)
    assert "frames" not in row
    assert_same(LANDMARKS.value_of(row, clip_id=clip), stored(corpus, clip))
    assert "478 points" in (tmp_path / "parquet" / "README.md").read_text()
    found: dict[str, bytes] = {}
    for tar in (tmp_path / "webdataset").rglob("*.tar"):
        with tarfile.open(tar) as opened:
            found |= {member.name: opened.extractfile(member).read() for member in opened}  # type: ignore[union-attr]
    arrays = np.load(io.BytesIO(next(data for name, data in sorted(found.items()) if name.endswith(".npz"))))
    assert arrays["landmarks"].shape[1:] == (478, 3)
    assert np.isnan(arrays["head_pose"][2]).all()


def test_validation_finds_damage_other_frames_and_few_faces(corpus: Corpus, tmp_path: Path) -> None:
    root = tmp_path / "store"
    shutil.copytree(corpus.root, root)
    assert validate_store(open_store(root), deep=True).ok
    folder = root / "landmarks"
    (folder / f"{corpus.clips[0]}.landmarks").write_bytes(b"broken")
    (folder / f"{corpus.clips[1]}.landmarks").write_bytes(encode_landmarks(landmarks_of(1, corpus.num_frames[1] + 2)))
    value = landmarks_of(2, corpus.num_frames[2])
    nobody = FaceLandmarks(value.indices, *(np.full_like(part, np.nan) for part in parts(value)))
    (folder / f"{corpus.clips[2]}.landmarks").write_bytes(encode_landmarks(nobody))
    value = landmarks_of(3, corpus.num_frames[3])
    far = FaceLandmarks(value.indices, value.points * 9000, *parts(value)[1:])
    (folder / f"{corpus.clips[3]}.landmarks").write_bytes(encode_landmarks(far))
    report = validate_store(open_store(root))
    expected = {"landmarks": 1, "landmarks_frames": 1, "landmarks_faces": 1, "landmarks_far": 1}
    assert report.problem_counts == expected, report.problems
    assert "2 frames that the clip has not" in str(report.of_kind("landmarks_frames")[0])
    with pytest.raises(MMVoxCelebError, match=corpus.clips[0]):
        list(load_dataset("mmvoxceleb", "landmarks", data_dir=str(root), streaming=True, split="train"))


def test_previews_draw_them_on_the_frames_and_removal_takes_them_out(corpus: Corpus, tmp_path: Path) -> None:
    root = tmp_path / "store"
    shutil.copytree(corpus.root, root)
    with_points = contact_sheet(open_store(root), [corpus.clips[0]])
    gif = Image.open(io.BytesIO(clip_gif(open_store(root), corpus.clips[0], size_px=64)))
    shutil.move(root / "landmarks", tmp_path / "landmarks")
    assert with_points.height > contact_sheet(open_store(root), [corpus.clips[0]]).height + 144
    assert gif.width > Image.open(io.BytesIO(clip_gif(open_store(root), corpus.clips[0], size_px=64))).width
    shutil.move(tmp_path / "landmarks", root / "landmarks")
    frame = Image.new("RGB", (40, 24))
    value = stored(corpus, corpus.clips[0])
    drawn = LANDMARKS.drawn(value, 1, frame)
    assert np.asarray(drawn).any()
    assert drawn.size == frame.size
    assert not np.asarray(LANDMARKS.drawn(value, 2, frame)).any()
    assert not np.asarray(LANDMARKS.drawn(value, 999, frame)).any()
    remove_from_store(root, Removals(person_id=frozenset({"id10271"})))
    assert {path.name for path in (root / "landmarks").iterdir()} == {
        f"{clip}.landmarks" for clip in corpus.clips if "id10271" not in clip
    }

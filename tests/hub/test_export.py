import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from datasets import Features, load_dataset
from PIL import Image

from mmvoxceleb.errors import ConfigError, CorruptSourceError, IncompatibleOutputError
from mmvoxceleb.hub.card import CardFacts
from mmvoxceleb.hub.export import export_store, modalities_in
from mmvoxceleb.hub.manifest import ExportFolder
from mmvoxceleb.hub.mp4 import decode_mp4, encode_mp4
from mmvoxceleb.hub.quality import psnr, ssim
from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.loading.record import RecordOptions, read_record
from mmvoxceleb.schema import ClipId, Folder, record_features
from mmvoxceleb.stores import open_store
from tests.support.corpus import Corpus, drawing, frame, label_of, mask_ids, png, zip_corpus
from tests.support.trees import tree

PLAIN = CardFacts(charts=False)
SMALL = ExportSettings(max_shard_bytes=2_000)


def export(store: Path, out: Path, settings: ExportSettings = SMALL, **options: Any) -> Path:
    export_store(store, out, settings, facts=PLAIN, **options)
    return out


@pytest.fixture(scope="module")
def exported(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(corpus.root, tmp_path_factory.mktemp("out") / "parquet")


def rows_of(path: Path, pattern: str) -> list[dict[str, Any]]:
    return [row for file in sorted(path.glob(pattern)) for row in pq.read_table(file).to_pylist()]


def test_the_shards_hold_the_records_of_the_store(corpus: Corpus, exported: Path) -> None:
    store = open_store(corpus.root)
    rows = {row["clip_id"]: row for row in rows_of(exported, "data/all/*.parquet")}
    assert sorted(rows) == sorted(corpus.clips)
    for clip, row in rows.items():
        assert row == read_record(store, clip, RecordOptions())


def test_shards_are_split_by_identity_sorted_and_of_one_row_group(exported: Path) -> None:
    for split, persons in (("train", {"id10001", "id11248"}), ("test", {"id10271"})):
        rows = rows_of(exported, f"data/all/{split}-*.parquet")
        assert {row["person_id"] for row in rows} == persons
        assert [row["clip_id"] for row in rows] == sorted(row["clip_id"] for row in rows)
    files = list(exported.glob("data/all/*.parquet"))
    assert len(files) > 2
    assert {pq.ParquetFile(file).num_row_groups for file in files} == {1}


def test_the_schema_says_what_the_columns_are_to_stock_datasets(exported: Path) -> None:
    schema = pq.read_schema(next(exported.glob("data/all/*.parquet")))
    assert dict(Features.from_arrow_schema(schema)) == dict(record_features())


def test_pictures_are_not_compressed_again_and_identities_have_statistics(exported: Path) -> None:
    group = pq.ParquetFile(next(exported.glob("data/all/*.parquet"))).metadata.row_group(0)
    columns = {group.column(index).path_in_schema: group.column(index) for index in range(group.num_columns)}
    assert columns["frames.list.element.bytes"].compression == "UNCOMPRESSED"
    assert columns["text.list.element"].compression == "ZSTD"
    assert columns["person_id"].statistics.min in ("id10001", "id10271", "id11248")
    assert columns["frames.list.element.bytes"].statistics is None


def test_light_columns_lie_in_files_of_their_own(exported: Path, corpus: Corpus) -> None:
    light, masks = rows_of(exported, "data/light/*.parquet"), rows_of(exported, "data/mask/*.parquet")
    assert "frames" not in masks[0]
    assert set(light[0]) == {*record_features(["text", "label"])}
    whole = {row["clip_id"]: row for row in rows_of(exported, "data/all/*.parquet")}
    assert len(light) == len(masks) == len(corpus.clips)
    assert all(row["masks"] == whole[row["clip_id"]]["masks"] for row in masks)
    assert all(row["label"] == whole[row["clip_id"]]["label"] for row in light)


def test_stock_load_dataset_reads_a_shard_from_disk(exported: Path, corpus: Corpus, tmp_path: Path) -> None:
    files = [str(path) for path in exported.glob("data/all/test-*.parquet")]
    rows = load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path))
    clip = corpus.clips.index(rows[0]["clip_id"])
    np.testing.assert_array_equal(np.asarray(rows[0]["frames"][3]), frame(clip, 3))
    np.testing.assert_array_equal(np.asarray(rows[0]["masks"][1]), mask_ids(clip, 4))
    np.testing.assert_array_equal(np.asarray(rows[0]["drawings"][2]), drawing(clip, 8))


def test_equal_stores_give_equal_bytes_whatever_the_layout_and_the_workers(
    corpus: Corpus, exported: Path, tmp_path: Path
) -> None:
    zipped = export(zip_corpus(corpus, tmp_path / "zips"), tmp_path / "out", workers=5)
    for folder in ("data", "README.md", "export.json"):
        first, second = exported / folder, zipped / folder
        assert (tree(first) == tree(second)) if first.is_dir() else (first.read_bytes() == second.read_bytes())


def test_a_stopped_export_goes_on_where_it_was(corpus: Corpus, exported: Path, tmp_path: Path) -> None:
    out, seen = tmp_path / "out", []

    def stop(part: str, rows: int, total: int) -> None:
        seen.append(part)
        if len(seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(corpus.root, out, progress=stop)
    finished = {path: path.stat().st_mtime_ns for path in out.glob("data/all/*.parquet")}
    assert finished
    assert not list(out.rglob(".partial-*"))
    (out / "data" / "all" / ".partial-left.parquet").write_bytes(b"killed")
    report = export_store(corpus.root, out, SMALL, facts=PLAIN)
    assert report.kept == len(finished)
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    assert tree(out / "data") == tree(exported / "data")


def test_a_shard_that_was_cut_is_written_again(corpus: Corpus, exported: Path, tmp_path: Path) -> None:
    out = export(corpus.root, tmp_path / "out")
    shard = next(out.glob("data/all/*.parquet"))
    shard.write_bytes(shard.read_bytes()[:-10])
    assert export_store(corpus.root, out, SMALL).written == 1
    assert tree(out / "data") == tree(exported / "data")


def test_other_settings_or_another_store_are_refused_and_then_replaced(own_corpus: Corpus, tmp_path: Path) -> None:
    out = export(own_corpus.root, tmp_path / "out", ExportSettings(modalities=("mask", "label")))
    with pytest.raises(IncompatibleOutputError, match="drop_sensitive was False and is True"):
        export(own_corpus.root, out, ExportSettings(modalities=("mask", "label"), drop_sensitive=True))
    label = own_corpus.root / "label" / f"{own_corpus.clips[0]}.txt"
    label.write_text(",".join(["1"] * 40))
    with pytest.raises(IncompatibleOutputError, match="the store's files changed"):
        export(own_corpus.root, out, ExportSettings(modalities=("mask", "label")))
    export(own_corpus.root, out, ExportSettings(modalities=("label",)), overwrite=True)
    assert [path.name for path in out.glob("data/*")] == ["all"] or not list(out.glob("data/mask/*.parquet"))
    assert max(sum(row["label"]) for row in rows_of(out, "data/all/*.parquet")) == 40
    with pytest.raises(IncompatibleOutputError, match="is not empty"):
        export(own_corpus.root, own_corpus.root / "label")


def test_a_new_version_keeps_the_shards(own_corpus: Corpus, tmp_path: Path) -> None:
    out = export(own_corpus.root, tmp_path / "out")
    report = export_store(own_corpus.root, out, ExportSettings(max_shard_bytes=2_000, version="1.0.1"), facts=PLAIN)
    assert report.written == 0
    assert "version\n1.0.1" in (out / "README.md").read_text()


def test_sensitive_attributes_are_withheld(own_corpus: Corpus, tmp_path: Path) -> None:
    assert "text" not in modalities_in(open_store(own_corpus.root), drop_sensitive=True)
    settings = ExportSettings(modalities=("label",), drop_sensitive=True)
    row = rows_of(export(own_corpus.root, tmp_path / "out", settings), "data/all/*.parquet")[0]
    assert row["label"][20] == row["label"][2] == -1
    assert row["label"][5] == label_of(own_corpus.clips.index(row["clip_id"]))[5]
    assert "**Withheld here**" in (tmp_path / "out" / "README.md").read_text()


def test_a_damaged_clip_is_named_or_left_out_on_request(own_corpus: Corpus, tmp_path: Path) -> None:
    bad = own_corpus.root / "video" / own_corpus.clips[0] / "0000002.png"
    bad.write_bytes(bad.read_bytes()[:50])
    with pytest.raises(CorruptSourceError, match=own_corpus.clips[0]):
        export(own_corpus.root, tmp_path / "first")
    report = export_store(own_corpus.root, tmp_path / "second", ExportSettings(on_error="skip"), facts=PLAIN)
    assert list(report.skipped) == [own_corpus.clips[0]]
    assert [row["clip_id"] for row in rows_of(tmp_path / "second", "data/all/*")] == [own_corpus.clips[1]]
    assert "1 damaged clip was left out" in (tmp_path / "second" / "README.md").read_text()


def test_folder_is_the_original_layout_in_the_original_colours(own_corpus: Corpus, tmp_path: Path) -> None:
    before = tree(own_corpus.root)
    settings = ExportSettings(format="folder", mask_encoding="original")
    out = export(own_corpus.root, tmp_path / "out", settings)
    after = tree(out)
    for name, data in before.items():
        assert after[name] == data, name
    # palette masks become the same colours
    palette = export(own_corpus.root, tmp_path / "palette", ExportSettings(format="folder"))
    again = export(palette, tmp_path / "again", settings)
    name = f"mask/{own_corpus.clips[0]}/0000004.png"
    assert Image.open(palette / name).mode == "P"
    np.testing.assert_array_equal(np.asarray(Image.open(again / name)), np.asarray(Image.open(own_corpus.root / name)))


def test_tars_are_read_by_webdataset_and_by_stock_datasets(corpus: Corpus, tmp_path: Path) -> None:
    import webdataset

    out = export(corpus.root, tmp_path / "out", ExportSettings(format="webdataset"))
    tars = [str(path) for path in sorted(out.glob("data/train-*.tar"))]
    samples = list(webdataset.WebDataset(tars, shardshuffle=False, empty_check=False))
    train = [clip for clip in sorted(corpus.clips) if not clip.startswith("id10271")]
    assert [str(ClipId.from_safe_name(sample["__key__"])) for sample in samples] == train
    rows = list(load_dataset("webdataset", data_files=tars, split="train", streaming=True))
    for sample, row in zip(samples, rows, strict=True):
        light = json.loads(sample["json"])
        clip = corpus.clips.index(light["clip_id"])
        assert row["json"]["clip_id"] == light["clip_id"]
        assert row["__key__"] == sample["__key__"]
        assert light["label"] == label_of(clip)
        assert row["txt"].splitlines()[0] == f"Clip {clip} says sentence 0."
        with (
            zipfile.ZipFile(io.BytesIO(row["frames.zip"])) as frames,
            zipfile.ZipFile(io.BytesIO(sample["masks.zip"])) as masks,
        ):
            assert len(frames.namelist()) == corpus.num_frames[clip]
            assert frames.read("0000003.png") == png(frame(clip, 3))
            np.testing.assert_array_equal(np.asarray(Image.open(masks.open("0000004.png"))), mask_ids(clip, 4))


def test_h264_is_a_video_column_with_its_loss_stated(own_corpus: Corpus, tmp_path: Path) -> None:
    out = export(own_corpus.root, tmp_path / "out", ExportSettings(video="mp4", crf=20))
    row = rows_of(out, "data/all/*.parquet")[0]
    clip = own_corpus.clips.index(row["clip_id"])
    decoded = list(decode_mp4(row["video"]["bytes"]))
    assert len(decoded) == own_corpus.num_frames[clip] == len(row["frame_indices"])
    assert psnr(decoded[0], frame(clip, 0)) > 20
    card = (out / "README.md").read_text()
    quality = [note.quality for note in ExportFolder(out).notes() if note.quality]
    total = sum(one.psnr_sum for one in quality) / sum(one.frames for one in quality)
    assert f"PSNR {total:.1f} dB on average" in card
    assert "dtype: video" in card
    masks = {row["clip_id"]: row["masks"] for row in rows_of(out, "data/mask/*.parquet")}
    np.testing.assert_array_equal(
        np.asarray(Image.open(io.BytesIO(masks[row["clip_id"]][1]["bytes"]))), mask_ids(clip, 4)
    )


def test_lossless_h264_keeps_every_pixel_and_equal_frames_give_equal_bytes() -> None:
    frames = [png(frame(1, index)) for index in range(6)]
    data, quality = encode_mp4(frames, crf=18, lossless=True, clip_id="a clip")
    assert quality.is_exact
    for index, picture in enumerate(decode_mp4(data)):
        np.testing.assert_array_equal(picture, frame(1, index))
    lossy, loss = encode_mp4(frames, crf=30, lossless=False, clip_id="a clip")
    assert not loss.is_exact
    assert lossy == encode_mp4(frames, crf=30, lossless=False, clip_id="a clip")[0]


def test_psnr_and_ssim_are_those_of_the_literature() -> None:
    rng = np.random.default_rng(0)
    first = rng.integers(0, 256, (64, 80, 3), np.uint8)
    second = np.clip(first.astype(int) + rng.integers(-9, 10, first.shape), 0, 255).astype(np.uint8)
    error = np.mean((first.astype(float) - second) ** 2)
    assert psnr(first, second) == pytest.approx(10 * np.log10(255**2 / error), abs=1e-4)
    assert psnr(first, first) == 100
    assert ssim(first, first) == pytest.approx(1)
    assert 0.9 < ssim(first, second) < 1


def test_settings_that_cannot_be_are_refused() -> None:
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"format": "csv"}, "parquet, webdataset, folder"),
        ({"crf": 99}, "0 .best. to 51"),
        ({"format": "folder", "video": "mp4"}, "has PNG frames"),
        ({"version": "1"}, "MAJOR.MINOR.PATCH"),
        ({"modalities": ("smell",)}, "smell"),
    )
    for wrong, message in cases:
        with pytest.raises(ConfigError, match=message):
            ExportSettings(**wrong)


def test_a_clip_without_frames_folder_entry_counts_frames_only_where_there_are_any(
    own_corpus: Corpus, tmp_path: Path
) -> None:
    row = rows_of(export(own_corpus.root, tmp_path / "out", ExportSettings(modalities=("text",))), "data/all/*")[0]
    assert row["num_frames"] == own_corpus.frames_of(row["clip_id"])
    assert len(open_store(own_corpus.root).entries(Folder("video"), row["clip_id"])) == row["num_frames"]


def test_no_export_lies_inside_another(corpus: Corpus, tmp_path: Path) -> None:
    texts, above = ExportSettings(modalities=("text",)), tmp_path / "out"
    export_store(corpus.root, above, texts, facts=PLAIN)
    before = tree(above)
    for inside in (above / "data", above / "new" / "deep", above / "data" / ".." / "new"):
        with pytest.raises(IncompatibleOutputError, match=r"is inside of another export, .*; name a folder outside"):
            export_store(corpus.root, inside, texts, facts=PLAIN)
    assert tree(above) == before

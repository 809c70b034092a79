"""``load_dataset("mmvoxceleb")``: whole and streaming, from every layout, as users of ``datasets`` use it."""

import io
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from datasets import Image, List, load_dataset
from datasets.distributed import split_dataset_by_node

import mmvoxceleb
from mmvoxceleb.schema import ATTRIBUTES, TEST_PERSONS, colours_of
from tests.support.corpus import Corpus, drawing, frame, label_of, make_corpus, mask_ids, text_of, zip_corpus
from tests.support.records import with_bytes

PICTURES = ("frames", "masks", "drawings")


def encoded(dataset: Any) -> Any:
    for column in PICTURES:
        if column in dataset.features:
            dataset = dataset.cast_column(column, List(Image(decode=False)))
    return dataset


def rows(dataset: Any) -> list[dict[str, Any]]:
    return [with_bytes(row) for row in encoded(dataset)]


def ids(dataset: Iterable[dict[str, Any]]) -> list[str]:
    return [row["clip_id"] for row in dataset]


def test_every_field_of_the_record(corpus: Corpus) -> None:
    dataset = load_dataset("mmvoxceleb", data_dir=str(corpus.root))
    assert set(dataset) == {"train", "test"}
    seen = 0
    for split in dataset.values():
        assert ids(split) == sorted(ids(split))
        for row in split:
            number = corpus.clips.index(row["clip_id"])
            count = corpus.num_frames[number]
            visuals = list(range(0, count, 4))
            assert (row["person_id"], row["video_id"]) == tuple(row["clip_id"].split("#")[:2])
            assert (row["utterance"], row["chunk"]) == (f"{number + 1:05d}", number % 3)
            assert row["num_frames"] == count
            assert row["frame_indices"] == list(range(count))
            assert row["mask_indices"] == row["drawing_indices"] == visuals
            for index, picture in zip(row["frame_indices"], row["frames"], strict=True):
                assert picture.mode == "RGB"
                assert np.array_equal(np.asarray(picture), frame(number, index))
            for index, mask, line in zip(visuals, row["masks"], row["drawings"], strict=True):
                assert (mask.mode, line.mode) == ("P", "L")
                assert np.array_equal(np.asarray(mask), mask_ids(number, index))
                assert np.array_equal(np.asarray(mask.convert("RGB")), colours_of(mask_ids(number, index)))
                assert np.array_equal(np.asarray(line), drawing(number, index))
            assert row["text"] == text_of(number).split("\n")
            assert row["label"] == label_of(number)
            assert row["attributes"] == [index for index, value in enumerate(label_of(number)) if value]
            assert row["label_source"] is None
            seen += 1
    assert seen == len(corpus.clips)
    assert dataset["train"].features["attributes"].feature.names == list(ATTRIBUTES)


def test_frames_keep_their_original_bytes(corpus: Corpus) -> None:
    for row in rows(load_dataset("mmvoxceleb", data_dir=str(corpus.root), split="train")):
        paths = sorted((corpus.root / "video" / row["clip_id"]).iterdir())
        assert [picture["bytes"] for picture in row["frames"]] == [path.read_bytes() for path in paths]
        assert {picture["path"] for picture in row["frames"]} == {None}


def test_whole_and_streamed_rows_are_equal_from_every_layout(corpus: Corpus, tmp_path: Path) -> None:
    sources = [
        corpus.root,
        zip_corpus(corpus, tmp_path / "stored"),
        zip_corpus(corpus, tmp_path / "deflated", prefix="mmvoxceleb/", deflate=True),
    ]
    expected = None
    for source in sources:
        whole = load_dataset("mmvoxceleb", data_dir=str(source))
        streamed = load_dataset("mmvoxceleb", data_dir=str(source), streaming=True)
        for split in ("train", "test"):
            assert whole[split].features == streamed[split].features
        found = {split: rows(whole[split]) for split in whole}
        assert found == {split: rows(streamed[split]) for split in streamed}
        expected = expected or found
        assert found == expected


def test_splits_are_disjoint_by_identity(corpus: Corpus) -> None:
    dataset = load_dataset("mmvoxceleb", "label", data_dir=str(corpus.root))
    train, test = (set(dataset[split]["person_id"]) for split in ("train", "test"))
    assert test == {"id10271"}
    assert test <= TEST_PERSONS
    assert not train & test


@pytest.mark.parametrize(
    ("config", "columns", "folder"),
    [
        ("video", {"frames", "frame_indices"}, "video"),
        ("mask", {"masks", "mask_indices"}, "mask"),
        ("drawing", {"drawings", "drawing_indices"}, "draw"),
        ("text", {"text"}, "txt"),
        ("label", {"label", "attributes", "label_source"}, "label"),
    ],
)
def test_a_config_has_its_columns_and_needs_its_folder_only(
    own_corpus: Corpus, config: str, columns: set[str], folder: str
) -> None:
    for other in {"video", "mask", "draw", "txt", "label"} - {folder}:
        shutil.rmtree(own_corpus.root / other)
    for streaming in (False, True):
        dataset = load_dataset("mmvoxceleb", config, data_dir=str(own_corpus.root), split="train", streaming=streaming)
        identity = {"clip_id", "person_id", "video_id", "utterance", "chunk", "num_frames"}
        assert set(dataset.features) == identity | columns
        assert [row["num_frames"] for row in dataset] == [12 if config == "video" else None, 13][:1] + (
            [13] if config == "video" else [None]
        )


def test_processes_share_the_preparing(corpus: Corpus) -> None:
    one = load_dataset("mmvoxceleb", data_dir=str(corpus.root), split="train")
    two = load_dataset(
        "mmvoxceleb", data_dir=str(corpus.root), split="train", num_proc=2, download_mode="force_redownload"
    )
    assert rows(one) == rows(two)


def test_split_slices_select_filter_shuffle(corpus: Corpus) -> None:
    def load(**options: Any) -> Any:
        return load_dataset("mmvoxceleb", data_dir=str(corpus.root), **options)

    every = ids(load(split="train"))
    assert ids(load(split="train[:2]")) == every[:2]
    assert ids(load(split="train[:67%]")) == every[:2]
    assert ids(load(split="train+test")) == every + ids(load(split="test"))
    streamed = load(split="train", streaming=True)
    assert [set(row) for row in streamed.select_columns(["clip_id", "text"])] == [{"clip_id", "text"}] * len(every)
    assert ids(streamed.filter(lambda row: row["num_frames"] > 12)) == every[1:]
    assert sorted(ids(streamed.shuffle(seed=3, buffer_size=1))) == every
    orders = {tuple(ids(streamed.shuffle(seed=seed, buffer_size=1))) for seed in range(8)}
    assert len(orders) > 1  # shards are shuffled without filling a buffer of clips
    assert ids(streamed.skip(1).take(1)) == every[1:2]


def test_a_stream_resumes_from_its_state(corpus: Corpus) -> None:
    streamed = load_dataset("mmvoxceleb", "text", data_dir=str(corpus.root), split="train", streaming=True)
    iterator = iter(streamed)
    first = next(iterator)["clip_id"]
    state = streamed.state_dict()
    again = load_dataset("mmvoxceleb", "text", data_dir=str(corpus.root), split="train", streaming=True)
    again.load_state_dict(state)
    assert [first, *ids(again)] == ids(streamed)


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_dataloader_workers_share_the_clips(corpus: Corpus, tmp_path: Path, context: str) -> None:
    torch_data = pytest.importorskip("torch.utils.data", reason="the core does without torch")
    source = zip_corpus(corpus, tmp_path)
    streamed = load_dataset("mmvoxceleb", data_dir=str(source), split="train", streaming=True)
    streamed = streamed.select_columns(["clip_id", "frame_indices"])
    loader = torch_data.DataLoader(streamed, num_workers=2, batch_size=None, multiprocessing_context=context)
    assert sorted(ids(loader)) == ids(streamed)


def test_nodes_share_the_clips(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path, clips=6, frames=2)
    streamed = load_dataset("mmvoxceleb", data_dir=str(corpus.root), split="train+test", streaming=False)
    expected = sorted(ids(streamed))
    for nodes in (2, 3):
        found = []
        for rank in range(nodes):
            for split in ("train", "test"):
                part = load_dataset("mmvoxceleb", "text", data_dir=str(corpus.root), split=split, streaming=True)
                found += ids(split_dataset_by_node(part, rank=rank, world_size=nodes))
        assert sorted(found) == expected


def test_a_changed_folder_is_never_served_from_a_stale_cache(own_corpus: Corpus, tmp_path: Path) -> None:
    def labels(source: Path) -> list[list[int]]:
        return list(load_dataset("mmvoxceleb", "label", data_dir=str(source), split="train")["label"])

    for source in (own_corpus.root, tmp_path / "zips"):
        path = own_corpus.root / "label" / f"{own_corpus.clips[0]}.txt"
        if source != own_corpus.root:
            path.write_text(",".join(["0"] * 40))
            zip_corpus(own_corpus, source)
        before = labels(source)
        assert labels(source) == before
        path.write_text(",".join(["1"] * 40))
        if source != own_corpus.root:
            zip_corpus(own_corpus, source)
        assert labels(source)[0] == [1] * 40
        assert labels(source) != before


def test_an_unchanged_folder_is_not_prepared_twice(corpus: Corpus) -> None:
    first = load_dataset("mmvoxceleb", "mask", data_dir=str(corpus.root), split="train")
    second = load_dataset("mmvoxceleb", "mask", data_dir=str(corpus.root), split="train")
    assert first.cache_files == second.cache_files
    stamps = [Path(file["filename"]).stat().st_mtime_ns for file in first.cache_files]
    load_dataset("mmvoxceleb", "mask", data_dir=str(corpus.root), split="train")
    assert stamps == [Path(file["filename"]).stat().st_mtime_ns for file in first.cache_files]


def test_our_own_load_dataset_is_the_same(corpus: Corpus) -> None:
    for streaming in (False, True):
        ours = mmvoxceleb.load_dataset("mmvoxceleb", data_dir=str(corpus.root), split="test", streaming=streaming)
        stock = load_dataset("mmvoxceleb", data_dir=str(corpus.root), split="test", streaming=streaming)
        assert rows(ours) == rows(stock)
    assert datasets.get_dataset_config_names("mmvoxceleb") == [
        "all", "video", "mask", "drawing", "text", "label", "audio", "landmarks", "score", "sample",
    ]  # fmt: skip


def test_other_names_go_through_untouched(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"a": 1}\n{"a": 2}\n')
    assert load_dataset("json", data_files=str(tmp_path / "x.json"), split="train")["a"][:] == [1, 2]
    with pytest.raises(Exception, match="nobody/nothing"):
        load_dataset("nobody/nothing")


def test_registering_twice_wraps_once() -> None:
    import datasets.load

    from mmvoxceleb.registration import register

    before = datasets.load.dataset_module_factory
    assert register()
    assert datasets.load.dataset_module_factory is before


@pytest.mark.parametrize("first", ["mmvoxceleb", "datasets", "datasets.inspect", "mmvoxceleb.loading"])
def test_whichever_is_imported_first_the_name_is_found(first: str) -> None:
    code = (
        f"import {first}, mmvoxceleb, datasets, sys\n"
        "assert len(datasets.load_dataset('mmvoxceleb', 'sample', split='train', streaming=True).take(1).features)\n"
        "assert datasets.get_dataset_config_names('mmvoxceleb')[0] == 'all'\n"
        "assert not [each for each in sys.meta_path if type(each).__module__ == 'mmvoxceleb.registration']"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_package_and_the_help_of_the_program_import_nothing_heavy() -> None:
    code = (
        "import sys, mmvoxceleb.cli.main\n"
        "print([name for name in ('datasets', 'torch', 'cv2', 'pyarrow', 'PIL', 'ray', 'av') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_sampling_from_a_store_and_processing_import_no_datasets(corpus: Corpus) -> None:
    pytest.importorskip("torch", reason="needs the extra mmvoxceleb[train]")
    code = (
        "import sys, mmvoxceleb.processing.crop.stage\n"
        "from mmvoxceleb import ClipSampler\n"
        f"ClipSampler({str(corpus.root)!r}, num_frames=2, image_size=16, modalities=('video',))[0]\n"
        "assert 'datasets' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_label_source_comes_from_the_provenance(own_corpus: Corpus) -> None:
    meta = own_corpus.root / "meta"
    meta.mkdir()
    (meta / f"{own_corpus.clips[1]}.json").write_text('{"label_source": "predicted:farl@0123"}')
    dataset = load_dataset("mmvoxceleb", "label", data_dir=str(own_corpus.root), split="train")
    assert dataset["label_source"][:] == [None, "predicted:farl@0123"]


def test_palette_masks_pass_through_unchanged(own_corpus: Corpus) -> None:
    first = load_dataset("mmvoxceleb", "mask", data_dir=str(own_corpus.root), split="train")
    expected = rows(first)
    for row in expected:
        for index, mask in zip(row["mask_indices"], row["masks"], strict=True):
            (own_corpus.root / "mask" / row["clip_id"] / f"{index:07d}.png").write_bytes(mask["bytes"])
    assert rows(load_dataset("mmvoxceleb", "mask", data_dir=str(own_corpus.root), split="train")) == expected


def test_the_sample_needs_no_network_and_has_every_modality() -> None:
    for streaming in (False, True):
        sample = load_dataset("mmvoxceleb", "sample", streaming=streaming)
        assert set(sample) == {"train", "test"}
        for split in sample.values():
            for row in split:
                assert row["frames"][0].size == (256, 256)
                assert row["masks"][0].size == row["drawings"][0].size == (512, 512)
                assert len(row["text"]) == 20
                assert len(row["label"]) == 40
                assert row["num_frames"] == len(row["frames"]) > 0


def test_the_bare_call_in_a_clone_gives_the_sample_without_our_package() -> None:
    """Stock ``datasets`` takes the folder ``mmvoxceleb/`` for data, and its README names Parquet of the same sample."""
    import subprocess
    import sys

    root = Path(mmvoxceleb.__file__).resolve().parents[1]
    script = (
        "import sys; from datasets import load_dataset; d = load_dataset('mmvoxceleb'); "
        "assert 'mmvoxceleb' not in sys.modules; "
        "print({s: d[s]['clip_id'][:] for s in d}); print(d['train'][0]['masks'][0].mode)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    sample = load_dataset("mmvoxceleb", "sample")
    assert done.stdout.splitlines() == [str({split: ids(sample[split]) for split in sample}), "P"]


def test_pictures_decode_to_what_pillow_reads(corpus: Corpus) -> None:
    from PIL import Image as PillowImage

    row = rows(load_dataset("mmvoxceleb", "drawing", data_dir=str(corpus.root), split="train"))[0]
    picture = PillowImage.open(io.BytesIO(row["drawings"][0]["bytes"]))
    assert np.array_equal(np.asarray(picture), drawing(0, 0))

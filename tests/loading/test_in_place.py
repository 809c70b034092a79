"""Pictures of a store on this machine stay where they are, and are read when somebody asks for them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset, Image, List, load_dataset, load_dataset_builder, load_from_disk

import mmvoxceleb
from mmvoxceleb.errors import ConfigError, CorruptSourceError, SourceUnavailableError
from tests.stores.test_open_store import pack
from tests.support.corpus import Corpus, zip_corpus
from tests.support.http_server import FileServer
from tests.support.records import with_bytes

PICTURES = ("frames", "masks", "drawings")


def load(place: object, **options: Any) -> Any:
    return load_dataset("mmvoxceleb", data_dir=str(place), split=options.pop("split", "train"), **options)


def encoded(dataset: Any) -> list[dict[str, Any]]:
    for column in PICTURES:
        dataset = dataset.cast_column(column, List(Image(decode=False)))
    return list(dataset)


def held(dataset: Any) -> set[bool]:
    """Whether the pictures of a dataset have bytes."""
    return {picture["bytes"] is not None for row in encoded(dataset) for name in PICTURES for picture in row[name]}


def decoded(row: dict[str, Any]) -> list[Any]:
    return [np.asarray(picture).tolist() for name in PICTURES for picture in row[name]]


@pytest.mark.parametrize("layout", [lambda corpus, _: corpus.root, zip_corpus, pack], ids=["folders", "zips", "packed"])
def test_rows_refer_to_the_store_and_are_those_of_a_copy(
    corpus: Corpus, tmp_path: Path, layout: Callable[[Corpus, Path], Path]
) -> None:
    place = layout(corpus, tmp_path / "store")
    referring, copied = load(place), load(place, in_place=False)
    assert (held(referring), held(copied)) == ({False}, {True})
    assert with_bytes(encoded(referring)) == encoded(copied)
    assert [decoded(row) for row in referring] == [decoded(row) for row in copied]
    assert held(load(place, streaming=True)) == {True}


def test_datasets_of_every_way_read_the_same(corpus: Corpus, tmp_path: Path) -> None:
    place = zip_corpus(corpus, tmp_path / "zips")
    expected = [decoded(row) for row in load(place, in_place=False)]
    many = load(place, num_proc=2)
    assert held(many) == {False}
    assert [decoded(row) for row in many] == expected
    mapped = many.map(lambda row: {"first": row["clip_id"][:2]}, num_proc=2)
    assert [decoded(row) for row in mapped.filter(lambda row: len(row["frames"]) > 12, num_proc=2)] == expected[1:]
    assert held(mapped) == {False}
    assert decoded(many.select([2, 0])[0]) == expected[2]
    pytest.importorskip("torch")
    tensors = many.with_format("torch")[1]["masks"]
    assert [tensor.squeeze().tolist() for tensor in tensors] == [np.asarray(mask).tolist() for mask in many[1]["masks"]]


@pytest.mark.usefixtures("reference_scheme")
@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_of_a_loader(corpus: Corpus, tmp_path: Path, context: str) -> None:
    data = pytest.importorskip("torch.utils.data")
    dataset = load(zip_corpus(corpus, tmp_path / "zips"))
    dataset[0]  # so that a forked worker finds the archives open
    loader = data.DataLoader(dataset, batch_size=None, num_workers=1, multiprocessing_context=context)
    assert [decoded(row) for row in loader] == [decoded(row) for row in dataset]


STOCK = """
import sys
from datasets import load_from_disk
import numpy as np
assert 'mmvoxceleb' not in sys.modules
print([np.asarray(picture).tolist() for name in ('frames', 'masks', 'drawings') for row in load_from_disk(sys.argv[1])
       for picture in row[name]])
"""


@pytest.mark.usefixtures("reference_scheme")
def test_a_process_that_never_heard_of_us_reads_what_was_saved(corpus: Corpus, tmp_path: Path) -> None:
    dataset = load(zip_corpus(corpus, tmp_path / "zips")).select([0])
    dataset.save_to_disk(tmp_path / "saved")
    done = subprocess.run(
        [sys.executable, "-c", STOCK, tmp_path / "saved"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(decoded(dataset[0]))


def test_what_is_embedded_needs_no_store(own_corpus: Corpus, tmp_path: Path) -> None:
    both = load_dataset("mmvoxceleb", data_dir=str(own_corpus.root))
    expected = [decoded(row) for row in both["train"]]
    whole = mmvoxceleb.embed(both.with_format("numpy", columns=["clip_id", "text"]))["train"]
    assert set(whole[0]) == {"clip_id", "text"}
    whole = whole.with_format(None)
    shutil.rmtree(own_corpus.root)
    assert held(whole) == {True}
    whole.save_to_disk(tmp_path / "saved")
    whole.to_parquet(tmp_path / "rows.parquet")
    for dataset in (load_from_disk(tmp_path / "saved"), Dataset.from_parquet(str(tmp_path / "rows.parquet"))):
        assert [decoded(row) for row in dataset] == expected
    with pytest.raises(ConfigError, match="not IterableDataset"):
        mmvoxceleb.embed(whole.to_iterable_dataset())


def test_parquet_that_the_builder_writes_needs_no_store(corpus: Corpus, tmp_path: Path) -> None:
    builder = load_dataset_builder("mmvoxceleb", data_dir=str(corpus.root))
    builder.download_and_prepare(str(tmp_path / "out"), file_format="parquet")
    assert held(Dataset.from_parquet(str(next((tmp_path / "out").glob("*train*.parquet"))))) == {True}


def test_a_damaged_picture_is_named_when_it_is_asked_for(own_corpus: Corpus) -> None:
    path = own_corpus.root / "mask" / own_corpus.clips[1] / "0000004.png"
    path.write_bytes(path.read_bytes()[:-20])
    dataset = load(own_corpus.root)
    assert len(dataset[0]["masks"]) == 3
    with pytest.raises(CorruptSourceError, match=rf"clip {own_corpus.clips[1]}, mask/0000004\.png: cut short.*{path}"):
        dataset[1]


def test_a_store_that_changed_is_prepared_again_and_never_mixed(own_corpus: Corpus) -> None:
    before = load(own_corpus.root)
    first, second = (own_corpus.root / "video" / own_corpus.clips[0] / f"000000{number}.png" for number in (0, 1))
    os.utime(second, ns=(0, 0))
    shutil.copy2(second, first)
    after = load(own_corpus.root)
    assert decoded({**after[0], "masks": [], "drawings": []})[0] == np.asarray(after[0]["frames"][1]).tolist()
    with pytest.raises(SourceUnavailableError, match=rf"{first} has changed.*load the dataset again"):
        before[0]


def test_a_store_that_moved_is_loaded_from_where_it_is(own_corpus: Corpus, tmp_path: Path) -> None:
    before, place = load(own_corpus.root), tmp_path / "elsewhere"
    expected = [decoded(row) for row in before]
    own_corpus.root.rename(place)
    with pytest.raises(SourceUnavailableError, match=rf"\({own_corpus.root} is not there\).*data_dir="):
        before[0]
    assert [decoded(row) for row in load(place)] == expected


def test_equal_stores_under_one_relative_name_are_two(
    own_corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        shutil.copytree(own_corpus.root, tmp_path / name / "corpus")
        monkeypatch.chdir(tmp_path / name)
        found = encoded(load("corpus"))[0]["frames"][0]["path"]
        assert f"/{name}/corpus/" in found


def test_what_cannot_stay_in_place_is_copied(
    own_corpus: Corpus, tmp_path: Path, serve: Callable[..., FileServer]
) -> None:
    url = serve(zip_corpus(own_corpus, tmp_path / "zips")).url
    assert held(load(url)) == {True}
    assert held(load_dataset("mmvoxceleb", "sample", split="train")) == {True}
    assert held(load(own_corpus.root, on_error="skip")) == {True}
    assert held(load(own_corpus.root)) == {False}
    with pytest.raises(ConfigError, match="on this machine"):
        load(url, in_place=True)
    with pytest.raises(ConfigError, match="the sample is copied"):
        load_dataset("mmvoxceleb", "sample", in_place=True)
    with pytest.raises(ConfigError, match="on_error='skip' cannot find"):
        load(own_corpus.root, in_place=True, on_error="skip")

"""Load, stream and sample the clips of a list."""

import logging
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset
from typer.testing import CliRunner

from mmvoxceleb.cli.main import app
from mmvoxceleb.cliplists import ClipList
from mmvoxceleb.cliplists.chosen_store import choose_in
from mmvoxceleb.errors import ConfigError, MissingModalityError, MMVoxCelebError
from mmvoxceleb.meta.removal_list import add_removals
from mmvoxceleb.meta.removals import Removals
from tests.support.corpus import Corpus, clip_id_of

ELSEWHERE = clip_id_of(8)


def listed(tmp_path: Path, *clips: str) -> str:
    path = tmp_path / "list.json"
    path.write_bytes(ClipList.of(clips).to_bytes())
    return str(path)


def load(corpus: Corpus, **options: Any) -> list[str]:
    options |= {"data_dir": str(corpus.root)}
    whole = [clip for split in load_dataset("mmvoxceleb", "label", **options).values() for clip in split["clip_id"]]
    streamed = load_dataset("mmvoxceleb", "label", streaming=True, **options)
    assert sorted(whole) == sorted(row["clip_id"] for split in streamed.values() for row in split)
    return sorted(whole)


def test_load_dataset_reads_a_list(corpus: Corpus, tmp_path: Path) -> None:
    path = listed(tmp_path, corpus.clips[3], corpus.clips[2])
    assert load(corpus, clips=path) == sorted(corpus.clips[2:4])
    assert load(corpus, clips=Path(path)) == sorted(corpus.clips[2:4])
    assert load(corpus, clips=path, persons=["id11248"]) == [corpus.clips[3]]
    listed(tmp_path, corpus.clips[0])
    assert load(corpus, clips=path) == [corpus.clips[0]]  # not what the cache has of the list before


def test_a_list_of_another_store_is_counted(corpus: Corpus, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = listed(tmp_path, corpus.clips[0], ELSEWHERE)
    with pytest.raises(ConfigError, match=r"lacks 1 of the 2 clips of list.json, such as .*on_error='skip'"):
        load(corpus, clips=path)
    with caplog.at_level(logging.WARNING):
        assert load(corpus, clips=path, on_error="skip") == [corpus.clips[0]]
    assert "lacks 1 of the 2 clips of list.json" in caplog.text
    with pytest.raises(ConfigError, match=r"lacks 1 of the 1 clips"):
        load(corpus, clips=listed(tmp_path, ELSEWHERE), on_error="skip")


def test_clips_that_were_removed_since_are_no_error(
    own_corpus: Corpus, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import shutil

    path = listed(tmp_path, *own_corpus.clips)
    add_removals(own_corpus.root, Removals(clip_id=frozenset([own_corpus.clips[0]])))
    for name in ("label", "txt"):
        (own_corpus.root / name / f"{own_corpus.clips[0]}.txt").unlink()
    for name in ("video", "mask", "draw/style1"):
        shutil.rmtree(own_corpus.root / name / own_corpus.clips[0])
    with caplog.at_level(logging.WARNING):
        assert load(own_corpus, clips=path) == sorted(own_corpus.clips[1:])
    assert "1 of the 2 clips of list.json were removed, and stay out" in caplog.text
    only = listed(tmp_path, own_corpus.clips[0])
    with pytest.raises(MissingModalityError, match=r"every clip of list.json was removed from there; use a list of"):
        load(own_corpus, clips=only)
    done = CliRunner().invoke(app, ["validate", str(own_corpus.root), "--clips", only])
    assert isinstance(done.exception, MissingModalityError)
    assert "every clip of list.json was removed from there" in str(done.exception)


def test_names_are_found_however_they_are_composed(tmp_path: Path) -> None:
    composed = "Jos\u00e9#video#00000.txt#000.mp4"
    decomposed = unicodedata.normalize("NFD", composed)
    assert composed != decomposed
    for there, wanted in ((composed, decomposed), (decomposed, composed)):
        assert choose_in([there, ELSEWHERE], ClipList.of([wanted]), "store") == {there}


def test_sample_from_a_list(corpus: Corpus, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("torch")
    from mmvoxceleb import ClipSampler
    from mmvoxceleb.sampling import ClipStream

    path = listed(tmp_path, corpus.clips[0], corpus.clips[2])  # one of each split
    settings: dict[str, Any] = {"num_frames": 2, "modalities": ("video",), "image_size": 16}
    assert ClipSampler(corpus.root, clips=path, **settings).clip_ids == sorted([corpus.clips[0], corpus.clips[2]])
    rows = load_dataset("mmvoxceleb", data_dir=str(corpus.root), split="train")
    sampler = ClipSampler(rows, clips=path, **settings)
    assert sampler.clip_ids == [corpus.clips[0]]
    assert sampler[0]["frames"].equal(ClipSampler(rows.select([0]), **settings)[0]["frames"])
    stream = load_dataset("mmvoxceleb", data_dir=str(corpus.root), split="train", streaming=True)
    assert [sample["clip_id"] for sample in ClipStream(stream, clips=path, **settings)] == [corpus.clips[0]]

    wrong = listed(tmp_path, corpus.clips[0], ELSEWHERE)
    for data in (corpus.root, rows):
        with pytest.raises(MMVoxCelebError, match=r"lacks 1 of the 2 clips of list.json"):
            ClipSampler(data, clips=wrong, **settings)
        assert ClipSampler(data, clips=wrong, missing="skip", **settings).clip_ids == [corpus.clips[0]]
    with caplog.at_level(logging.WARNING):
        assert list(ClipStream(stream, clips=ELSEWHERE, **settings)) == []
    assert "none of the 3 clips that this worker read is one of clips=" in caplog.text

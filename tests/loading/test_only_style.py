"""A store whose drawings are in one other style is read without naming it; the log says so."""

import logging
from pathlib import Path

import pytest
from datasets import load_dataset

from mmvoxceleb.errors import MissingModalityError
from tests.support.corpus import Corpus, make_corpus


@pytest.fixture
def drawn(tmp_path: Path) -> Corpus:
    corpus = make_corpus(tmp_path / "store")
    (corpus.root / "draw/style1").rename(corpus.root / "draw/lines")
    return corpus


@pytest.mark.parametrize("streaming", [False, True])
def test_it_is_loaded(drawn: Corpus, streaming: bool, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        rows = load_dataset("mmvoxceleb", data_dir=str(drawn.root), split="train", streaming=streaming)
        assert len(next(iter(rows))["drawings"]) == 3
    assert "has no drawings of the default style, style1; its only style, lines, is taken" in caplog.text
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("styles", ["style1", ("style1",)])
def test_another_is_not_taken_for_the_one_that_was_asked_for(drawn: Corpus, styles: str | tuple[str, ...]) -> None:
    with pytest.raises(MissingModalityError, match=r"has no draw/style1 .* name a style that it has \(lines\)"):
        load_dataset("mmvoxceleb", data_dir=str(drawn.root), split="train", streaming=True, styles=styles)


def test_of_two_others_none_is_taken(drawn: Corpus) -> None:
    (drawn.root / "draw/sketch").symlink_to("lines")
    with pytest.raises(MissingModalityError, match=r"has no draw/style1 .* name a style that it has \(lines, sketch\)"):
        load_dataset("mmvoxceleb", data_dir=str(drawn.root), split="train", streaming=True)
    rows = load_dataset("mmvoxceleb", data_dir=str(drawn.root), split="train", streaming=True, styles=("sketch",))
    assert next(iter(rows))["drawings"]

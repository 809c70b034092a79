"""A sampler of a store with drawings in one style that is not style1."""

import logging
from pathlib import Path

import pytest

from mmvoxceleb.errors import MissingModalityError
from mmvoxceleb.sampling import ClipSampler
from tests.support.corpus import Corpus, make_corpus


@pytest.fixture
def drawn(tmp_path: Path) -> Corpus:
    corpus = make_corpus(tmp_path / "store")
    (corpus.root / "draw/style1").rename(corpus.root / "draw/lines")
    return corpus


def test_samples_without_drawings_say_nothing_of_styles(drawn: Corpus, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        ClipSampler(drawn.root, num_frames=1, image_size=16, modalities=("video", "mask"))
        assert "style" not in caplog.text
        ClipSampler(drawn.root, num_frames=1, image_size=16, modalities=("video", "drawing"))
    assert "its only style, lines, is taken" in caplog.text
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_another_is_not_taken_for_the_one_that_was_asked_for(drawn: Corpus) -> None:
    with pytest.raises(MissingModalityError, match=r"has no draw/style1 \(it has: draw/lines"):
        ClipSampler(drawn.root, num_frames=1, image_size=16, modalities=("video", "drawing"), style="style1")

"""A store whose drawings are in one other style is sampled without naming it."""

from pathlib import Path

from mmvoxceleb import ClipSampler
from tests.support.corpus import make_corpus


def test_it_is_sampled(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "store")
    (corpus.root / "draw/style1").rename(corpus.root / "draw/lines")
    assert "drawing" in ClipSampler(str(corpus.root), num_frames=2)[0]

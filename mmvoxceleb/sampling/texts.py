"""The sentence that goes with a sample."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.sampling.options import SampleOptions

__all__ = ["choose_text", "tokens_of"]


def choose_text(sentences: Sequence[str], options: SampleOptions, rng: np.random.Generator, *, clip_id: str) -> Any:
    """Choose one sentence, or all; ``null_text`` now and then. Two numbers are drawn whatever the options.

    Returns:
        A string, or a list of strings for ``sentences="all"``.

    Raises:
        CorruptSourceError: The clip has no sentence.
    """
    dropped, place = rng.random(2)
    if not sentences:
        raise CorruptSourceError(f"clip {clip_id}: its text has no sentence; mend it, or leave out the text modality")
    if dropped < options.text_dropout:
        return [options.null_text] * len(sentences) if options.sentences == "all" else options.null_text
    if options.sentences == "all":
        return list(sentences)
    return sentences[int(place * len(sentences)) if options.sentences == "random" else 0]


def tokens_of(text: Any, options: SampleOptions) -> Any:
    """Return what the tokenizer makes of a text."""
    return None if options.tokenizer is None else options.tokenizer(text)

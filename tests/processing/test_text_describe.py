"""``describe``: its arguments, and that a clip's text depends on nothing else."""

import json
import random
import subprocess
import sys
from typing import cast

import numpy as np
import pytest

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.processing.text import STYLES, describe
from mmvoxceleb.processing.text.describing import TextStyle

LABEL = [1 if index % 4 == 0 else 0 for index in range(40)]


@pytest.mark.parametrize("style", STYLES)
def test_alone_and_in_a_shuffled_batch_of_a_thousand(style: TextStyle) -> None:
    clips = [f"id1{number:04d}#video#00001.txt#000.mp4" for number in range(1000)]
    alone = {clip: describe(LABEL, clip_id=clip, style=style) for clip in clips[::100]}
    random.Random(3).shuffle(clips)
    batch = {clip: describe(LABEL, clip_id=clip, style=style) for clip in clips}
    assert all(batch[clip] == lines for clip, lines in alone.items())
    assert len({tuple(lines) for lines in batch.values()}) == 1000


@pytest.mark.parametrize("style", STYLES)
def test_another_process_with_another_hash_seed_gives_the_same(style: TextStyle) -> None:
    code = (
        "import json, sys; from mmvoxceleb.processing.text import describe;"
        f"print(json.dumps(describe({LABEL}, seed=5, clip_id='a', style={style!r})))"
    )
    environment = {"PYTHONHASHSEED": "77", "PATH": ""}
    output = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True).stdout
    assert json.loads(output) == describe(LABEL, seed=5, clip_id="a", style=style)


@pytest.mark.parametrize("style", STYLES)
def test_the_global_generators_are_neither_used_nor_touched(style: TextStyle) -> None:
    random.seed(1)
    np.random.seed(1)
    before = random.getstate(), str(np.random.get_state())
    first = describe(LABEL, style=style)
    assert (random.getstate(), str(np.random.get_state())) == before
    random.random()
    assert describe(LABEL, style=style) == first


@pytest.mark.parametrize("style", STYLES)
def test_the_label_is_not_changed_and_may_be_of_any_kind(style: TextStyle) -> None:
    label = np.array(LABEL, dtype=np.int8)
    first = describe(label, style=style)
    assert label.tolist() == LABEL
    assert describe(LABEL, style=style) == describe(label.astype(bool), style=style) == first
    assert describe(label, style=style) == first


@pytest.mark.parametrize("style", STYLES)
def test_seed_clip_and_number_of_lines(style: TextStyle) -> None:
    assert len(describe(LABEL, style=style)) == 20
    assert describe(LABEL, n=0, style=style) == []
    assert describe(LABEL, seed=0, style=style) != describe(LABEL, seed=1, style=style)
    assert describe(LABEL, clip_id="a", style=style) != describe(LABEL, clip_id="b", style=style)


def test_wrong_arguments() -> None:
    with pytest.raises(ConfigError, match="40 values in CelebA order, got 39"):
        describe(LABEL[1:])
    with pytest.raises(ConfigError, match="5_o_Clock_Shadow is 2"):
        describe([2, *LABEL[1:]])
    with pytest.raises(ConfigError, match="nan"):
        describe([cast(int, float("nan"))] * 40)
    with pytest.raises(ConfigError, match=r"unknown style 'poem'.*original, natural"):
        describe(LABEL, style=cast(TextStyle, "poem"))
    with pytest.raises(ConfigError, match="negative"):
        describe(LABEL, n=-1)

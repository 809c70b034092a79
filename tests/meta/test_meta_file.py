import json

import pytest

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.modalities import META


@pytest.mark.parametrize("source", ["manual", "predicted:farl", "", None])
def test_a_label_source_is_a_text_or_absent(source: str | None) -> None:
    assert META.parse(json.dumps({"label_source": source}).encode(), clip_id="a")["label_source"] == source


@pytest.mark.parametrize("source", [0, True, 1.5, ["manual"], [None], {"a": 1}, ["x" * 100_000]])
def test_a_label_source_of_another_type_is_damage(source: object) -> None:
    with pytest.raises(CorruptSourceError, match=r"clip a: its meta file has the label_source .* regenerate") as caught:
        META.parse(json.dumps({"label_source": source}).encode(), clip_id="a")
    assert len(str(caught.value)) < 200

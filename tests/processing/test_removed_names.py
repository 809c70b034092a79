"""A person who is called as a field of our own files takes nothing from others."""

import json

import pytest

from mmvoxceleb.meta.names import Names
from mmvoxceleb.meta.removals import Removals


@pytest.mark.parametrize("name", ["label", "sample", "mask", "text", "input", "weights", "cpu", "done", "video"])
def test_words_of_our_own_are_left_alone(name: str) -> None:
    meta = {
        "clip_id": "id2#v#00001.txt#000.mp4",
        "label": {
            "label_source": "predicted:sample-attributes@ab",
            "settings": {"model": "sample-mask", "sha256": "ab"},
        },
        "mask": {"computation": {"device": "cpu x86_64"}, "input": {"frames": 3}},
        "text": {"settings": {"style": "original"}},
        "failed": {f"{name}#v#00001.txt#000.mp4": "why"},
        "source": {"file": f"/raw/{name}/1.mp4"},
    }
    cut = json.loads(Names(Removals(person_id=frozenset({name}))).cut_from_file(json.dumps(meta).encode()))
    assert cut["failed"] == {}
    assert cut["source"] == {"file": "/raw/(removed)/1.mp4"}
    assert {key: cut[key] for key in ("clip_id", "label", "mask", "text")} == {
        key: meta[key] for key in ("clip_id", "label", "mask", "text")
    }

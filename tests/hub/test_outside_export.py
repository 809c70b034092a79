"""A modality from outside that is one file per clip is exported and loaded back; tests/processing has one of frames."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from datasets import load_dataset

from mmvoxceleb.hub.card import CardFacts
from mmvoxceleb.hub.export import export_store
from mmvoxceleb.hub.settings import ExportSettings, Format
from mmvoxceleb.modalities import register_modality, unregister_modality
from mmvoxceleb.stores import open_store
from tests.support.corpus import Corpus


@pytest.fixture
def gaze(own_corpus: Corpus) -> Iterator[Corpus]:
    from tests.support.outside import GAZE, MOTION

    for kind in (GAZE, MOTION):
        register_modality(kind)
    (own_corpus.root / "gaze").mkdir()
    for number, clip in enumerate(own_corpus.clips):
        (own_corpus.root / "gaze" / f"{clip}.json").write_text(json.dumps([number + 0.5, -1.0]))
    yield own_corpus
    unregister_modality(GAZE.name)
    unregister_modality(MOTION.name)


@pytest.mark.parametrize("format_", ["parquet", "webdataset", "folder"])
def test_a_file_per_clip_is_exported_and_loaded_back(gaze: Corpus, tmp_path: Path, format_: Format) -> None:
    out, settings = tmp_path / "out", ExportSettings(format=format_, modalities=("label", "gaze"))
    export_store(gaze.root, out, settings, facts=CardFacts(charts=False))
    cache = str(tmp_path / "cache")
    if format_ == "folder":
        store = open_store(out)
        (folder,) = (folder for folder in store.folders() if folder.modality == "gaze")
        rows = [{"clip_id": clip, **_fields(store.read(folder, clip)[0])} for clip in store.clips(folder)]
    elif format_ == "parquet":
        splits = load_dataset(str(out), "gaze", cache_dir=cache)
        rows = [row for split in splits.values() for row in split]
        assert "label" not in rows[0]
    else:
        splits = load_dataset(str(out), streaming=True)
        rows = [row["json"] for split in splits.values() for row in split]
    angles = {row["clip_id"]: (row["gaze_angle"], row["gaze_tilt"]) for row in rows}
    assert angles == {clip: (number + 0.5, -1.0) for number, clip in enumerate(gaze.clips)}
    card = (out / "README.md").read_text()
    assert "40 facial attributes and gaze:" in card
    assert "| `gaze_angle` | float32 | gaze |" in card


def _fields(data: bytes) -> dict[str, float]:
    return dict(zip(("gaze_angle", "gaze_tilt"), json.loads(data), strict=True))

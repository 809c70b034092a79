"""What the provenance tells of how a clip was computed: device, batches, libraries; recorded and not compared."""

import json
import logging
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from mmvoxceleb.processing import Pipeline, make_stages
from mmvoxceleb.processing.devices import Batcher, device_kind
from mmvoxceleb.processing.drawings import DrawStage, make_drawer
from mmvoxceleb.processing.drawings.sample_drawer import SampleDrawer
from mmvoxceleb.processing.labels import AttributePredictor
from mmvoxceleb.processing.labels.sample_model import SampleAttributes
from mmvoxceleb.processing.labels.stage import LabelStage
from mmvoxceleb.processing.masks import MaskStage, make_parser
from mmvoxceleb.processing.masks.sample_parser import SampleParser
from mmvoxceleb.processing.stage import Stage
from tests.support.stages import Grey
from tests.support.trees import contents

CLIP = "id10001#AbCdEfGhIj1#00001.txt#000.mp4"
HERE = device_kind(torch.device("cpu"))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "store" / "video" / CLIP
    folder.mkdir(parents=True)
    y, x = np.mgrid[:48, :64]
    for index in range(3):
        picture = np.stack([x * 3, y * 5, x * 0 + index * 20], -1).astype(np.uint8)
        Image.fromarray(picture).save(folder / f"{index:07d}.png")
    return tmp_path / "store"


def stages(batch_size: int | None = None, **options: Any) -> list[Stage]:
    options |= {"device": "cpu", "batch_size": batch_size}
    return [
        MaskStage(make_parser("sample", **options), stride=2),
        DrawStage(make_drawer("sample", **options), stride=2),
        LabelStage(AttributePredictor("sample", **options), num_frames=3),
    ]


def meta_of(store: Path) -> dict[str, Any]:
    meta: dict[str, Any] = json.loads((store / "meta" / f"{CLIP}.json").read_text())
    return meta


def test_every_model_tells_device_batches_and_libraries(store: Path, tmp_path: Path) -> None:
    for name, batch_size in (("one", None), ("three", 3)):
        Pipeline(stages(batch_size)).run(store, tmp_path / name).raise_if_failed()
    meta = meta_of(tmp_path / "one")
    for stage in ("mask", "draw/style1", "label"):
        assert meta[stage]["computation"] == {
            "device": HERE, "batch_sizes": [1], "libraries": {"torch": version("torch")},
        }  # fmt: skip
        assert meta[stage]["settings"]["precision"] == "fp32"
    one, three = contents(tmp_path / "one"), contents(tmp_path / "three")
    assert one == three


@pytest.fixture
def small_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches as a GPU has them, on the CPU, of which the memory holds two frames, and asks for four."""
    init = Batcher.__init__

    def wide(batcher: Batcher, *arguments: Any, **options: Any) -> None:
        init(batcher, *arguments, **options)
        batcher.size = 4

    monkeypatch.setattr(Batcher, "__init__", wide)
    for model in (SampleParser, SampleDrawer, SampleAttributes):
        monkeypatch.setattr(model, "compute", tight(model.compute))


def tight(compute: Any) -> Any:
    def computed(model: Any, batch: Any) -> Any:
        if len(batch) > 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return compute(model, batch)

    return computed


def test_the_batches_told_are_those_that_fitted(store: Path, small_memory: None) -> None:
    Pipeline(stages()).run(store, store).raise_if_failed()
    meta = meta_of(store)
    assert [meta[stage]["computation"]["batch_sizes"] for stage in ("mask", "draw/style1", "label")] == [[2]] * 3


def test_a_run_goes_on_with_results_of_another_device_and_says_so(
    store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Pipeline(stages()).run(store, store).raise_if_failed()
    with caplog.at_level(logging.WARNING):
        assert Pipeline(stages(batch_size=2)).run(store, store).skipped == 1
        assert "another device" not in caplog.text
        path = store / "meta" / f"{CLIP}.json"
        meta = meta_of(store)
        meta["mask"]["computation"] |= {"device": "cuda NVIDIA H100 80GB HBM3", "batch_sizes": [16]}
        path.write_text(json.dumps(meta))
        before = path.read_bytes()
        assert Pipeline(stages()).run(store, store).skipped == 1
    (told,) = [record.getMessage() for record in caplog.records if "another device" in record.getMessage()]
    assert told.startswith("mask: 1 finished clips were computed on another device (cuda NVIDIA H100 80GB HBM3) than")
    assert f"this one ({HERE})" in told
    assert path.read_bytes() == before


def test_a_cpu_whose_instructions_nobody_recorded_is_no_other_device(
    store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Pipeline(stages()).run(store, store).raise_if_failed()
    meta = meta_of(store)
    meta["mask"]["computation"]["device"] = "cpu"
    (store / "meta" / f"{CLIP}.json").write_text(json.dumps(meta))
    with caplog.at_level(logging.WARNING):
        assert Pipeline(stages()).run(store, store).skipped == 1
    assert "another device" not in caplog.text


@pytest.mark.parametrize("computation", ["cuda", [], {"device": 4}, None])
def test_records_of_another_form_are_no_device(store: Path, computation: object) -> None:
    Pipeline([stages()[0]]).run(store, store).raise_if_failed()
    meta = meta_of(store)
    meta["mask"]["computation"] = computation
    (store / "meta" / f"{CLIP}.json").write_text(json.dumps(meta))
    assert Pipeline([stages()[0]]).run(store, store).skipped == 1


def test_a_stage_that_tells_nothing_leaves_nothing(store: Path) -> None:
    Pipeline([Grey()]).run(store, store).raise_if_failed()
    assert "computation" not in meta_of(store)["draw/grey"]


def test_the_batch_size_of_regenerate_all_is_that_of_labels_too() -> None:
    (stage,) = make_stages("sample", ["label"], device="cpu", precision="fp32", batch_size=5)
    assert isinstance(stage, LabelStage)
    assert stage.predictor.batch_size == 5

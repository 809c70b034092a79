"""Attribute models of ``transformers``: labels matched by name, the missing ones unknown and never 0."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmvoxceleb.errors import ConfigError, SourceUnavailableError, WeightsError
from mmvoxceleb.processing.labels import AttributePredictor, label_of, read_thresholds, thresholds_of
from mmvoxceleb.schema import ATTRIBUTE_INDEX
from tests.support.attribute_model import save_classifier

transformers = pytest.importorskip("transformers")

FRAMES = np.random.default_rng(0).integers(0, 256, (3, 40, 56, 3), dtype=np.uint8)


def reference_logits(folder: Path) -> torch.Tensor:
    model = transformers.ViTForImageClassification.from_pretrained(folder).eval()
    from PIL import Image

    pictures = [Image.fromarray(frame).resize((32, 32), Image.Resampling.BILINEAR) for frame in FRAMES]
    inputs = (np.stack([np.asarray(picture) for picture in pictures]) / 255 - 0.4) / 0.2
    with torch.inference_mode():
        logits: torch.Tensor = model(torch.from_numpy(inputs).permute(0, 3, 1, 2).float()).logits
    return logits


def test_labels_are_matched_by_name_and_missing_ones_are_unknown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = save_classifier(tmp_path / "attributes", ["smiling", "Wearing Hat", "a cat", "5_o_Clock_Shadow"])
    predictor = AttributePredictor(f"transformers:{folder}", device="cpu", batch_size=2)
    assert not predictor.needs_landmarks
    with caplog.at_level(logging.WARNING):
        probabilities = predictor(FRAMES)
    assert "37 attributes" in caplog.text
    assert "Young" in caplog.text
    expected = reference_logits(folder).sigmoid().numpy()
    for column, name in ((0, "Smiling"), (1, "Wearing_Hat"), (3, "5_o_Clock_Shadow")):
        np.testing.assert_allclose(probabilities[:, ATTRIBUTE_INDEX[name]], expected[:, column], atol=1e-5)
    assert np.isnan(probabilities).sum() == 37 * 3
    label = label_of(probabilities[0], thresholds_of())
    assert label.count(-1) == 37
    assert predictor.label_source.startswith("predicted:transformers:attributes@")
    assert len(predictor.label_source.rpartition("@")[2]) == 64


@pytest.mark.parametrize(
    ("names", "config"),
    [(["Smiling", "Young"], {"problem_type": "single_label_classification"}), (["not smiling", "smiling"], {})],
)
def test_exclusive_labels_take_the_softmax(tmp_path: Path, names: list[str], config: dict[str, Any]) -> None:
    folder = save_classifier(tmp_path / "model", names, **config)
    probabilities = AttributePredictor(f"transformers:{folder}", device="cpu")(FRAMES)
    expected = reference_logits(folder).softmax(-1).numpy()
    column = [name.lower() for name in names].index("smiling")
    np.testing.assert_allclose(probabilities[:, ATTRIBUTE_INDEX["Smiling"]], expected[:, column], atol=1e-5)


def test_models_that_cannot_be_used(tmp_path: Path) -> None:
    nameless = save_classifier(tmp_path / "nameless", ["LABEL_0", "LABEL_1"])
    with pytest.raises(WeightsError, match="none of its 2 labels names a CelebA attribute"):
        AttributePredictor(f"transformers:{nameless}", device="cpu")(FRAMES)
    twice = save_classifier(tmp_path / "twice", ["Wearing_Hat", "wearing hat"])
    with pytest.raises(WeightsError, match="two of its labels mean Wearing_Hat"):
        AttributePredictor(f"transformers:{twice}", device="cpu")(FRAMES)
    (tmp_path / "empty").mkdir()
    with pytest.raises(WeightsError, match=r"no \.safetensors"):
        AttributePredictor(f"transformers:{tmp_path / 'empty'}", device="cpu").settings()


def test_pickled_weights_are_not_opened(tmp_path: Path) -> None:
    folder = save_classifier(tmp_path / "model", ["Smiling", "Young"])
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(WeightsError, match=r"no \.safetensors"):
        AttributePredictor(f"transformers:{folder}", device="cpu")(FRAMES)


def test_a_repository_that_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(SourceUnavailableError, match="nobody/nothing: cannot be downloaded"):
        AttributePredictor("transformers:nobody/nothing").settings()
    with pytest.raises(ConfigError, match="neither a folder on this machine nor"):
        AttributePredictor(f"transformers:{tmp_path}/ab sent").settings()


def test_thresholds(tmp_path: Path) -> None:
    thresholds = thresholds_of(0.5, {"wearing hat": 0.9})
    assert thresholds[ATTRIBUTE_INDEX["Wearing_Hat"]] == 0.9
    assert thresholds.count(0.5) == 39
    assert label_of([0.5] * 39 + [0.51], thresholds_of()) == [0] * 39 + [1]
    with pytest.raises(ConfigError, match="'Hungry' is not a CelebA attribute"):
        thresholds_of(0.5, {"Hungry": 0.1})
    with pytest.raises(ConfigError, match=r"threshold of Young is 1\.5"):
        thresholds_of(0.5, {"young": 1.5})
    with pytest.raises(ConfigError, match="threshold of 5_o_Clock_Shadow is nan"):
        thresholds_of(float("nan"))
    path = tmp_path / "thresholds.json"
    path.write_text('{"Smiling": 0.4}')
    assert read_thresholds(path) == {"Smiling": 0.4}
    path.write_text("[0.4]")
    with pytest.raises(ConfigError, match=r"thresholds\.json: must hold a JSON object"):
        read_thresholds(path)
    with pytest.raises(ConfigError, match=r"absent\.json: cannot be read"):
        read_thresholds(tmp_path / "absent.json")

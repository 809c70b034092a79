"""A whole pipeline by one word: ``--models open``, and what may be combined with it."""

import json
import shutil
from pathlib import Path

import pytest
from datasets import load_dataset
from huggingface_hub import DatasetCard
from PIL import Image
from typer.testing import CliRunner

from mmvoxceleb.cli.main import app
from mmvoxceleb.cli.regenerate import everything
from mmvoxceleb.errors import ConfigError
from mmvoxceleb.preview import contact_sheet
from mmvoxceleb.processing import CropStage, ModelChoices, Pipeline, make_stages
from mmvoxceleb.processing.published import PUBLISHED
from mmvoxceleb.sample import sample_videos_path
from mmvoxceleb.stores import open_store


def call(*command: object) -> str:
    result = CliRunner().invoke(app, [*map(str, command)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def any_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of the right names, for what only asks whether they are there."""
    for key in ("face-landmarker", "selfie-segmenter", "yunet"):
        (tmp_path / PUBLISHED[key].file_name).write_bytes(b"x")
    monkeypatch.setenv("MMVOXCELEB_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("MMVOXCELEB_CACHE", str(tmp_path / "cache"))


@pytest.mark.usefixtures("any_files")
def test_landmarks_come_first_and_may_be_left_out(tmp_path: Path) -> None:
    command = ["regenerate", "all", sample_videos_path(), tmp_path / "out", "--models", "open", "--dry-run"]
    assert "crop, audio, landmarks, mask, draw/lines, label, text\n" in call(*command)
    assert "crop, audio, mask, draw/sketch, label, text\n" in call(*command, "--no-landmarks", "--styles", "sketch")
    assert "landmarks, mask, draw/style1, label" in call(*command, "--drawer", "sample")
    with pytest.raises(ConfigError, match=r"not the published face_landmarker\.task"):
        call(*command, "--licence", "permissive")


@pytest.mark.usefixtures("any_files")
def test_what_does_not_go_together_is_refused(tmp_path: Path) -> None:
    command = ["regenerate", "all", sample_videos_path(), tmp_path / "out", "--models", "open", "--dry-run"]
    with pytest.raises(ConfigError, match="refuses bisenet"):
        call(*command, "--parser", "bisenet", "--licence", "permissive")
    with pytest.raises(ConfigError, match="open parser reads two files"):
        call(*command, "--mask-weights", tmp_path / "x.pth")
    with pytest.raises(ConfigError, match="open drawer has no network, and takes no weights"):
        call(*command, "--draw-weights", tmp_path / "x.pth")
    with pytest.raises(ConfigError, match="unknown models 'free'; use published, open, sample"):
        make_stages("free")  # type: ignore[arg-type]  # that is the point
    for stages in (["mask", "drawings"], "drawings"):
        with pytest.raises(ConfigError, match="unknown stages: drawings; use mask, draw, label, text"):
            make_stages("sample", stages)
    assert ModelChoices(models="open", parser="bisenet").chosen.drawer == "open"


def test_the_whole_way_is_permissive_and_says_so(tmp_path: Path, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ai_edge_litert")
    monkeypatch.setenv("MMVOXCELEB_WEIGHTS", str(shared / "weights"))
    (tmp_path / "raw").mkdir()
    shutil.copy(next(Path(sample_videos_path()).glob("id10271*")), tmp_path / "raw")
    out = tmp_path / "out"
    call(
        "regenerate", "all", tmp_path / "raw", out, "--models", "open", "--licence", "permissive", "--detector", "haar",
        "--stride", "48", "--max-frames", "64",
    )  # fmt: skip
    (row,) = load_dataset("mmvoxceleb", data_dir=str(out), split="test", styles=("lines",))
    assert len(row["masks"]) == len(row["drawings"]) == 2
    assert row["label_source"].startswith("predicted:measurements")
    (meta,) = (json.loads(path.read_text()) for path in (out / "meta").glob("id*.json"))
    assert meta["mask"]["settings"]["outline"]["weights_sha256"] == PUBLISHED["selfie-segmenter"].sha256
    assert set(meta["mask"]["input"]) >= {"landmarks"}
    assert {folder.path for folder in open_store(out).folders()} >= {"landmarks", "draw/lines", "label", "txt"}
    (unnamed,) = load_dataset("mmvoxceleb", data_dir=str(out), split="test")
    assert len(unnamed["drawings"]) == 2
    call("preview", out, "-o", tmp_path / "sheet.png")
    contact_sheet(open_store(out), style="lines").save(tmp_path / "lines.png")
    assert Image.open(tmp_path / "sheet.png").size == Image.open(tmp_path / "lines.png").size
    said = call("export", out, tmp_path / "export", "--card-licence", "cc-by-4.0")
    assert "mmvoxceleb push" in said
    card = DatasetCard.load(tmp_path / "export" / "README.md")
    assert card.data.to_dict()["license"] == "cc-by-4.0"
    table = card.text.split("## How it was made")[1]
    for stage in ("crop", "landmarks", "mask", "draw/lines", "label"):
        assert f"| {stage} | " in table, stage
    assert "unknown" not in table.split("##")[0]
    assert "any use, also commercial" in table


def test_the_sample_models_need_no_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMVOXCELEB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MMVOXCELEB_WEIGHTS", raising=False)
    monkeypatch.setattr("mmvoxceleb.processing.weights.fetch", lambda weights: pytest.fail(f"gets {weights.file_name}"))
    made: list[Pipeline] = []
    monkeypatch.setattr(everything, "run_pipeline", lambda pipeline, *rest: made.append(pipeline))
    for options in ([], ["--cropped"], ["--detector", "haar"]):
        call("regenerate", "all", sample_videos_path(), tmp_path / "out", "--models", "sample", *options)
        crop = made[-1].first
        assert isinstance(crop, CropStage)
        assert (crop.detector is None) == (options == ["--cropped"])

"""What may be done with models: listed for all of them, and ``--licence permissive``, which refuses the others."""

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mmvoxceleb.cli.main import app
from mmvoxceleb.errors import ConfigError
from mmvoxceleb.processing import licences
from mmvoxceleb.processing.detectors import DETECTORS
from mmvoxceleb.processing.licences import check_permissive, known_models, models_of
from mmvoxceleb.processing.published import INCLUDED, PUBLISHED
from mmvoxceleb.processing.sample_models import SAMPLE_SHA256
from mmvoxceleb.processing.scores import scorers
from mmvoxceleb.sample import sample_path

CLIP = "id00000#sample-look#00001.txt#000.mp4"


def call(*command: object) -> str:
    result = CliRunner().invoke(app, [*map(str, command)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(autouse=True)
def nothing_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMVOXCELEB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MMVOXCELEB_WEIGHTS", "")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """One clip of the sample: frames, masks, label; nothing says what made them."""
    for folder in ("video", "mask", "label"):
        shutil.unpack_archive(Path(sample_path()) / f"{folder}.zip", tmp_path / "all")
    for part in (tmp_path / "all").iterdir():
        for path in part.glob(f"{CLIP}*"):
            (tmp_path / "store" / part.name).mkdir(parents=True, exist_ok=True)
            path.rename(tmp_path / "store" / part.name / path.name)
    return tmp_path / "store"


def test_of_every_model_it_is_told_what_may_be_done_and_who_says_so() -> None:
    models = {**PUBLISHED, **INCLUDED}
    for model in models.values():
        assert model.terms != "unknown", model.key
        assert all((model.results, model.stated_at, model.chosen_by)), model.key
    assert all(models_of("detector", name) for name in DETECTORS)
    assert {model.key for model in models.values() if not model.is_permissive} == {
        "bisenet", "portrait-drawing", "farl-celeba", "s3fd", "syncnet",
    }  # fmt: skip


def test_the_list_as_json_and_the_permissive_part_of_it() -> None:
    listed = {model["name"]: model for model in json.loads(call("weights", "--json"))}
    assert listed["portrait-drawing"]["terms"] == "none"
    assert "nothing is allowed" in listed["portrait-drawing"]["results"]
    assert listed["yunet"]["here"] is None
    assert listed["sample"]["here"].endswith(".safetensors")
    permissive = json.loads(call("weights", "--json", "--licence", "permissive"))
    assert {model["terms"] for model in permissive} == {"permissive", "sample"}
    assert "results  research only: research that is not commercial" in call("weights")
    with pytest.raises(ConfigError, match="refuses bisenet: research only: code MIT; trained on CelebAMask-HQ"):
        call("weights", "--get", "bisenet", "--licence", "permissive")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["mask"], r"refuses bisenet \(79999_iter.pth\): .*CelebAMask-HQ.* Choose --parser open"),
        (["mask", "--parser", "transformers:a/b"], "refuses transformers:a/b: its licence is unknown.*--parser open"),
        (["draw"], r"refuses portrait-drawing \(200_net_G_A.pth\): .*all rights reserved.* Choose --drawer open"),
        (["label"], "refuses farl-celeba .*CelebA.* Choose --weights open"),
        (["crop", "--detector", "s3fd"], "refuses s3fd .*WIDER FACE.* Choose --detector yunet"),
        (["all"], "refuses bisenet"),
        (["all", "--stages", "label", "--label-weights", "my.pt"], "refuses farl-celeba"),
    ],
)
def test_other_models_are_refused_before_anything_is_downloaded(
    store: Path, tmp_path: Path, command: list[str], message: str
) -> None:
    name, *options = command
    out = [tmp_path / "out"] if name in ("all", "crop") else ["--out", tmp_path / "out"]
    if name == "crop":
        store = Path(sample_path()) / "raw"
    if name == "all" and not options:
        options = ["--stages", "mask"]
    with pytest.raises(ConfigError, match=message):
        call("regenerate", name, store, *out, *options, "--licence", "permissive")
    assert not (tmp_path / "cache" / "weights").exists()
    assert not (tmp_path / "out").exists()


def test_a_file_is_what_its_content_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "face_landmarker.task"
    own.write_bytes(b"mine")
    with pytest.raises(ConfigError, match=r"refuses .*face_landmarker\.task: its licence is unknown"):
        check_permissive("landmarks", "mediapipe", own)
    monkeypatch.setenv("MMVOXCELEB_WEIGHTS", str(tmp_path))
    with pytest.raises(ConfigError, match=r"refuses .*face_landmarker\.task: it is not the published"):
        check_permissive("landmarks", "mediapipe")
    known = dataclasses.replace(PUBLISHED["yunet"], sha256=hashlib.sha256(b"mine").hexdigest())
    monkeypatch.setattr(licences, "PUBLISHED", {"face-landmarker": known})
    check_permissive("landmarks", "mediapipe", own)


def test_what_a_stage_reads_must_be_permissive_too(store: Path, tmp_path: Path) -> None:
    command = ["regenerate", "draw", store, "--drawer", "open", "--dry-run", "--licence", "permissive"]
    with pytest.raises(ConfigError, match=f"refuses mask of clip {CLIP} in .*: its meta does not say what made it"):
        call(*command)
    (store / "meta").mkdir()
    meta = store / "meta" / f"{CLIP}.json"
    meta.write_text(json.dumps({"mask": {"settings": {"model": "bisenet", "sha256": PUBLISHED["bisenet"].sha256}}}))
    with pytest.raises(ConfigError, match=r"refuses mask of clip .* by bisenet \(79999_iter.pth\), research only"):
        call(*command)
    meta.write_text(json.dumps({"mask": {"settings": {"model": "open", "sha256": "f" * 64}}}))
    with pytest.raises(ConfigError, match=f"weights of unknown licence .{'f' * 64}"):
        call(*command)
    meta.write_text(json.dumps({"mask": {"settings": {"model": "sample-mask", "sha256": SAMPLE_SHA256}}}))
    assert "to do     1 clip\n" in call(*command)
    text = ["regenerate", "text", store, "--dry-run", "--licence", "permissive"]
    with pytest.raises(ConfigError, match="refuses label of clip"):
        call(*text)
    meta.write_text(json.dumps({"label_source": "manual"}))
    assert "to do     1 clip\n" in call(*text)
    # made by this run's own stages, it is known
    assert "to do     1 clip\n" in call(
        "regenerate", "all", store, tmp_path / "out", "--stages", "mask,draw,label,text", "--models", "sample",
        "--licence", "permissive", "--dry-run",
    )  # fmt: skip


def test_figures_by_models_that_are_not_permissive(store: Path) -> None:
    command = ["regenerate", "score", store, "--licence", "permissive", "--limit", "0"]
    with pytest.raises(ConfigError, match=r"refuses syncnet \(syncnet_v2\.model\): .* Choose other figures"):
        call(*command, "--figures", "sharpness,sync_confidence")
    assert "to do     1 clip\n" in call(*command, "--figures", "sharpness,loudness")
    for name, scorer in scorers().items():
        assert all(models_of("figures", model) for model in scorer.models), name


def test_models_are_known_by_what_provenance_says() -> None:
    known = known_models()
    assert known["none: coherent-lines"].key == "coherent-lines"
    assert known["none: haarcascade_frontalface_alt2.xml"].key == "haar"
    assert known[SAMPLE_SHA256].terms == "sample"

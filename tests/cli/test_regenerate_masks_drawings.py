"""``mmvoxceleb regenerate mask|draw`` and ``mmvoxceleb weights``, run as a user runs them."""

import contextlib
import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import mmvoxceleb
from mmvoxceleb.cli.main import main
from mmvoxceleb.processing.masks import FaceParser
from mmvoxceleb.schema import CLASSES, PALETTE, Folder
from mmvoxceleb.stores import open_store
from tests.support.pseudo_weights import picture

CLIPS = ["id10001#AbCdEfGhIjK#00001.txt#000.mp4", "id10002#LmNoPqRsTuV#00002.txt#003.mp4"]


@dataclass
class Result:
    returncode: int
    stdout: str
    stderr: str


def run(*arguments: object, **environment: str) -> Result:
    """Call the program in this process, which spares every test the import of torch and transformers."""
    out, err = io.StringIO(), io.StringIO()
    code: Any = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["mmvoxceleb", *map(str, arguments)])
        for name, value in {"COLUMNS": "200", **environment}.items():
            patch.setenv(name, value)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main()
            except SystemExit as stop:
                code = stop.code
    return Result(int(code or 0), out.getvalue(), err.getvalue())


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Two clips of six frames, 96 x 64 px."""
    for number, clip_id in enumerate(CLIPS):
        folder = tmp_path / "store" / "video" / clip_id
        folder.mkdir(parents=True)
        for index in range(6):
            frame = np.roll(picture(number)[40:104, 30:126], index * 3, axis=1)
            Image.fromarray(frame).save(folder / f"{index:07d}.png")
    return tmp_path / "store"


def save_segformer(folder: Path, labels: list[str], *, seed: int = 0, safe: bool = True) -> Path:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(seed)
    config = transformers.SegformerConfig(
        num_encoder_blocks=4,
        depths=[1, 1, 1, 1],
        hidden_sizes=[8, 8, 16, 16],
        num_attention_heads=[1, 1, 2, 2],
        decoder_hidden_size=16,
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
    )
    model = transformers.SegformerForSemanticSegmentation(config)
    noise = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(seed)) * 4 - 2
    with torch.no_grad():  # every class must win somewhere
        model.eval().decode_head.classifier.bias -= model(noise).logits.mean(dim=(0, 2, 3))
    if safe:
        model.save_pretrained(folder)
    else:
        folder.mkdir()
        config.save_pretrained(folder)
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"size": {"height": 64, "width": 96}, "image_mean": [0.5] * 3, "image_std": [0.25] * 3})
    )
    return folder


# CelebAMask-HQ's order, which the SegFormer face parsers use
CELEBA_ORDER = [
    *("background", "skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear"),
    *("mouth", "u_lip", "l_lip", "hair", "hat", "ear_r", "neck_l", "neck", "cloth"),
]


@pytest.fixture(scope="module")
def segformer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_segformer(tmp_path_factory.mktemp("models") / "segformer", CELEBA_ORDER)


def masks_of(root: Path, clip_id: str) -> list[Any]:
    return [np.asarray(Image.open(path)) for path in sorted((root / "mask" / clip_id).iterdir())]


def test_masks_by_the_original_network(store: Path, weights_folder: Path) -> None:
    result = run("regenerate", "mask", store, "--limit", 1, "--stride", 8, MMVOXCELEB_WEIGHTS=str(weights_folder))
    assert result.returncode == 0, result.stderr
    assert "1 clip, 1 frame" in result.stdout
    path = store / "mask" / CLIPS[0] / "0000000.png"
    with Image.open(path) as image:
        assert (image.mode, image.size) == ("P", (512, 512))
        frame = np.asarray(Image.open(store / "video" / CLIPS[0] / "0000000.png"))
        expected = FaceParser(weights_folder / "79999_iter.pth", "cpu")(frame[None])[0]
        assert np.array_equal(np.asarray(image), expected)
        assert np.array_equal(np.asarray(image.convert("RGB")), PALETTE[expected])
    (row,) = mmvoxceleb.load_dataset("mmvoxceleb", "mask", data_dir=str(store), split="train", streaming=True)
    assert (row["clip_id"], row["mask_indices"]) == (CLIPS[0], [0])
    assert np.array_equal(np.asarray(row["masks"][0]), expected)
    meta = json.loads((store / "meta" / f"{CLIPS[0]}.json").read_text())
    assert meta["mask"]["settings"]["model"] == "bisenet"
    assert len(meta["mask"]["settings"]["sha256"]) == 64


def test_drawings(store: Path, weights_folder: Path, tmp_path: Path) -> None:
    arguments = ("regenerate", "draw", store, "--out", tmp_path / "out", "--limit", 1, "--stride", 8)
    result = run(*arguments, "--layout", "packed", MMVOXCELEB_WEIGHTS=str(weights_folder))
    assert result.returncode == 0, result.stderr
    drawings = open_store(tmp_path / "out")
    folder = Folder("drawing", "style1")
    assert [entry.name for entry in drawings.entries(folder, CLIPS[0])] == ["0000000.png"]
    out = str(tmp_path / "out")
    (row,) = mmvoxceleb.load_dataset("mmvoxceleb", "drawing", data_dir=out, split="train", streaming=True)
    assert (row["clip_id"], row["drawing_indices"], row["drawings"][0].size) == (CLIPS[0], [0], (512, 512))
    (tmp_path / "drawing.png").write_bytes(drawings.read(folder, CLIPS[0])[0])
    with Image.open(tmp_path / "drawing.png") as image:
        assert (image.mode, image.size) == ("L", (512, 512))
        assert np.asarray(image).std() > 5


def test_other_parsers_are_mapped_by_class_name(store: Path, segformer: Path, tmp_path: Path) -> None:
    for out, model in (
        ("theirs", segformer),
        ("ours", save_segformer(tmp_path / "renamed", [f"class {n}" for n in range(19)])),
    ):
        if out == "ours":
            config = json.loads((model / "config.json").read_text())
            config["id2label"] = {str(number): name for number, name in enumerate(CLASSES)}
            (model / "config.json").write_text(json.dumps(config))
        result = run("regenerate", "mask", store, "--out", tmp_path / out, "--parser", f"transformers:{model}")
        assert result.returncode == 0, result.stderr
        assert "flicker  " in result.stdout
    theirs, ours = (masks_of(tmp_path / out, CLIPS[1]) for out in ("theirs", "ours"))
    assert len(theirs) == 2  # frames 0 and 4
    to_ours = np.array([CLASSES.index(name) for name in CELEBA_ORDER], np.uint8)
    assert len(np.unique(ours[0])) > 3
    # where two classes tie the order decides, in a few pixels
    assert max((to_ours[mine] != other).mean() for mine, other in zip(ours, theirs, strict=True)) < 1e-3


def test_parser_with_foreign_classes_or_pickles_is_refused(store: Path, tmp_path: Path) -> None:
    foreign = save_segformer(tmp_path / "foreign", ["background", "wall", "Sky"])
    result = run("regenerate", "mask", store, "--out", tmp_path / "out", "--parser", f"transformers:{foreign}")
    assert result.returncode == 2
    assert "unknown classes: wall, Sky" in result.stderr
    pickled = save_segformer(tmp_path / "pickled", CELEBA_ORDER, safe=False)
    result = run("regenerate", "mask", store, "--out", tmp_path / "out", "--parser", f"transformers:{pickled}")
    assert result.returncode == 1
    assert ".safetensors" in result.stderr
    result = run("regenerate", "mask", store, "--parser", "transformers:no/such-model")
    assert result.returncode == 1
    assert "no/such-model" in result.stderr
    assert "Traceback" not in result.stderr


def test_original_colours_and_settings_that_differ(store: Path, segformer: Path, tmp_path: Path) -> None:
    arguments = ("regenerate", "mask", store, "--out", tmp_path / "out", "--parser", f"transformers:{segformer}")
    run(*arguments, "--original-colours")
    run("regenerate", "mask", store, "--out", tmp_path / "ids", "--parser", f"transformers:{segformer}")
    with Image.open(tmp_path / "out" / "mask" / CLIPS[0] / "0000004.png") as image:
        assert image.mode == "RGB"
        assert np.array_equal(np.asarray(image), PALETTE[masks_of(tmp_path / "ids", CLIPS[0])[1]])
    result = run(*arguments, "--stride", "2")
    assert result.returncode == 1
    assert 'encoding was "original" and is "palette"; stride was 4 and is 2' in result.stderr
    result = run(*arguments, "--stride", "2", "--overwrite")
    assert (result.returncode, len(masks_of(tmp_path / "out", CLIPS[0]))) == (0, 3)


def test_smoothing_steadies_masks(store: Path, segformer: Path, tmp_path: Path) -> None:
    arguments = ("regenerate", "mask", store, "--stride", 1, "--parser", f"transformers:{segformer}")
    assert run(*arguments, "--out", tmp_path / "plain").returncode == 0
    result = run(*arguments, "--out", tmp_path / "steady", "--smooth", 2)
    assert result.returncode == 0, result.stderr
    assert "without smoothing" in result.stdout
    for clip_id in CLIPS:
        plain, steady = (
            json.loads((tmp_path / out / "meta" / f"{clip_id}.json").read_text())["mask"] for out in ("plain", "steady")
        )
        assert steady["flicker"] < 0.9 * plain["flicker"]
        # the largest probability may differ from the largest logit by rounding, in a few pixels
        assert steady["flicker_before"] == pytest.approx(plain["flicker"], abs=1e-4)


def test_dry_run_and_limit_0_change_nothing(store: Path, segformer: Path, tmp_path: Path) -> None:
    for option in (("--dry-run",), ("--limit", "0")):
        result = run(
            "regenerate", "mask", store, "--out", tmp_path / "out", "--parser", f"transformers:{segformer}", *option
        )
        assert result.returncode == 0, result.stderr
        assert "stages    mask\nto do     2 clips\nfinished  0 clips\n" in result.stdout
        assert f"{CLIPS[0]}  2 of 6 frames" in result.stdout
        assert not (tmp_path / "out").exists()


def test_corrupt_frame_gives_exit_code_1_and_names_the_clip(store: Path, segformer: Path) -> None:
    (store / "video" / CLIPS[0] / "0000004.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"x" * 50)
    result = run("regenerate", "mask", store, "--parser", f"transformers:{segformer}")
    assert result.returncode == 1
    assert "1 clip, 2 frames" in result.stdout
    assert f"failed: {CLIPS[0]}" in result.stderr
    assert "1 of 2 clips failed" in result.stderr
    assert "0000004.png" in result.stderr
    assert "Traceback" not in result.stderr
    assert len(masks_of(store, CLIPS[1])) == 2


def test_mistakes_are_one_line(store: Path, tmp_path: Path) -> None:
    for arguments, code, said in (
        (("mask", store, "--weights", tmp_path / "absent.pth"), 1, "absent.pth: there is no such weights file"),
        (("draw", store, "--styles", "style7"), 2, "style7"),
        (("mask", "s3://somewhere/x.zip"), 2, "--out"),
        (("mask", store, "--parser", "magic"), 2, "unknown parser 'magic'"),
        (("mask", store, "--device", "cuda:77"), 2, "cuda:77"),
    ):
        result = run("regenerate", *arguments, MMVOXCELEB_CACHE=str(tmp_path / "cache"))
        assert result.returncode == code, arguments
        assert said in result.stderr.replace("\n", " ")
        assert "Traceback" not in result.stderr


def test_weights_are_listed_with_licence_and_place(weights_folder: Path) -> None:
    result = run("weights", MMVOXCELEB_WEIGHTS=str(weights_folder))
    assert result.returncode == 0, result.stderr
    assert f"here     {weights_folder / '79999_iter.pth'}" in result.stdout
    assert "all rights reserved" in result.stdout
    assert "468e13ca13a9b43cc0881a9f99083a430e9c0a38abd935431d1c28ee94b26567" in result.stdout
    assert "downloaded when needed" in result.stdout
    assert run("weights", "--get", "nothing").returncode == 2

"""The example of docs/pipeline.md, as it stands there: a new modality in one short file, and all that follows."""

import importlib
import io
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import datasets
import numpy as np
import pytest

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.hub.export import export_store, modalities_in
from mmvoxceleb.hub.settings import ExportSettings, Format
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.modalities import (
    Folder,
    FrameModality,
    modalities,
    register_modality,
    unregister_modality,
)
from mmvoxceleb.preview import contact_sheet
from mmvoxceleb.processing import Pipeline
from mmvoxceleb.processing.removal import remove_from_store
from mmvoxceleb.stores import open_store
from mmvoxceleb.validation import validate_store
from tests.support.raw_videos import CROP, make_raw_videos, videos_of
from tests.support.trees import contents

PAGE = Path(__file__).parents[2] / "docs" / "pipeline.md"
DRAWN = list(range(0, 24, 4))


@dataclass
class Example:
    out: Path
    folder: Path
    module: str


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    """Frames of two videos, and the example's two files, run once."""
    folder = tmp_path_factory.mktemp("example")
    module, use = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)[-2:]
    (folder / "motion.py").write_text(module)
    (folder / "use.py").write_text(use)
    Pipeline([CROP]).run(videos_of(make_raw_videos(folder / "in", 2)), folder / "out")
    done = subprocess.run([sys.executable, "use.py"], cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("num_rows: 4") == 2
    return Example(folder / "out", folder, module)


@pytest.fixture
def registered(example: Example, monkeypatch: pytest.MonkeyPatch) -> Iterator[Example]:
    """The modality in this process, for one test."""
    monkeypatch.syspath_prepend(example.folder)
    importlib.reload(importlib.import_module("motion"))
    yield example
    unregister_modality("motion")


def test_it_is_one_short_file_that_resumes(example: Example) -> None:
    assert len(example.module.splitlines()) <= 65
    before = contents(example.out)
    subprocess.run([sys.executable, "use.py"], cwd=example.folder, capture_output=True, timeout=120, check=True)
    assert contents(example.out) == before


@pytest.mark.parametrize("streaming", [False, True])
def test_it_is_a_column(registered: Example, streaming: bool) -> None:
    rows = datasets.load_dataset(
        "mmvoxceleb", "motion", data_dir=str(registered.out), split="train", streaming=streaming
    )
    row = next(iter(rows))
    drawn = [np.asarray(picture) for picture in row["motion"]]
    assert row["motion_indices"] == DRAWN
    assert all(picture.shape == (64, 64) for picture in drawn)
    assert 0 < np.mean(drawn) < 128  # the portrait slides by a pixel or two a frame of the video
    assert "frames" not in row
    both = datasets.load_dataset(
        "mmvoxceleb", data_dir=str(registered.out), modalities=("motion", "video"), aligned=True, split="train",
        streaming=streaming,
    )  # fmt: skip
    assert next(iter(both))["frame_indices"] == DRAWN


def test_it_is_found_in_a_zip_by_its_name(registered: Example, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "my_motion_2.zip", "w") as archive:
        for path in (registered.out / "motion").rglob("*.png"):
            archive.write(path, path.relative_to(registered.out / "motion"))
    store = open_store(tmp_path)
    assert [str(folder) for folder in store.folders()] == ["motion"]
    assert len(store.entries(store.folders()[0], store.clips(store.folders()[0])[0])) == len(DRAWN)


@pytest.mark.parametrize("format_", ["parquet", "webdataset", "folder"])
def test_it_is_exported(registered: Example, tmp_path: Path, format_: Format) -> None:
    store = open_store(registered.out)
    settings = ExportSettings(format=format_, modalities=modalities_in(store))
    assert settings.modalities == ("video", "motion")
    export_store(registered.out, tmp_path, settings)
    (folder,) = (folder for folder in store.folders() if folder.modality == "motion")
    clip = store.clips(folder)[0]
    original = store.read(folder, clip)
    if format_ == "parquet":
        rows = datasets.load_dataset(str(tmp_path), "motion", split="train").cast_column(
            "motion", datasets.List(datasets.Image(decode=False))
        )
        (row,) = (row for row in rows if row["clip_id"] == clip)
        assert [picture["bytes"] for picture in row["motion"]] == original
        assert "frames" not in row
    elif format_ == "webdataset":
        with tarfile.open(next((tmp_path / "data").glob("train*.tar"))) as tar:
            file = tar.extractfile(next(name for name in tar.getnames() if name.endswith(".motion.zip")))
            assert file is not None
            data = file.read()
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert archive.namelist() == [f"{index:07d}.png" for index in DRAWN]
    else:
        assert open_store(tmp_path).read(folder, clip) == original
        return
    card = (tmp_path / "README.md").read_text()
    assert "each clip with frames and motion" in card
    assert "32 for each pixel that the face moves" in card
    assert "| motion |" in card


def test_it_is_validated(registered: Example, tmp_path: Path) -> None:
    assert validate_store(open_store(registered.out), deep=True).folders["motion"].files == 22
    Pipeline([CROP]).run(videos_of(make_raw_videos(tmp_path / "in", 1)), tmp_path / "out")
    clip = open_store(registered.out).clips(Folder("motion"))[0]
    (tmp_path / "out" / "motion" / clip).mkdir(parents=True)
    (tmp_path / "out" / "motion" / clip / "0000004.png").write_bytes(b"no picture")
    report = validate_store(open_store(tmp_path / "out"), deep=True)
    assert [problem.file for problem in report.of_kind("picture")] == ["motion/0000004.png"]


def test_it_is_shown(registered: Example) -> None:
    store = open_store(registered.out)
    with_motion = contact_sheet(store, 1)
    unregister_modality("motion")
    without = contact_sheet(open_store(registered.out), 1)
    register_modality(sys.modules["motion"].Motion)
    assert with_motion.height - without.height == 144 + 8  # a row of tiles


def test_it_is_removed(registered: Example, tmp_path: Path) -> None:
    Pipeline([CROP, sys.modules["motion"].MotionStage()]).run(
        videos_of(make_raw_videos(tmp_path / "in", 2)), tmp_path / "out"
    )
    clips = open_store(tmp_path / "out").clips(Folder("motion"))
    gone = clips[0].split("#")[0]
    remove_from_store(str(tmp_path / "out"), Removals(person_id=frozenset({gone})))
    left = {path.name for path in (tmp_path / "out" / "motion").iterdir()}
    assert left == {clip for clip in clips if not clip.startswith(f"{gone}#")}
    assert left


def test_a_renamed_modality_leaves_no_old_name(registered: Example) -> None:
    motion = sys.modules["motion"].Motion
    renamed = type("Motion", (motion,), {"name": "flow", "__module__": "motion", "__qualname__": "Motion"})
    register_modality(renamed)
    names = [modality.name for modality in modalities()]
    assert names[-1] == "flow"
    assert "motion" not in names
    unregister_modality("flow")
    register_modality(motion)


def test_names_are_given_once(registered: Example) -> None:
    class Other(FrameModality):
        name = "flow"
        aliases = ("motion",)
        pictures, indices = "flow", "flow_indices"

    with pytest.raises(ConfigError, match="'motion' is taken"):
        register_modality(Other)

    class Column(FrameModality):
        name = "flow"
        pictures, indices = "masks", "flow_indices"

    with pytest.raises(ConfigError, match="column 'masks' is taken"):
        register_modality(Column)

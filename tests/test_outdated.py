"""Results that were made from other files than a clip has now are problems; nothing else is taken for one."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from mmvoxceleb.errors import IncompatibleOutputError
from mmvoxceleb.meta.inputs import folders_of_stage
from mmvoxceleb.meta.provenance import Provenance
from mmvoxceleb.modalities import MASKS
from mmvoxceleb.processing import Pipeline
from mmvoxceleb.processing.audio.stage import AudioStage
from mmvoxceleb.processing.convert import ConvertStage
from mmvoxceleb.processing.crop.stage import CropStage
from mmvoxceleb.processing.frame_codec import FrameCodec
from mmvoxceleb.processing.scores.registry import make_scorers
from mmvoxceleb.processing.scores.stage import ScoreStage
from mmvoxceleb.schema import Folder
from mmvoxceleb.stores import open_store
from mmvoxceleb.validation import validate_store
from tests.support.raw_videos import CROP, make_raw_videos, videos_of
from tests.support.stages import Grey, Label, Text


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made")
    videos = videos_of(make_raw_videos(root / "in", 1, with_sound=True))
    for name, crop in (("png", CROP), ("mp4", CropStage(CROP.settings, codec="mp4"))):
        Pipeline([crop, AudioStage(), Grey(), Label(), Text()]).run(videos, root / name)
        Pipeline([ScoreStage(make_scorers(["picture", "sound"]))]).run(str(root / name), root / name)
    Pipeline([CROP, Grey()]).run(videos, root / "packed", layout="packed")
    Pipeline([ConvertStage(FrameCodec("mp4"))]).run(str(root / "png"), root / "converted")
    return root


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "png", tmp_path / "store"))


def outdated(root: Path, *, deep: bool = False) -> list[str]:
    found = validate_store(open_store(root), deep=deep).of_kind("outdated")
    return [f"{problem.file}: {problem.message}" for problem in found]


@pytest.mark.parametrize("name", ["png", "mp4", "packed", "converted"])
def test_what_a_run_left_is_not_outdated(made: Path, name: str) -> None:
    assert outdated(made / name, deep=True) == []


def test_other_frames_make_all_that_was_made_from_them_outdated(store: Path) -> None:
    clip = open_store(store).clips(Folder("video"))[0]
    folder = store / "video" / clip
    (folder / "0000001.png").write_bytes((folder / "0000000.png").read_bytes() + b"more")
    (told,) = outdated(store)
    assert told == "score: was made from other frames than the clip has now; run mmvoxceleb regenerate score"
    (folder / "0000002.png").write_bytes((folder / "0000000.png").read_bytes() + b"more")
    draw, _ = outdated(store)  # of every second frame
    assert draw.startswith(
        "draw/grey: was made from other frames than the clip has now; run mmvoxceleb regenerate draw"
    )
    (folder / "0000023.png").unlink()
    assert len(outdated(store)) == 2


def test_another_label_or_sound_makes_outdated_what_was_made_from_it(store: Path) -> None:
    first, second = open_store(store).clips(Folder("video"))
    label = store / "label" / f"{first}.txt"
    label.write_text(label.read_text().replace("1", "2").replace("0", "1").replace("2", "0"))
    (store / "audio" / f"{second}.flac").write_bytes((store / "audio" / f"{first}.flac").read_bytes())
    (store / "audio" / f"{first}.flac").unlink()  # what is not there is not another
    assert outdated(store) == [
        "txt: was made from other labels than the clip has now; run mmvoxceleb regenerate text with --overwrite",
        "score: was made from other sound than the clip has now; run mmvoxceleb regenerate score",
    ]


def test_styles_of_a_run_of_their_own_are_named(store: Path) -> None:
    class Both(Grey):
        name = f"draw/grey+{MASKS.name}"
        folders = (Folder("drawing", "grey"), Folder("drawing", MASKS.name))

    told = r"draw/grey\+mask: draw/grey was made in a run of its own; make only what is missing \(mask\)"
    with pytest.raises(IncompatibleOutputError, match=told):
        Pipeline([Both()]).run(str(store), store)


def test_provenance_of_somebody_else_leads_nowhere(store: Path) -> None:
    for stage in ("draw/../../x", "draw/", "draw/a/b", "mask/x", "draw/.hidden", "nothing", "draw/a+../b"):
        assert folders_of_stage(stage) == []
    assert folders_of_stage("draw/lines+sketch") == [Folder("drawing", "lines"), Folder("drawing", "sketch")]
    assert folders_of_stage("mine", {"folders": ["mask", "draw/../x", 7]}) == [Folder("mask")]
    clip = open_store(store).clips(Folder("video"))[0]
    given = {"frames": 2, "listing": "0", "label": [{}], "landmarks": {"files": {}, "sha256": []}, "draw/../x": {}}
    section: dict[str, Any] = {"input": given, "frames_used": [{}, [], None, "1"]}
    Provenance(store).finish(clip, {"label": section, "draw/../../x": section, "text": {**section, "folders": "mask"}})
    assert all("was made from other" in each for each in outdated(store, deep=True))

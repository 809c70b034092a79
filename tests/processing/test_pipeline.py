"""The pipeline: one pass and many give the same, on any number of workers; and what goes wrong stays where it is."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

import datasets
import pytest

from mmvoxceleb.errors import (
    ConfigError,
    MissingModalityError,
    ProcessingError,
    SourceUnavailableError,
    WeightsError,
)
from mmvoxceleb.files.partial import partial_prefix
from mmvoxceleb.meta.provenance import Provenance
from mmvoxceleb.meta.runs import RUNS_FOLDER
from mmvoxceleb.meta.videos import RECORDS
from mmvoxceleb.processing import Pipeline
from mmvoxceleb.processing.pipeline import Engine
from mmvoxceleb.stores import open_store
from tests.support.raw_videos import CROP, make_raw_videos, small_pipeline, videos_of
from tests.support.stages import Grey, Label, Text
from tests.support.trees import contents


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_raw_videos(tmp_path_factory.mktemp("raw"), 3)


@pytest.fixture(scope="module")
def reference(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("reference")
    summary = small_pipeline().run(videos_of(raw), out)
    assert (summary.done, summary.skipped, summary.failed, summary.units) == (6, 0, {}, 3)
    assert summary.frames == 3 * (24 + 17)
    assert set(summary.seconds_by_step) == {"crop", "read", "draw/grey", "label", "text", "write"}
    return out


def test_the_result_is_a_dataset(reference: Path) -> None:
    rows = datasets.load_dataset("mmvoxceleb", data_dir=str(reference), styles=("grey",), modalities=(
        "video", "drawing", "label", "text"
    ), split="train")  # fmt: skip
    assert len(rows) == 6
    assert rows[0]["num_frames"] == len(rows[0]["frames"]) == 24
    assert rows[0]["drawing_indices"] == list(range(0, 24, 2))
    assert rows[0]["text"] == [f"sum {sum(rows[0]['label'])}"]


def test_the_summary_is_kept_as_json(reference: Path) -> None:
    (path,) = (reference / RUNS_FOLDER).iterdir()
    content = json.loads(path.read_text())
    assert (content["done"], content["units"], content["engine"], content["is_complete"]) == (6, 3, "local", True)
    assert 0 < content["device_busy_share"] <= 1
    assert sum(content["shares"].values()) == pytest.approx(1, abs=1e-3)
    assert content["mean_figures"]["draw/grey.mean"] > 0


def test_two_workers_write_the_same(raw: Path, reference: Path, tmp_path: Path) -> None:
    summary = small_pipeline().run(videos_of(raw), tmp_path, workers=2)
    assert (summary.done, summary.workers) == (6, 2)
    assert contents(tmp_path) == contents(reference)


def test_what_a_killed_run_left_unfinished_goes(raw: Path, reference: Path, tmp_path: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    for folder in ("video", "meta", RECORDS):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / partial_prefix().replace(f".{os.getpid()}.", f".{dead.pid}.")).write_bytes(b"{")
    assert small_pipeline().run(videos_of(raw), tmp_path).done == 6
    assert contents(tmp_path) == contents(reference)


@pytest.mark.parametrize("layout", ["folder", "packed"])
def test_nothing_stays_of_clips_that_other_settings_no_longer_give(
    raw: Path, tmp_path: Path, layout: Literal["folder", "packed"]
) -> None:
    fewer = Pipeline([replace(CROP, settings=replace(CROP.settings, min_frames=20)), Grey(), Label(), Text()])
    fewer.run(videos_of(raw), tmp_path / "fresh", layout=layout)
    out = tmp_path / "out"
    assert small_pipeline().run(videos_of(raw), out, layout=layout).done == 6
    assert fewer.run(videos_of(raw), out, layout=layout, overwrite=True).done == 3
    assert contents(out) == contents(tmp_path / "fresh")


@pytest.mark.parametrize("layout", ["folder", "packed"])
def test_stages_one_after_the_other_write_what_one_pass_writes(
    raw: Path, reference: Path, tmp_path: Path, layout: Literal["folder", "packed"]
) -> None:
    Pipeline([CROP]).run(videos_of(raw), tmp_path, layout=layout)
    for stage in (Grey(), Label(), Text()):
        assert Pipeline([stage]).run(tmp_path, tmp_path, layout=layout).done == 6
    if layout == "folder":
        assert contents(tmp_path) == contents(reference)
    else:
        packed, plain = open_store(tmp_path), open_store(reference)
        for folder in plain.folders():
            for clip_id in plain.clips(folder):
                assert packed.read(folder, clip_id) == plain.read(folder, clip_id)
    assert small_pipeline().run(videos_of(raw), tmp_path, layout=layout).skipped == 6


def test_a_new_stage_reads_the_clips_of_an_earlier_run(raw: Path, reference: Path, tmp_path: Path) -> None:
    Pipeline([CROP, Label()]).run(videos_of(raw), tmp_path)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "video").rglob("*.png")}
    summary = small_pipeline().run(videos_of(raw), tmp_path)
    assert (summary.done, summary.skipped) == (6, 0)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "video").rglob("*.png")} == before
    assert contents(tmp_path) == contents(reference)


def test_a_clip_that_fails_is_named_and_done_by_the_next_run(raw: Path, reference: Path, tmp_path: Path) -> None:
    bad = open_store(reference).clips(open_store(reference).folders()[0])[2]
    summary = Pipeline([CROP, Grey(refuse=bad), Label(), Text()]).run(videos_of(raw), tmp_path)
    assert (summary.done, list(summary.failed)) == (5, [bad])
    with pytest.raises(ProcessingError, match=r"1 of 6 clips failed: .*refused"):
        summary.raise_if_failed()
    summary = small_pipeline().run(videos_of(raw), tmp_path)
    assert (summary.done, summary.skipped) == (1, 5)
    assert contents(tmp_path) == contents(reference)


def test_a_bug_in_a_stage_fails_its_clip_alone(raw: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Buggy(Grey):
        def encode(self, clip: Any, result: Any) -> Any:
            if "#00002.txt" in clip.clip_id:
                raise IndexError("list index out of range")
            return super().encode(clip, result)

    summary = Pipeline([CROP, Buggy()]).run(videos_of(raw), tmp_path)
    assert (summary.done, len(summary.failed)) == (3, 3)
    assert "stage draw/grey raised IndexError: list index out of range" in next(iter(summary.failed.values()))
    assert "Traceback" in caplog.text


def test_workers_that_die_are_replaced_and_the_deadly_clip_is_given_up(
    raw: Path, reference: Path, tmp_path: Path
) -> None:
    Pipeline([CROP]).run(videos_of(raw), tmp_path)
    deadly = open_store(tmp_path).clips(open_store(tmp_path).folders()[0])[1]
    stages = [Grey(deadly=deadly), Label(), Text()]
    summary = Pipeline(stages).run(tmp_path, tmp_path, workers=2)
    assert (summary.done, list(summary.failed)) == (5, [deadly])
    assert "died 3 times" in summary.failed[deadly]
    failed = [row for row in Provenance(tmp_path).rows() if row.status == "failed"]
    assert [(row.clip_id, row.stage) for row in failed] == [(deadly, stage.name) for stage in stages]
    assert Pipeline([Grey(), Label(), Text()]).run(tmp_path, tmp_path).done == 1
    assert contents(tmp_path) == contents(reference)


def test_what_a_worker_cannot_do_ends_the_run(raw: Path, tmp_path: Path) -> None:
    Pipeline([CROP]).run(videos_of(raw), tmp_path)
    (tmp_path / "draw").write_text("a file where a folder should be")
    with pytest.raises(ProcessingError, match=r"cannot be written.*what is finished is kept"):
        Pipeline([Grey()]).run(tmp_path, tmp_path, workers=2)


def test_an_error_of_a_worker_comes_through_as_it_is(raw: Path, tmp_path: Path) -> None:
    Pipeline([CROP]).run(videos_of(raw), tmp_path)
    for workers in (1, 2):
        with pytest.raises(SourceUnavailableError, match=r"weights\.pth: cannot be downloaded"):
            Pipeline([Grey(unreachable=True)]).run(tmp_path, tmp_path, workers=workers)


def test_impossible_pipelines_are_refused(raw: Path, tmp_path: Path) -> None:
    cases: tuple[tuple[list[Any], str], ...] = (
        ([], "at least one stage"),
        ([Grey(), CROP], "crops first or not at all"),
        ([CROP, CROP], "crops first or not at all"),
    )
    for stages, message in cases:
        with pytest.raises(ConfigError, match=message):
            Pipeline(stages)
    (tmp_path / "video").mkdir()
    with pytest.raises(ConfigError, match="two stages have one name"):
        Pipeline([Grey(), Grey(gain=2)]).run(tmp_path, tmp_path)
    with pytest.raises(ConfigError, match="takes videos"):
        Pipeline([CROP]).run(open_store(tmp_path), tmp_path)
    with pytest.raises(ConfigError, match="unknown engine 'slurm'"):
        Pipeline([CROP]).run(videos_of(raw), tmp_path / "out", engine=cast(Engine, "slurm"))
    with pytest.raises(MissingModalityError, match="regenerate label"):
        Pipeline([Text()]).run(tmp_path, tmp_path)


class OfModel(Grey):
    """A stage with a model, whose weights may not be had."""

    def __init__(self, model: str, error: type[Exception] | None = None) -> None:
        super().__init__()
        self.model, self.error = model, error

    def settings(self) -> dict[str, Any]:
        if self.error:
            raise self.error(f"{self.model}.pth could not be had")
        return {"model": self.model}


@pytest.mark.parametrize("error", [WeightsError, SourceUnavailableError])
def test_weights_that_cannot_be_had_do_not_hide_that_another_model_made_what_is_there(
    raw: Path, tmp_path: Path, error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"large\.pth could not be had$"):
        Pipeline([CROP, OfModel("large", error)]).run(videos_of(raw), tmp_path)
    Pipeline([CROP, OfModel("small")]).run(videos_of(raw), tmp_path)
    says = (
        rf"could not be had\. {tmp_path} has results of draw/grey by the model 'small'; to resume, choose that model$"
    )
    with pytest.raises(error, match=says):
        Pipeline([CROP, OfModel("large", error)]).run(videos_of(raw), tmp_path)

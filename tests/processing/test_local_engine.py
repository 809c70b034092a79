"""The runner: resumes, isolates failures, leaves nothing half, and gives the same bytes with any worker count."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmvoxceleb.errors import (
    ConfigError,
    CorruptSourceError,
    IncompatibleOutputError,
    MissingModalityError,
    ProcessingError,
    UnsafeArchiveError,
)
from mmvoxceleb.meta.provenance import LedgerRow, Provenance
from mmvoxceleb.meta.removal_list import add_removals
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.processing.engines.local import run_local
from mmvoxceleb.processing.engines.outcomes import ClipOutcome, Summary
from mmvoxceleb.processing.engines.processes import _without_interrupts
from mmvoxceleb.processing.engines.work import Work
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.processing.pictures import decode_rgb
from mmvoxceleb.processing.source import StoredClips
from mmvoxceleb.processing.stage import Stage
from mmvoxceleb.schema import Folder
from mmvoxceleb.stores import open_store
from tests.support.stages import Grey, Label, Text
from tests.support.trees import contents

CLIPS = [f"id10{number:03d}#AbCdEfGhIj{number}#0000{number}.txt#000.mp4" for number in range(4)]


def frame_of(clip: int, index: int) -> Image.Image:
    y, x = np.mgrid[:12, :20]
    return Image.fromarray(np.stack([x * 9, y * 12 + clip * 30, x * 0 + index * 20], -1).astype(np.uint8))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for number, clip_id in enumerate(CLIPS):
        folder = tmp_path / "in" / "video" / clip_id
        folder.mkdir(parents=True)
        for index in range(5 + number):
            frame_of(number, index).save(folder / f"{index:07d}.png")
    return tmp_path / "in"


def work(source: Path, target: Path, *stages: Stage, **options: Any) -> Work:
    layout = options.pop("layout", "folder")
    return Work(StoredClips(open_store(source)), StoreWriter(target, layout), stages or (Grey(),), **options)


def test_results_meta_and_summary(source: Path, tmp_path: Path) -> None:
    stage = Grey()
    summary = run_local(work(source, tmp_path / "out", stage))
    assert (summary.done, summary.skipped, summary.failed) == (4, 0, {})
    assert stage.ready == 0
    assert summary.frames == 3 + 3 + 4 + 4
    assert set(summary.seconds_by_step) == {"read", "draw/grey", "write"}
    written = tmp_path / "out" / "draw" / "grey" / CLIPS[2]
    assert sorted(os.listdir(written)) == [f"{index:07d}.png" for index in (0, 2, 4, 6)]
    expected = np.asarray(frame_of(2, 4)).mean(axis=2).astype(np.uint8)
    assert np.array_equal(np.asarray(Image.open(written / "0000004.png")), expected)
    section = Provenance(tmp_path / "out").section(CLIPS[2], "draw/grey")
    assert section is not None
    assert section["settings"] == {"gain": 1, "stride": 2}
    assert section["input"]["frames"] == 4
    assert section["mean"] > 0
    assert Provenance(tmp_path / "out").rows() == [LedgerRow(clip_id, "draw/grey", "done") for clip_id in CLIPS]


@pytest.mark.parametrize("workers", [1, 2])
def test_each_step_of_a_clip_is_told_as_it_begins(source: Path, tmp_path: Path, workers: int) -> None:
    told: dict[str, list[str]] = {}
    doing: Callable[[str, str], None] = lambda unit, step: told.setdefault(unit, []).append(step)  # noqa: E731
    run_local(work(source, tmp_path / "out"), workers=workers, doing=doing)
    assert told == {clip_id: ["read", "draw/grey", "write"] for clip_id in CLIPS}


def test_second_run_skips_and_loads_no_model(source: Path, tmp_path: Path) -> None:
    run_local(work(source, tmp_path / "out"))
    before = contents(tmp_path / "out")
    stage = Grey()
    summary = run_local(work(source, tmp_path / "out", stage))
    assert (summary.done, summary.skipped, stage.seen) == (0, 4, [])
    assert contents(tmp_path / "out") == before


@pytest.mark.parametrize("where", ["in", "out"])
def test_removed_clips_are_not_made(source: Path, tmp_path: Path, where: str) -> None:
    add_removals(tmp_path / where, Removals(person_id=frozenset({CLIPS[1].split("#")[0]})))
    summary = run_local(work(source, tmp_path / "out"))
    assert summary.done == 3
    assert sorted(os.listdir(tmp_path / "out" / "draw" / "grey")) == [clip for clip in CLIPS if clip != CLIPS[1]]


@pytest.mark.parametrize("layout", ["folder", "packed"])
def test_any_number_of_workers_gives_the_same_bytes(source: Path, tmp_path: Path, layout: str) -> None:
    run_local(work(source, tmp_path / "one", layout=layout), lanes=1)
    run_local(work(source, tmp_path / "lanes", layout=layout), CLIPS[::-1], lanes=4)
    summary = run_local(work(source, tmp_path / "processes", layout=layout), workers=2, lanes=2)
    assert (summary.done, summary.workers, summary.units) == (4, 2, 4)
    assert contents(tmp_path / "one") == contents(tmp_path / "lanes") == contents(tmp_path / "processes")


def test_in_place_and_limit(source: Path) -> None:
    assert run_local(work(source, source), limit=1).done == 1
    summary = run_local(work(source, source), limit=2)
    assert (summary.done, summary.skipped) == (2, 1)
    assert sorted(open_store(source).clips(Folder("drawing", "grey"))) == CLIPS[:3]


def test_other_settings_are_refused_before_anything_is_done(source: Path, tmp_path: Path) -> None:
    run_local(work(source, tmp_path / "out"), CLIPS[:2])
    before = contents(tmp_path / "out")
    with pytest.raises(
        IncompatibleOutputError, match=r"draw/grey: gain was 1 and is 2 \(id10000.* and 1 more\)\. .*--overwrite"
    ):
        run_local(work(source, tmp_path / "out", Grey(gain=2)))
    assert contents(tmp_path / "out") == before
    summary = run_local(work(source, tmp_path / "out", Grey(gain=2), overwrite=True))
    assert summary.done == 4
    assert run_local(work(source, tmp_path / "out", Grey(gain=2))).skipped == 4


def test_changed_input_fails_that_clip_until_overwritten(source: Path, tmp_path: Path) -> None:
    run_local(work(source, tmp_path / "out"))
    Image.new("RGB", (20, 12), (200, 200, 200)).save(source / "video" / CLIPS[1] / "0000002.png")
    summary = run_local(work(source, tmp_path / "out"))
    assert list(summary.failed) == [CLIPS[1]]
    assert "its frames have changed; replace it" in summary.failed[CLIPS[1]]
    summary = run_local(work(source, tmp_path / "out", overwrite=True))
    assert (summary.done, summary.skipped) == (1, 3)


def test_files_of_unknown_origin_are_not_replaced(source: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "out" / "draw" / "grey" / CLIPS[0] / "0000000.png"
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(b"precious")
    with pytest.raises(IncompatibleOutputError, match="unknown origin"):
        run_local(work(source, tmp_path / "out"))
    assert foreign.read_bytes() == b"precious"


def test_deleted_results_are_made_again(source: Path, tmp_path: Path) -> None:
    import shutil

    run_local(work(source, tmp_path / "out"))
    before = contents(tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "draw" / "grey" / CLIPS[3])
    assert run_local(work(source, tmp_path / "out")).done == 1
    assert contents(tmp_path / "out") == before


def test_corrupt_frame_fails_its_clip_by_name_and_is_retried(source: Path, tmp_path: Path) -> None:
    frame = source / "video" / CLIPS[1] / "0000002.png"
    whole = frame.read_bytes()
    frame.write_bytes(whole[: len(whole) // 2])
    summary = run_local(work(source, tmp_path / "out"))
    assert (summary.done, list(summary.failed)) == (3, [CLIPS[1]])
    assert "0000002.png: cut short" in summary.failed[CLIPS[1]]
    with pytest.raises(ProcessingError, match=r"1 of 4 clips failed: id10001.*0000002\.png.*ledger\.jsonl"):
        summary.raise_if_failed()
    assert not (tmp_path / "out" / "draw" / "grey" / CLIPS[1]).exists()
    assert [row.status for row in Provenance(tmp_path / "out").rows()] == ["done", "failed", "done", "done"]
    frame.write_bytes(whole)
    summary = run_local(work(source, tmp_path / "out"))
    assert (summary.done, summary.skipped, summary.failed) == (1, 3, {})
    assert [row.status for row in Provenance(tmp_path / "out").rows()] == ["done"] * 4


def test_corrupt_frame_that_is_not_selected_does_no_harm(source: Path, tmp_path: Path) -> None:
    (source / "video" / CLIPS[1] / "0000001.png").write_bytes(b"")
    assert run_local(work(source, tmp_path / "out")).done == 4


def test_stage_that_refuses_a_clip_leaves_the_others(source: Path, tmp_path: Path) -> None:
    summary = run_local(work(source, tmp_path / "out", Grey(refuse=CLIPS[2]), Label()))
    assert summary.failed == {CLIPS[2]: f"clip {CLIPS[2]}: refused"}
    assert (tmp_path / "out" / "label" / f"{CLIPS[2]}.txt").is_file()
    assert summary.done == 3


def test_frames_are_decoded_once_for_all_stages(source: Path, tmp_path: Path) -> None:
    summary = run_local(work(source, tmp_path / "out", Grey(), Label(), Text()), CLIPS[:1])
    assert summary.frames == 3
    assert (tmp_path / "out" / "txt" / f"{CLIPS[0]}.txt").read_text() == "sum 0"


def test_text_follows_its_label(source: Path, tmp_path: Path) -> None:
    run_local(work(source, tmp_path / "out", Label(), Text()))
    assert run_local(work(source, tmp_path / "out", Text())).skipped == 4
    (tmp_path / "out" / "label" / f"{CLIPS[0]}.txt").write_text(",".join(["1"] * 40))
    summary = run_local(work(source, tmp_path / "out", Text(), overwrite=True))
    assert (summary.done, summary.skipped) == (1, 3)
    assert (tmp_path / "out" / "txt" / f"{CLIPS[0]}.txt").read_text() == "sum 40"
    (tmp_path / "out" / "label" / f"{CLIPS[1]}.txt").write_text("1,0,1")
    summary = run_local(work(source, tmp_path / "out", Text(), overwrite=True))
    assert "has 3 values instead of 40" in summary.failed[CLIPS[1]]


def test_missing_label_is_said(source: Path, tmp_path: Path) -> None:
    summary = run_local(work(source, tmp_path / "out", Text()))
    assert len(summary.failed) == 4
    assert "has no label" in summary.failed[CLIPS[0]]


def test_store_without_frames(tmp_path: Path) -> None:
    (tmp_path / "in" / "label").mkdir(parents=True)
    (tmp_path / "in" / "label" / f"{CLIPS[0]}.txt").write_text("0")
    with pytest.raises(MissingModalityError, match=r"holds no video.*regenerate crop"):
        run_local(work(tmp_path / "in", tmp_path / "out"))


def test_uneven_frames_and_doubled_indices_are_named(source: Path, tmp_path: Path) -> None:
    Image.new("RGB", (10, 12)).save(source / "video" / CLIPS[0] / "0000002.png")
    frame_of(0, 0).save(source / "video" / CLIPS[1] / "0.png")
    failed = run_local(work(source, tmp_path / "out")).failed
    assert "0000002.png: is 10 x 12 px where the clip began with 20 x 12" in failed[CLIPS[0]]
    assert "two files for frame 0" in failed[CLIPS[1]]


def test_results_are_named_as_the_frames(source: Path, tmp_path: Path) -> None:
    folder = source / "video" / CLIPS[0]
    for path in sorted(folder.iterdir()):
        path.rename(folder / f"{int(path.stem)}.png")
    run_local(work(source, tmp_path / "out"), CLIPS[:1])
    assert sorted(os.listdir(tmp_path / "out" / "draw" / "grey" / CLIPS[0])) == ["0.png", "2.png", "4.png"]


def say(text: str) -> None:
    """Write a line in one go, whichever thread it comes from."""
    os.write(1, f"{text}\n".encode())


PROGRAM = """
    import sys, time
    sys.path.insert(0, {tests!r})
    from pathlib import Path
    import test_local_engine as t
    class Slow(t.Grey):
        def process(self, clip, frames):
            t.say(clip.clip_id)
            return super().process(clip, frames)
    {setup}
    def report(outcome):
        t.say("reported " + outcome.clip_id)
    t.run_local(t.work(Path({source!r}), Path({target!r}), Slow()), report=report, lanes={lanes})
"""


def start(source: Path, target: Path, *, setup: str = "", lanes: int = 2) -> "subprocess.Popen[str]":
    program = textwrap.dedent(PROGRAM).format(
        tests=str(Path(__file__).parent),
        source=str(source),
        target=str(target),
        setup=setup,
        lanes=lanes,
    )
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_stops_at_once_and_the_next_run_goes_on(source: Path, tmp_path: Path, number: int) -> None:
    setup = """
real = t.Grey.process
t.Grey.process = lambda self, clip, frames: real(self, clip, frames) if clip.clip_id == t.CLIPS[0] else time.sleep(60)
"""
    process = start(source, tmp_path / "out", setup=setup, lanes=1)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == CLIPS[0]
    seen = []
    while (line := process.stdout.readline().strip()) != CLIPS[1]:
        seen.append(line)
    asked = time.monotonic()
    process.send_signal(number)
    output, errors = process.communicate(timeout=20)
    assert time.monotonic() - asked < 10
    assert "KeyboardInterrupt" in errors
    assert f"reported {CLIPS[0]}" in [*seen, *output.splitlines()]  # what was being written is finished and counted
    summary = run_local(work(source, tmp_path / "out"))
    assert (summary.done, summary.skipped) == (3, 1)


def test_killed_run_leaves_nothing_half_and_is_completed(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    setup = """
real = t.Provenance.finish
def finish(self, clip_id, sections):
    if clip_id == t.CLIPS[2]:
        (self.tree.root / "draw" / "grey" / t._leftover()).mkdir()
        t.say("now")
        time.sleep(60)
    real(self, clip_id, sections)
t.Provenance.finish = finish
from mmvoxceleb.files.partial import partial_prefix
t._leftover = lambda: partial_prefix() + "x"
"""
    process = start(source, out, setup=setup)
    assert process.stdout is not None
    while process.stdout.readline() not in ("now\n", ""):
        pass
    process.kill()
    process.communicate()
    content = json.loads((out / "meta" / f"{CLIPS[2]}.json").read_text())
    assert content == {"pending": ["draw/grey"]}
    assert list((out / "draw" / "grey").glob(".partial-*"))
    summary = run_local(work(source, out))
    assert CLIPS[2] not in summary.failed
    assert summary.done >= 1
    assert not list(out.rglob(".partial-*"))
    run_local(work(source, tmp_path / "fresh"))
    assert contents(out) == contents(tmp_path / "fresh")


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_full_disk_is_one_clear_error_and_nothing_half(source: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (400, 400, 3), dtype=np.uint8)
    for path in (source / "video" / CLIPS[1]).iterdir():
        Image.fromarray(noise).save(path)
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))"
    process = start(source, tmp_path / "out", setup=limit)
    _, errors = process.communicate(timeout=30)
    last = errors.strip().splitlines()[-1]
    assert last.startswith("mmvoxceleb.errors.ProcessingError")
    assert "cannot be written" in last
    assert CLIPS[1] in last
    assert not list((tmp_path / "out" / "draw").rglob(".partial-*"))
    assert not (tmp_path / "out" / "draw" / "grey" / CLIPS[1]).exists()
    run_local(work(source, tmp_path / "out"))
    run_local(work(source, tmp_path / "fresh"))
    assert contents(tmp_path / "out") == contents(tmp_path / "fresh")


def test_target_that_is_a_file_is_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(ConfigError, match="out is a file"):
        run_local(work(source, tmp_path / "out"))


def test_broken_provenance_fails_its_clip_alone(source: Path, tmp_path: Path) -> None:
    run_local(work(source, tmp_path / "out"), CLIPS[:1])
    (tmp_path / "out" / "meta" / f"{CLIPS[0]}.json").write_text("{broken")
    summary = run_local(work(source, tmp_path / "out"))
    assert summary.done == 3
    assert "is not JSON" in summary.failed[CLIPS[0]]


def test_summary_adds_up() -> None:
    summary = Summary("out")
    summary.add(ClipOutcome("a", done=("mask",), frames=10, seconds={"read": 1.0, "mask": 2.0}, device_seconds=2.0))
    summary.add(ClipOutcome("b", failed={"mask": "why", "draw": "why"}, seconds={"read": 1.0}))
    summary.add(ClipOutcome("c", skipped=("mask",)))
    summary.add(ClipOutcome("d", rejected="too small: the face covers 20 px"))
    assert (summary.done, summary.skipped, summary.failed, summary.clips) == (1, 1, {"b": "why"}, 3)
    assert (dict(summary.rejected), summary.shares()) == ({"too small": 1}, {"read": 0.5, "mask": 0.5})
    summary.seconds = 4.0
    assert (summary.as_dict()["device_busy_share"], summary.as_dict()["frames_per_second"]) == (0.5, 2.5)


def test_a_ledger_line_cut_by_a_kill_is_passed_over(tmp_path: Path) -> None:
    provenance = Provenance(tmp_path)
    provenance.record([LedgerRow("b", "mask", "failed", "why"), LedgerRow("a", "mask", "done")])
    with (tmp_path / "meta" / "ledger.jsonl").open("a") as file:
        file.write('{"clip_id": "c", "sta')
    assert provenance.rows() == [LedgerRow("a", "mask", "done"), LedgerRow("b", "mask", "failed", "why")]
    provenance.compact()
    assert len((tmp_path / "meta" / "ledger.jsonl").read_text().splitlines()) == 2


def test_decode_takes_every_kind_of_frame(tmp_path: Path) -> None:
    rgb = np.asarray(frame_of(1, 3))
    grey16 = rgb[..., 0].astype(np.uint16) << 8 | 7
    kinds = {
        "rgb.png": (Image.fromarray(rgb), rgb),
        "rgb.bmp": (Image.fromarray(rgb), rgb),
        "rgba.png": (Image.fromarray(np.dstack([rgb, rgb[..., :1]])), rgb),
        "grey.png": (Image.fromarray(rgb[..., 0]), np.repeat(rgb[..., :1], 3, 2)),
        "grey16.png": (Image.fromarray(grey16), np.repeat(rgb[..., :1], 3, 2)),
        "palette.png": (Image.fromarray(rgb).quantize(256), None),
        "bits.png": (Image.fromarray(rgb[..., 0] > 90), np.repeat(255 * (rgb[..., :1] > 90).astype(np.uint8), 3, 2)),
        "grey-alpha.png": (Image.merge("LA", [Image.fromarray(rgb[..., 0])] * 2), np.repeat(rgb[..., :1], 3, 2)),
    }
    for name, (image, expected) in kinds.items():
        image.save(tmp_path / name)
        picture = decode_rgb((tmp_path / name).read_bytes(), where=name)
        assert picture.dtype == np.uint8
        assert np.array_equal(picture, np.asarray(image.convert("RGB")) if expected is None else expected), name


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_cut_pictures_are_refused(tmp_path: Path, share: float, suffix: str) -> None:
    path = tmp_path / f"frame.{suffix}"
    frame_of(0, 0).resize((200, 120)).save(path)
    data = path.read_bytes()[: int(path.stat().st_size * share)]
    with pytest.raises(CorruptSourceError, match=r"clip x, frame y: .*(cut short|empty)"):
        decode_rgb(data, where="clip x, frame y")


def test_picture_bomb_is_refused(tmp_path: Path) -> None:
    Image.new("1", (9000, 1)).save(tmp_path / "wide.png")
    with pytest.raises(UnsafeArchiveError, match="9000 x 1 px; refused, the limit is 8192"):
        decode_rgb((tmp_path / "wide.png").read_bytes(), where="wide.png")


def test_two_runs_at_once_are_told_of_each_other(
    source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Summary] = []
    note = "another run writes here at the same time; what both are to make is made twice, and stays whole"

    def run_beside(outcome: ClipOutcome) -> None:
        if not told:
            told.append(run_local(work(source, tmp_path / "out")))

    first = run_local(work(source, tmp_path / "out"), report=run_beside)
    assert (first.notes, told[0].notes) == ((), (note,))
    assert note in caplog.text
    assert run_local(work(source, tmp_path / "out", Grey(gain=2), overwrite=True)).notes == ()
    assert not (tmp_path / "out" / "meta" / ".run.lock").exists()


def test_ctrl_c_while_a_worker_is_started_comes_afterwards() -> None:
    steps: list[str] = []

    def start() -> None:
        with _without_interrupts():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)
            steps.append("started")
        steps.append("never reached")

    with pytest.raises(KeyboardInterrupt):
        start()
    assert steps == ["started"]

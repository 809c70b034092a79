import csv
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmvoxceleb.processing.crop.metadata import read_metadata

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "builder_scripts" / "rebuild_voxceleb1.py"
SHARED = Path(os.environ.get("MMVOXCELEB_SHARED", ROOT.parent / "shared"))
METADATA = SHARED / "data" / "vox-metadata.csv"
Call = Callable[..., tuple[int, str, str]]
Planner = Callable[..., tuple[dict[str, Any], str]]

# video, start, end, box, person: two videos of one person, one of another; the third row twice, and in both splits
ROWS = [
    ("aaaaaaaaaaa", 100, 201, "100-100-400-400", "id10001", "train"),
    ("aaaaaaaaaaa", 1000, 1064, "-5-100-400-400", "id10001", "train"),
    ("-bbbbbbbbbb", 0, 250, "100-100-400-400", "id10001", "train"),
    ("-bbbbbbbbbb", 0, 250, "100-100-400-400", "id10001", "train"),
    ("-bbbbbbbbbb", 0, 250, "100-100-400-400", "id10001", "test"),
    ("ccccccccccc", 50, 120, "100-100-400-400", "id10270", "test"),
]


def write_metadata(path: Path, dialect: str) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        names = ["video_id", "start", "end", "bbox", "fps", "width", "height", "partition"]
        writer.writerow([*names, "person_id"] if dialect == "with person_id" else names)
        for video, start, end, box, person, split in ROWS:
            rest = [start, end, box, 25, 1280, 720, split]
            writer.writerow([video, *rest, person] if dialect == "with person_id" else [f"{video}#{person}", *rest])
    return path


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run the script in this process; give its exit status and what it printed."""
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")

    def call(*options: object) -> tuple[int, str, str]:
        from rebuild_voxceleb1 import main

        capsys.readouterr()
        try:
            status = main([str(option) for option in options])
        except SystemExit as end:  # argparse's
            status = int(str(end.code))
        return status, *capsys.readouterr()

    return call


@pytest.fixture
def plan(call: Call, tmp_path: Path) -> Planner:
    """Make a plan; give its figures and its text."""

    def plan(*options: object) -> tuple[dict[str, Any], str]:
        status, text, errors = call("--plan", "--json", tmp_path / "plan.json", *options)
        assert status == 0, errors
        return json.loads((tmp_path / "plan.json").read_text()), text

    return plan


@pytest.mark.parametrize("dialect", ["with person_id", "with video#person"])
def test_the_plan_counts_what_a_hand_counts(plan: Planner, tmp_path: Path, dialect: str) -> None:
    figures, text = plan("--metadata", write_metadata(tmp_path / "rows.csv", dialect))
    assert figures["wanted"] == {
        "videos": 3,
        "persons": 2,
        "clips": 4,
        "frames": 101 + 64 + 250 + 70,
        "masks": 26 + 16 + 63 + 18,
        "frames_looked_at": 4 * 16,
        "source_seconds": (1064 + 250 + 120) / 25,
    }
    assert figures["at_hand"]["videos"] == 0
    assert figures["disk_bytes"]["video"] == 485 * 75_000
    assert figures["disk_bytes"]["mask"] == 123 * 7_900
    assert figures["download_bytes"] == pytest.approx(57.36 * 2.5e6 / 8)
    assert figures["gpu_hours"]["mask"] == pytest.approx(123 / 2000 / 3600)
    assert figures["gpu_hours"]["draw"] == pytest.approx(123 / 500 / 3600)
    assert figures["gpu_hours"]["crop"] is None
    assert "6 rows, 2 of them repeats, 1 boxes beyond" in " ".join(text.split())
    assert re.search(r"mask \(masks\) .* 2,000 \(goal\)", text)
    assert "goal, not measured" in text
    assert "assumed, not measured" in text
    command = f"mmvoxceleb regenerate all RAW OUT --metadata {tmp_path / 'rows.csv'} --download"
    assert f"{command} --stages crop,mask,draw,label,text --engine local\n" in text


def test_videos_at_hand_are_counted_and_not_downloaded(plan: Planner, tmp_path: Path) -> None:
    rows = write_metadata(tmp_path / "rows.csv", "with person_id")
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "-bbbbbbbbbb.webm").touch()
    (raw / "A talk [ccccccccccc].mkv").touch()
    (raw / "unknown.mp4").touch()
    figures, text = plan("--metadata", rows, "--raw", raw, "--mbit", 8)
    assert figures["at_hand"]["videos"] == figures["at_hand"]["persons"] == 2
    assert figures["at_hand"]["frames"] == 320
    assert figures["download_bytes"] == 1064 / 25 * 1e6
    assert "--mbit" in text


def test_own_rates_replace_goals_and_stages_can_be_chosen(plan: Planner, tmp_path: Path) -> None:
    rows = write_metadata(tmp_path / "rows.csv", "with person_id")
    rates = tmp_path / "ours.json"
    rates.write_text(json.dumps({"mask": {"gpu": 41}, "crop": {"cpu": 97}}))
    options = ["--stages", "crop,mask", "--no-download", "--workers", "3", "--engine", "ray"]
    figures, text = plan("--metadata", rows, "--rates", rates, *options, "--", "--layout", "packed")
    assert figures["gpu_hours"] == {"crop": None, "mask": pytest.approx(3 / 3600)}
    assert figures["cpu_hours"]["crop"] == pytest.approx(5 / 3600)
    assert set(figures["disk_bytes"]) == {"video", "mask", "meta"}
    assert "(goal)" not in text
    assert "not measured" not in text.partition("mask CPU")[2].partition("video")[0]
    assert "GPU: ours.json" in text
    assert " --stages crop,mask --engine ray --workers 3 --layout packed\n" in text
    assert "--download" not in text


def test_clips_of_a_list_keep_their_rows(plan: Planner, tmp_path: Path) -> None:
    rows = write_metadata(tmp_path / "rows.csv", "with person_id")
    clips = tmp_path / "clips.txt"
    clips.write_text(
        "id10001#aaaaaaaaaaa#000100-000201.txt#000.mp4\n\n"  # its frames are a row's
        "id10001#aaaaaaaaaaa#000100-000200.txt#000.mp4\n"  # other frames
        "id10270#ccccccccccc#00004.txt#001.mp4\n"  # VoxCeleb's number: known by the video
        "id10270#aaaaaaaaaaa#00001.txt#000.mp4\n"  # another person's video
    )
    figures, text = plan("--metadata", rows, "--clips", clips)
    assert figures["clips"] == {"listed": 4, "exact": 1, "by_video": 1, "unknown": 2}
    assert figures["wanted"]["clips"] == 2
    assert figures["wanted"]["frames"] == 101 + 70
    assert "--metadata OUT-metadata.csv" in text
    assert "the file names no utterances" in " ".join(text.split())


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_clips_of_an_old_copy_keep_their_rows(plan: Planner, tmp_path: Path, kind: str) -> None:
    rows = write_metadata(tmp_path / "rows.csv", "with person_id")
    names = ["id10001#-bbbbbbbbbb#00002.txt#000.mp4", "id10001#-bbbbbbbbbb#00009.txt#003.mp4"]
    copy = tmp_path / "copy"
    (copy / "label").mkdir(parents=True)
    for name in names:
        (copy / "label" / f"{name}.txt").write_text(",".join(["0"] * 40))
    if kind == "zip":
        with zipfile.ZipFile(tmp_path / "label.zip", "w") as archive:
            for path in (copy / "label").iterdir():
                archive.write(path, f"label/{path.name}")
        copy = tmp_path / "label.zip"
    figures, _ = plan("--metadata", rows, "--clips", copy)
    assert figures["clips"] == {"listed": 2, "exact": 0, "by_video": 2, "unknown": 0}
    assert figures["wanted"]["clips"] == 1


@pytest.mark.parametrize(
    ("options", "files", "message"),
    [
        (["--plan", "--metadata", "none.csv"], {}, "none.csv: the metadata cannot be read"),
        (["--plan", "--metadata", "rows.csv", "--clips", "none"], {}, "none: there is no such list"),
        (
            ["--plan", "--metadata", "rows.csv", "--clips", "c"],
            {"c": "id1#v#1.txt#0.mp4\nx\n"},
            "c, line 2: 'x' is not",
        ),
        (["--plan", "--metadata", "rows.csv", "--clips", "c"], {"c": "id1#v#1.txt#0.mp4"}, "none of the 1 clips"),
        (["--plan", "--metadata", "rows.csv", "--rates", "r"], {"r": '{"masks": {"gpu": 1}}'}, "known are crop, mask"),
        (
            ["--plan", "--metadata", "rows.csv", "--rates", "r"],
            {"r": '{"mask": {"gpu": 0}}'},
            "must be a number above 0",
        ),
        (["--plan", "--metadata", "rows.csv", "--rates", "r"], {"r": "{"}, "this is no JSON"),
        (["--plan", "--metadata", "rows.csv", "--stages", "crop,depth"], {}, "unknown stage depth"),
        (["--metadata", "rows.csv", "--raw", "raw"], {}, "needs --raw and --out"),
    ],
)
def test_bad_input_is_one_clear_error(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], files: dict[str, str], message: str
) -> None:
    write_metadata(tmp_path / "rows.csv", "with person_id")
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    status, _, errors = call(*options)
    assert status in (1, 2)
    assert message in " ".join(errors.split())


def test_a_run_writes_the_kept_rows_and_becomes_the_command(tmp_path: Path) -> None:
    rows = write_metadata(tmp_path / "rows.csv", "with video#person")
    clips = tmp_path / "clips.txt"
    clips.write_text("id10001#aaaaaaaaaaa#001000-001064.txt#000.mp4\nid10270#ccccccccccc#00004.txt#001.mp4\n")
    # a help request is the shortest command that the program answers without doing any work
    out = tmp_path / "set" / "out"
    options = ["--metadata", rows, "--clips", clips, "--raw", tmp_path, "--out", out, "--", "--help"]
    command = [sys.executable, str(SCRIPT), *map(str, options)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    kept = out.parent / "out-metadata.csv"
    assert f"$ mmvoxceleb regenerate all {tmp_path} {out} --metadata {kept} --download" in result.stderr
    original = {(row.video_id, row.start): row for row in read_metadata(rows).rows}
    assert read_metadata(kept).rows == (original["aaaaaaaaaaa", 1000], original["ccccccccccc", 50])
    assert original["aaaaaaaaaaa", 1000].box_xyxy_px == (-5, 100, 400, 400)
    assert "Usage: mmvoxceleb regenerate" in result.stdout + result.stderr
    assert not list(out.parent.glob(".*"))


@pytest.mark.skipif(not METADATA.is_file(), reason="the published vox-metadata.csv is not here")
def test_the_totals_of_the_published_file(plan: Planner, tmp_path: Path) -> None:
    from pyarrow import compute
    from pyarrow import csv as arrow_csv

    table = arrow_csv.read_csv(METADATA)
    rows = set(zip(*(table[name].to_pylist() for name in table.column_names if name != "partition"), strict=True))
    assert table.num_rows == 20_075
    assert len(rows) == 19_764
    names = [name for name in table.column_names if name != "partition"]
    start, end, video = (names.index(name) for name in ("start", "end", "video_id"))
    last = table.group_by("video_id").aggregate([("end", "max")])
    figures, text = plan("--metadata", METADATA)
    assert figures["wanted"] == {
        "videos": compute.count_distinct(table["video_id"]).as_py(),
        "persons": compute.count_distinct(table["person_id"]).as_py(),
        "clips": len(rows),
        "frames": sum(row[end] - row[start] for row in rows),
        "masks": sum(len(range(row[start], row[end], 4)) for row in rows),
        "frames_looked_at": 16 * len(rows),
        "source_seconds": pytest.approx(compute.sum(last["end_max"]).as_py() / 25),
    }
    assert figures["wanted"]["videos"] == len({row[video] for row in rows}) == 3_442
    assert "19,764" in text

"""``mmvoxceleb select``: its table, its files, its exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mmvoxceleb.cli.main import app
from mmvoxceleb.cliplists import read_clip_list
from mmvoxceleb.errors import ConfigError, IncompatibleOutputError
from tests.support.corpus import Corpus


def select(*arguments: object) -> str:
    done = CliRunner().invoke(app, ["select", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_write_a_list_and_take_it(corpus: Corpus, tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    said = select(corpus.root, "--where", "num_frames > 13", "-o", path)
    listed = read_clip_list(path)
    assert listed.clips == tuple(sorted(corpus.clips[2:]))
    assert f"clips   3\nsha256  {listed.sha256}\n" in said
    report = CliRunner().invoke(app, ["validate", str(corpus.root), "--clips", str(path), "--json"]).stdout
    assert sum(json.loads(report)["clips"].values()) == 3

    before = path.read_bytes()
    select(corpus.root, "--where", "num_frames>13", "-o", path)  # the same choice: the file stays as it is
    assert path.read_bytes() == before
    with pytest.raises(IncompatibleOutputError, match=r"list.json: is there already, and another one"):
        select(corpus.root, "--where", "num_frames > 14", "-o", path)
    select(corpus.root, "--where", "num_frames > 14", "-o", path, "--overwrite")
    assert len(read_clip_list(path)) == 2

    plain = tmp_path / "names.txt"
    select(corpus.root, "--clips", path, "-o", plain)
    assert plain.read_text().splitlines() == sorted(corpus.clips[3:])


def test_a_dry_run_shows_a_table_with_bars_and_writes_nothing(corpus: Corpus, tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    said = select(corpus.root, "--where", "num_frames > 13 and not has_audio", "-o", path, "--dry-run")
    assert not path.exists()
    rows = {line.rsplit(maxsplit=4)[0].strip(): line.split()[-4:] for line in said.splitlines() if "█" in line}
    assert rows["num_frames > 13"][:3] == ["3", "0", "3"]
    assert rows["num_frames > 13"][3].count("█") == 14  # of 24
    assert "3 clips of 2 persons left, 60.0% of 5" in said
    told = json.loads(select(corpus.root, "--where", "num_frames > 13", "--dry-run", "--json"))
    assert told["candidates"] == 5
    assert told["conditions"] == [{"condition": "num_frames > 13", "passed": 3, "unknown": 0, "left": 3}]


def test_what_is_missing_is_said(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"say where the clip list goes: -o list.json"):
        select(corpus.root, "--where", "num_frames > 13")
    with pytest.raises(ConfigError, match=r"must end in .json"):
        select(corpus.root, "-o", tmp_path / "list.csv")


def test_nothing_left_exits_with_1_and_no_file(corpus: Corpus, tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    program = [sys.executable, "-c", "from mmvoxceleb.cli.main import main; main()"]
    done = subprocess.run(
        [*program, "select", str(corpus.root), "--where", "num_frames > 99", "-o", str(path)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "error: " in done.stderr
    assert "no clip is left, so no list is written: num_frames > 99 leaves none" in done.stderr
    assert not path.exists()

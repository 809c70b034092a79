"""The same on every command: names and groups of options, ``--json``, the next command, exit codes, completion."""

import io
import json
import logging
import os
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from mmvoxceleb.cli.main import _Handler, app
from mmvoxceleb.cli.options import PANELS
from mmvoxceleb.cli.regenerate.bar import RunBar
from mmvoxceleb.cli.regenerate.running import _rows
from mmvoxceleb.errors import ConfigError, IncompatibleOutputError, MissingModalityError, SourceUnavailableError
from mmvoxceleb.processing.engines.outcomes import Summary
from mmvoxceleb.sample import sample_path
from tests.support.corpus import make_corpus, zip_corpus
from tests.support.trees import contents

PROGRAM = [sys.executable, "-c", "from mmvoxceleb.cli.main import main; main()"]

OWN_GROUP = {
    "--device": "of crop it is about the detector: Faces",
    "--detector": "regenerate label has one detector and no group of them",
    "--detector-weights": "likewise",
    "--drawer": "regenerate all groups the models of its stages",
    "--parser": "likewise",
    "--styles": "likewise, and push those of the export",
    "--figures": "likewise",
    "--text-style": "likewise",
    "--weights": "crop groups what is about the detector",
    "--list": "of remove names people, of a crop videos",
    "--repo": "of export it stands on the card",
    "--size": "of a crop, and of pictures for a trainer",
    "--codec": "push groups those of the export",
    "--crf": "likewise",
    "--format": "likewise",
    "--index": "likewise",
    "--drop-sensitive": "likewise",
}
"""Options that stand in several groups, and why."""


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name in list(group.commands):
        if hasattr(group, "load"):
            group.load(name)
        command = group.commands[name]
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(commands(typer.main.get_command(app)))


def call(*arguments: object) -> Any:
    return CliRunner().invoke(app, list(map(str, arguments)))


def told(*arguments: object) -> Any:
    done = call(*arguments, "--json")
    assert done.exit_code == 0, (done.output, done.exception)
    return json.loads(done.stdout)


def test_an_option_stands_in_one_group_and_groups_in_one_order() -> None:
    groups: dict[str, set[str | None]] = {}
    for path, command in COMMANDS.items():
        options = [each for each in command.params if each.param_type_name == "option"]
        order = [PANELS.index(option.rich_help_panel) for option in options if option.name != "help"]
        assert order == sorted(order), path
        for option in options:
            groups.setdefault(option.opts[0], set()).add(option.rich_help_panel)
    assert {name for name, found in groups.items() if len(found) > 1} <= set(OWN_GROUP)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_prints_json_if_asked(path: tuple[str, ...]) -> None:
    (option,) = [each for each in COMMANDS[path].params if each.opts == ["--json"]]
    assert option.help == "Print JSON instead of text."


def test_json_of_commands_and_a_next_command_that_exists(tmp_path: Path) -> None:
    store, listed, labels = tmp_path / "store", tmp_path / "list.json", tmp_path / "labels.csv"
    results = [
        told("copy", "sample", store),
        told("merge", "sample", store, tmp_path / "both"),
        told("split", store, tmp_path / "parts"),
        told("validate", store),
        told("validate", store, "--deep"),
        told("select", store, "--where", "num_frames > 12", "-o", listed),
        told("diff", store, "sample"),
        told("label", "export", store, labels),
        told("label", "import", labels, store),
        told("regenerate", "text", store, "--overwrite"),
        told("regenerate", "text", store, "--dry-run"),
        told("convert", store, tmp_path / "mp4", "--limit", 1, "--clips", listed),
        told("export", store, tmp_path / "export", "--no-charts", "--modality", "label"),
        told("export", store, tmp_path / "plan", "--dry-run"),
        told("push", tmp_path / "export", "user/name", "--dry-run"),
        told("preview", store, "-o", tmp_path / "sheet.png", "--clips", 1, "--columns", 1),
        told("remove", store, "--person", "id00000", "--dry-run"),
        told("remove", store, "--person", "id00000"),
        told("info"),
    ]
    assert isinstance(told("weights"), list)
    nexts = [shlex.split(found["next"]) for found in results if "next" in found]
    assert len(nexts) > 10
    for program, *arguments in nexts:
        assert program == "mmvoxceleb"
        assert any(tuple(arguments[: len(path)]) == path for path in COMMANDS), arguments
    assert results[0]["stores"][0]["clips"] == 4
    assert results[12]["clips"] == 4
    assert len(results[-2]["places"][str(store)]["clips"]) == 2


def test_text_ends_with_the_next_command(tmp_path: Path) -> None:
    said = call("copy", "sample", tmp_path / "store").stdout.splitlines()
    assert said[-1] == f"next   mmvoxceleb validate {tmp_path / 'store'}"


def test_what_a_dry_run_shows_is_removed_by_the_next_command(tmp_path: Path) -> None:
    store = tmp_path / "my store"
    call("copy", "sample", store)
    given = ["--person", "id00000", "--video", "some video", "--rewrite-zips"]
    last = call("remove", store, *given, "--dry-run").stdout.splitlines()[-1]
    program, *arguments = shlex.split(last.removeprefix("next").strip())
    assert (program, arguments) == ("mmvoxceleb", ["remove", str(store), *given])
    assert len(list((store / "video").iterdir())) == 4
    call(*arguments)
    assert len(list((store / "video").iterdir())) == 2


def test_zips_that_still_hold_the_clips_are_not_called_done(tmp_path: Path) -> None:
    zips = zip_corpus(make_corpus(tmp_path / "store", frames=3), tmp_path / "zips")
    said = call("remove", zips, "--person", "id10001").stdout.splitlines()
    assert said[0] == f"{zips}: on the removal list now; leaves out 2 clips"
    assert said[-2] == f"{zips}  2 clips left out from now on; 5 zips still hold them"
    program, *arguments = shlex.split(said[-1].removeprefix("next").strip())
    assert (program, arguments) == ("mmvoxceleb", ["remove", str(zips), "--person", "id10001", "--rewrite-zips"])
    assert call(*arguments).stdout.splitlines()[-2] == f"{zips}  2 clips removed"
    assert not any(b"id10001" in path.read_bytes() for path in zips.glob("*.zip"))


def test_after_a_split_the_next_command_checks_all_parts(tmp_path: Path) -> None:
    said = call("split", "sample", tmp_path / "parts").stdout.splitlines()
    checks = [f"mmvoxceleb validate {tmp_path / 'parts' / name}" for name in ("train", "test")]
    assert said[-1] == f"next   {' && '.join(checks)}"


def test_a_store_without_clips_is_not_called_good(tmp_path: Path) -> None:
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "ledger.jsonl").touch()
    done = CliRunner().invoke(app, ["validate", str(tmp_path)])
    assert "there are no clips, so nothing was checked" in done.stdout
    assert "no problems" not in done.stdout
    assert done.exit_code == 1


def test_the_next_command_can_be_pasted_whatever_the_place_is_called(tmp_path: Path) -> None:
    place = tmp_path / "my store (2)"
    said = call("copy", "sample", place).stdout.splitlines()
    assert said[-1] == f"next   mmvoxceleb validate '{place}'"


def test_the_default_that_help_shows_is_that_of_the_command() -> None:
    assert "[default: (mp4)]" in " ".join(call("convert", "--help").stdout.split())


def test_an_export_is_not_taken_for_a_store(tmp_path: Path) -> None:
    call("export", "sample", tmp_path / "shards")
    for arguments in (["validate"], ["diff", "sample"], ["copy"], ["select", "--dry-run"], ["split"]):
        more = [str(tmp_path / "out")] if arguments[0] in ("copy", "split") else []
        with pytest.raises(MissingModalityError, match="is an export, in Parquet files or tars; name the store"):
            CliRunner().invoke(app, [*arguments, str(tmp_path / "shards"), *more], catch_exceptions=False)
    call("export", "sample", tmp_path / "folder", "--format", "folder")
    call("validate", tmp_path / "folder")
    with pytest.raises(IncompatibleOutputError) as raised:
        CliRunner().invoke(
            app, ["export", "sample", str(tmp_path / "shards"), "--format", "folder"], catch_exceptions=False
        )
    assert "format was parquet and is folder" in str(raised.value)
    assert "changed" not in str(raised.value)


def test_videos_get_no_removal_list(tmp_path: Path) -> None:
    (tmp_path / "ann.mp4").write_bytes(b"video")
    with pytest.raises(MissingModalityError, match="holds no Multimodal VoxCeleb data"):
        CliRunner().invoke(app, ["remove", str(tmp_path), "--person", "ann"], catch_exceptions=False)
    assert [path.name for path in tmp_path.iterdir()] == ["ann.mp4"]


def test_a_list_of_another_store_is_refused_by_the_viewer_and_a_folder_is_no_list(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("id10999#v#00001.txt#000.mp4\n")
    with pytest.raises(ConfigError, match=r"Name the store of this list$"):
        CliRunner().invoke(
            app, ["view", "sample", "--clips", str(tmp_path / "list.txt"), "--no-browser"], catch_exceptions=False
        )
    with pytest.raises(SourceUnavailableError, match="is a folder, where a file is expected"):
        CliRunner().invoke(app, ["validate", "sample", "--clips", str(tmp_path)], catch_exceptions=False)


def test_what_failed_is_in_the_json_too(own_corpus: Any, tmp_path: Path) -> None:
    broken = own_corpus.clips[0]
    for path in (own_corpus.root / "video" / broken).iterdir():
        path.write_bytes(b"no picture")
    done = subprocess.run(
        [*PROGRAM, "convert", str(own_corpus.root), str(tmp_path / "out"), "--json"], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert list(json.loads(done.stdout)["failed"]) == [broken]
    assert "error: 1 of 2 clips failed" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["validate", "sample"], 0),
        (["validate", "absent"], 2),
        (["validate", "broken"], 1),
        (["diff", "sample", "sample"], 0),
        (["diff", "sample", "broken"], 1),
        (["diff", "sample", "absent"], 2),
        (["export", "absent", "out"], 1),
        (["export"], 2),
        (["export", "sample", "out", "--no-such-option"], 2),
        (["export", "sample", "out", "--for", "latentsyn"], 2),
        (["select", "sample", "--dry-run", "--where", "sharpnes > 10"], 2),
        (["remove", "sample"], 2),
        (["push", "out", "nouser"], 2),
    ],
)
def test_exit_codes(arguments: list[str], code: int, tmp_path: Path) -> None:
    broken = tmp_path / "broken" / "label"
    broken.mkdir(parents=True)
    (broken / "id00000#sample-look#00001.txt#000.mp4.txt").write_text("1,2")
    done = subprocess.run([*PROGRAM, *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["select", "--whre", "x"], "no such option: --whre; do you mean --where? (see mmvoxceleb select --help)"),
        (["regenerate", "crop", "--out", "x"], "no such option: --out (see mmvoxceleb regenerate crop --help)"),
        (["select", "x", "--split", "no"], "invalid value for '--split': 'no' is not one of 'train', 'test' (see"),
        (["export", "x"], "missing argument 'OUT' (see mmvoxceleb export --help)"),
        (["--log-levl"], "no such option: --log-levl; do you mean --log-level? (see mmvoxceleb --help)"),
    ],
)
def test_a_wrong_command_line_is_one_line(arguments: list[str], line: str) -> None:
    done = subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.replace("-c ", "mmvoxceleb ").startswith(f"error: {line}")
    assert done.stderr.count("\n") == 1


def test_no_arguments_show_the_help_once() -> None:
    done = subprocess.run([*PROGRAM, "select"], capture_output=True, text=True)
    assert done.returncode == 2
    assert (done.stdout + done.stderr).count("Usage: ") == 1


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("vali", ["validate"]),
        ("regenerate ma", ["mask"]),
        ("regenerate mask --par", ["--parser"]),
        ("export --codec ", ["png", "mp4", "mp4-lossless"]),
        ("export store out --for ec", ["echomimic"]),
        ("select store --preset ", ["latentsync", "talkvid"]),
        ("regenerate score store --figures sharpness,loudn", ["sharpness,loudness"]),
    ],
)
def test_completion_offers_commands_options_and_values(typed: str, offered: list[str]) -> None:
    words = f"mmvoxceleb {typed}"
    asked = {"_MMVOXCELEB_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.argv[0] = 'mmvoxceleb'\n" + PROGRAM[2]],
        env={**os.environ, **asked}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.split() == offered, done.stderr


def test_h_is_help_on_every_level() -> None:
    for path in ((), ("export",), ("regenerate", "mask"), ("label", "import")):
        assert "Usage: " in call(*path, "-h").stdout


def test_version() -> None:
    assert call("--version").stdout == f"mmvoxceleb {metadata.version('mmvoxceleb')}\n"


def test_a_warning_stays_on_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    address = f"https://lab.example/{'x' * 100}"
    record = logging.LogRecord("test", logging.WARNING, "", 0, "%s: [does] not answer", (address,), None)
    _Handler().emit(record)
    assert capsys.readouterr().err == f"WARNING  {address}: [does] not answer\n"


def test_progress_keeps_its_count_on_a_narrow_terminal() -> None:
    screen = Console(file=io.StringIO(), width=80, force_terminal=True, soft_wrap=True)
    with RunBar(screen, "video", ("crop",), 200) as bar:
        for number in range(17):
            bar.unit_finished(f"video {number}")
        bar.say(rate="0.01 clips/s, 1.1 frames/s", shares="")
        bar.refresh()
    assert "17/200" in screen.file.getvalue()  # type: ignore[attr-defined]  # it is a StringIO


def test_the_table_says_why_frames_of_a_video_were_left_out() -> None:
    summary = Summary("out", done=1, source_frames=Counter(dropped=1400, doubled=0, undecodable=2))
    assert ("source frames", "1,400 left out (over 25 per second), 2 undecodable") in _rows(summary, "video")


def test_a_run_that_makes_nothing_says_so_and_where_the_reasons_are() -> None:
    rejected, removed = Summary("out"), Summary("out")
    rejected.rejected["too short"] = 2
    removed.rejected["removed"] = 2
    said = "no clip: all were rejected; out/meta/ledger.jsonl has the reasons"
    assert ("done", said) in _rows(rejected, "video")
    assert ("done", "no clip yet") in _rows(rejected, "video", stopped_early=True)
    assert ("left out", "2 on the removal list") in _rows(removed, "video")
    assert "done" not in dict(_rows(removed, "video"))


def test_nothing_is_written_into_the_bundled_sample() -> None:
    before = contents(Path(sample_path()))
    for stage in ("score", "mask"):
        done = CliRunner().invoke(app, ["regenerate", stage, sample_path()])
        assert "is the sample of the package, so results are not written into it; name a" in str(done.exception)
    assert contents(Path(sample_path())) == before

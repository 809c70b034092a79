import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from PIL.GifImagePlugin import GifImageFile
from typer.testing import CliRunner

from mmvoxceleb.cli.info import VARIABLES
from mmvoxceleb.cli.main import app, main
from tests.support.corpus import Corpus

run = CliRunner().invoke
Program = Callable[..., tuple[int, str, str]]


def test_preview_writes_the_sheet_of_the_sample(tmp_path: Path) -> None:
    target = tmp_path / "new folder" / "sheet.png"
    done = run(app, ["preview", "sample", "-o", str(target), "--clips", "2", "--columns", "3"])
    assert done.exit_code == 0, done.output
    with Image.open(target) as picture:
        assert done.stdout.splitlines()[0] == f"picture  {target} ({picture.width} x {picture.height} px)"
        assert picture.width == 2 * 40 + 104 + 3 * 144 + 2 * 8
    assert [path.name for path in target.parent.iterdir()] == ["sheet.png"]


@pytest.mark.parametrize(("suffix", "kind"), [(".jpg", "JPEG"), (".webp", "WEBP"), (".PNG", "PNG")])
def test_preview_writes_what_the_name_says(corpus: Corpus, tmp_path: Path, suffix: str, kind: str) -> None:
    target = tmp_path / f"sheet{suffix}"
    assert run(app, ["preview", str(corpus.root), "-o", str(target), "--clip", corpus.clips[0]]).exit_code == 0
    with Image.open(target) as picture:
        assert picture.format == kind


def test_preview_writes_a_gif_of_the_clip_that_is_named(corpus: Corpus, tmp_path: Path) -> None:
    target = tmp_path / "clip.gif"
    done = run(app, ["preview", str(corpus.root), "--gif", "-o", str(target), "--clip", corpus.clips[3]])
    assert done.exit_code == 0, done.output
    with Image.open(target) as picture:
        assert isinstance(picture, GifImageFile)
        assert picture.n_frames == corpus.num_frames[3]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    """Run the whole program: exit status, stdout and stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mmvoxceleb", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return call


def test_preview_refuses_a_name_without_a_picture_format(cli: Program, tmp_path: Path) -> None:
    status, out, err = cli("preview", "sample", "-o", str(tmp_path / "sheet.gif"))
    assert (status, out) == (2, "")
    assert "must end in .png" in err
    assert "--gif" in err


def test_validate_passes_the_sample() -> None:
    done = run(app, ["validate", "sample", "--deep"])
    assert done.exit_code == 0
    assert "decoded 100 pictures" in done.stdout
    assert "no problems" in done.stdout


def test_validate_names_problems_counts_the_rest_and_exits_1(cli: Program, own_corpus: Corpus) -> None:
    for index in range(1, 5):
        (own_corpus.root / "video" / own_corpus.clips[0] / f"note{index}.txt").write_text("")
    (own_corpus.root / "label" / f"{own_corpus.clips[1]}.txt").write_text("1,1")
    status, out, err = cli("validate", str(own_corpus.root), "--show", "3")
    assert (status, err) == (1, "")
    lines = out.splitlines()
    assert "files that are not pictures: 4" in lines
    assert f"  {own_corpus.clips[0]} video/note1.txt: is no PNG or JPEG file" in lines
    assert "  and 1 more" in lines
    assert f"  {own_corpus.clips[1]} label: its label has 2 values instead of 40; fix the file" in lines
    assert lines[-1] == "5 problems"


def test_validate_prints_json_and_nothing_else(own_corpus: Corpus) -> None:
    (own_corpus.root / "txt" / f"{own_corpus.clips[0]}.txt").unlink()
    done = run(app, ["validate", str(own_corpus.root), "--json"])
    report = json.loads(done.stdout)
    assert done.exit_code == 1
    assert report["folders"]["txt"] == {"clips": 1, "files": 1, "missing": 1, "extra": 0}
    assert report["problem_counts"] == {"missing": 1}


@pytest.mark.parametrize("command", ["validate", "preview"])
def test_a_place_that_holds_nothing_is_one_line_of_error(cli: Program, tmp_path: Path, command: str) -> None:
    for place in (tmp_path, tmp_path / "absent"):
        status, out, err = cli(command, str(place))
        assert (status, out) == (2 if command == "validate" else 1, "")
        assert err.startswith(f"error: {place}: ")
        assert err.count("\n") == 1


def test_info_tells_versions_and_the_size_of_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    (cache / "zip-index").mkdir(parents=True)
    (cache / "zip-index" / "a.arrow").write_bytes(b"x" * 1500)
    (cache / "one").write_bytes(b"x" * 600)
    monkeypatch.setenv("MMVOXCELEB_CACHE", str(cache))
    found = json.loads(run(app, ["info", "--json"]).stdout)
    assert found["cache"] == {"folder": str(cache), "size": "2.1 KB", "zip-index": "1.5 KB"}
    assert found["system"]["python"] == sys.version.split()[0]
    assert found["packages"]["datasets"].count(".") >= 2
    assert found["environment"]["MMVOXCELEB_CACHE"] == str(cache)
    assert {"ai-edge-litert", "matplotlib"} <= found["packages"].keys()
    shown = run(app, ["info"]).stdout
    assert "packages" in shown
    assert found["packages"]["datasets"] in shown


def test_info_works_without_the_extras_and_never_loads_decord() -> None:
    code = """
import importlib.machinery, importlib.metadata, sys
hidden = {"torch", "av", "torchcodec"}
spec_of = importlib.machinery.PathFinder.find_spec
class Finder(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.split(".")[0] in hidden else spec_of(name, path, target)
sys.meta_path[sys.meta_path.index(importlib.machinery.PathFinder)] = Finder
find = importlib.metadata.Distribution.from_name.__func__
def from_name(cls, name):
    if name in hidden:
        raise importlib.metadata.PackageNotFoundError(name)
    return find(cls, name)
importlib.metadata.Distribution.from_name = classmethod(from_name)
from mmvoxceleb.cli.main import main
sys.argv = ["mmvoxceleb", "info", "--json"]
try:
    main()
finally:
    assert "decord" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["devices"] == {"torch": None}
    decord = found["decoders"].pop("decord")
    assert decord == ("installed, loaded only when chosen" if found["packages"]["decord"] else None)
    assert found["decoders"] == {"pyav": None, "torchcodec": None, "opencv": "loads"}


def test_info_says_so_if_no_variable_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert "nothing set" in run(app, ["info"]).stdout.partition("environment")[2]

"""A library that is not installed is one line that says how to install it, not a traceback."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from mmvoxceleb import extras
from mmvoxceleb.errors import MissingExtraError
from mmvoxceleb.extras import extra_with
from tests.test_packaging import ROOT


def run(missing: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = f"""
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Hidden())
from mmvoxceleb.cli.main import main
main()
"""
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)


@pytest.mark.parametrize(
    ("missing", "arguments", "extra"),
    [
        ("uvicorn", ["view", "sample"], "viewer"),
        ("torch", ["regenerate", "all", "sample", "out", "--models", "sample", "--stages", "mask"], "processing"),
    ],
)
def test_the_command_says_what_to_install(missing: str, arguments: list[str], extra: str, tmp_path: Path) -> None:
    arguments = [str(tmp_path / "out") if each == "out" else each for each in arguments]
    done = run(missing, *arguments)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert re.search(rf"^error: .*pip install '\.\[{extra}\]'", done.stderr, re.MULTILINE)


def test_a_module_of_no_extra_is_a_fault_of_ours_and_shows_its_trace() -> None:
    assert "Traceback" in run("rich", "validate", "sample").stderr
    assert extra_with("mmvoxceleb.nowhere") is None


def test_every_extra_of_the_table_is_one_of_the_project_and_brings_the_module() -> None:
    tomllib = pytest.importorskip("tomllib", reason="new in Python 3.11")
    optional = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for module, extra in extras._EXTRAS.items():
        assert any(each.startswith(module.replace("_", "-")) for each in optional[extra]), (module, extra)


def test_the_error_is_an_import_error() -> None:
    assert issubclass(MissingExtraError, ImportError)

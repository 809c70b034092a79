import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def test_every_package_is_listed() -> None:
    tomllib = pytest.importorskip("tomllib", reason="new in Python 3.11")
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    found = {str(path.parent.relative_to(ROOT)).replace("/", ".") for path in ROOT.glob("mmvoxceleb/**/__init__.py")}
    found |= {
        "mmvoxceleb." + str(path.parent.relative_to(ROOT)).replace("/", ".")
        for path in ROOT.glob("processing/**/__init__.py")
    }
    assert listed == found


def test_the_oldest_releases_that_are_tested_are_the_lower_bounds() -> None:
    tomllib = pytest.importorskip("tomllib", reason="new in Python 3.11")
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    bounds = [re.match(r"([\w.-]+(?:\[\w+\])?)>=([\d.]+)", line) for line in wanted]
    pinned = re.findall(r"^([\w.-]+(?:\[\w+\])?)==([\d.]+)", (ROOT / "tests/oldest-requirements.txt").read_text(), re.M)
    by_name = {name.lower(): version for name, version in pinned}
    for bound in bounds:
        assert bound
        name, lowest = bound.groups()
        assert (by_name[name] + ".").startswith(lowest + "."), f"{name}: {by_name[name]} is tested, {lowest} is allowed"


def test_the_name_that_datasets_would_take_for_a_loading_script_is_free() -> None:
    assert not (ROOT / "mmvoxceleb" / "mmvoxceleb.py").exists()


def test_the_changelog_speaks_of_this_version() -> None:
    import mmvoxceleb

    assert f"## [{mmvoxceleb.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_messages_name_extras_that_there_are() -> None:
    tomllib = pytest.importorskip("tomllib", reason="new in Python 3.11")
    extras = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    sources = [*ROOT.glob("mmvoxceleb/**/*.py"), *ROOT.glob("processing/**/*.py")]
    named = {name for path in sources for name in re.findall(r"install_hint\(['\"](\w+)['\"]\)", path.read_text())}
    assert named
    assert named <= extras
    assert not [path for path in sources if "pip install 'mmvoxceleb[" in path.read_text()]

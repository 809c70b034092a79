import shutil
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FIND = "import importlib.util; print(importlib.util.find_spec('mmvoxceleb').origin)"


def test_a_folder_of_the_packages_name_does_not_hide_the_clone(tmp_path: Path) -> None:
    finders = [*Path(sysconfig.get_path("purelib")).glob("__editable__*mmvoxceleb*")]
    if not finders:
        pytest.skip("the package is not installed with --editable here")
    venv.create(tmp_path / "venv", symlinks=True)
    python = tmp_path / "venv/bin/python"
    (purelib,) = (tmp_path / "venv/lib").glob("python*/site-packages")
    for finder in finders:
        shutil.copy(finder, purelib)
    (tmp_path / "holds-a-clone/mmvoxceleb").mkdir(parents=True)

    def found() -> str:
        options = {"cwd": tmp_path / "holds-a-clone", "capture_output": True, "text": True, "check": True}
        return str(subprocess.run([python, "-c", FIND], **options).stdout).strip()  # type: ignore[call-overload]

    assert found() == "None", "without the file, the folder is taken for the package"
    subprocess.run([python, ROOT / "builder_scripts/editable_first.py"], check=True)
    assert found() == str(ROOT / "mmvoxceleb/__init__.py")
    assert (purelib / "mmvoxceleb-first.pth").is_file()
    assert (Path(sysconfig.get_path("purelib")) / "mmvoxceleb-first.pth").is_file(), "run make install"

"""Check the distributions in ``dist/`` as somebody who has nothing else: ``make dist`` builds them and runs this.

The source distribution must hold every file of the repository. The wheel is installed in a new environment, which can
reach no other machine, and everything that works without a download must work from an empty folder.
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
EXTRAS = ("processing", "viewer")
GENERATED = ("PKG-INFO", "setup.cfg", "mmvoxceleb.egg-info/")
"""What setuptools adds to a source distribution."""


def only(pattern: str) -> Path:
    """The one file in dist/ that matches."""
    found = sorted((ROOT / "dist").glob(pattern))
    if len(found) != 1:
        sys.exit(
            f"dist/ must hold one {pattern}, but holds {[path.name for path in found]}; remove dist/ and build again"
        )
    return found[0]


def check_source(archive: Path) -> None:
    """Compare the source distribution with the files that git knows or would take."""
    with tarfile.open(archive) as tar:
        held = {name for member in tar if member.isfile() and (name := member.name.partition("/")[2])}
    known = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    tracked = set(filter(None, known.split("\0")))
    added = {name for name in held - tracked if not name.startswith(GENERATED)}
    if missing := tracked - held:
        sys.exit(f"{archive.name} lacks {sorted(missing)}; see MANIFEST.in")
    if added:
        sys.exit(f"{archive.name} holds what git does not know: {sorted(added)}; see MANIFEST.in")
    print(f"{archive.name}: all {len(tracked)} files of the repository")


def check_wheel(archive: Path) -> None:
    """Refuse top-level names other than the package, and files that belong to a clone alone."""
    names = zipfile.ZipFile(archive).namelist()
    tops = {name.partition("/")[0] for name in names}
    version = archive.name.split("-")[1]
    if tops != {"mmvoxceleb", f"mmvoxceleb-{version}.dist-info"}:
        sys.exit(f"{archive.name} installs {sorted(tops)}")
    if odd := [name for name in names if "/parquet/" in name or "/tests/" in name]:
        sys.exit(f"{archive.name} holds what a wheel has no use for: {odd}")
    print(f"{archive.name}: {len(names)} files, {archive.stat().st_size / 1e6:.1f} MB")


def install(archive: Path, folder: Path) -> Path:
    """Install the wheel with its extras from the package index, then cut the environment off; return its Python.

    Releases are those of requirements.txt, where it is for this Python.
    """
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    constraints = folder / "constraints.txt"
    pins = (ROOT / "requirements.txt").read_text() if sys.version_info >= (3, 11) else ""
    constraints.write_text(re.sub(r"\[\w+\]", "", pins))
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "install", "--constraint", str(constraints), f"{archive}[{','.join(EXTRAS)}]"], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    shutil.copyfile(HERE / "no_network.py", packages / "sitecustomize.py")
    return python


def main() -> None:
    """Check what is in dist/, and use it from an empty folder, with an empty home."""
    source, wheel = only("*.tar.gz"), only("*.whl")
    check_source(source)
    check_wheel(wheel)
    with tempfile.TemporaryDirectory(prefix="mmvoxceleb-dist-") as scratch:
        python = install(wheel, Path(scratch) / "venv")
        home, empty = Path(scratch) / "home", Path(scratch) / "empty"
        home.mkdir()
        empty.mkdir()
        program = Path(scratch) / "use_installed.py"
        shutil.copyfile(HERE / "use_installed.py", program)
        settings = {name: os.environ[name] for name in ("LANG", "OPENBLAS_CORETYPE") if name in os.environ}
        settings |= {"HOME": str(home), "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
        subprocess.run([python, "-I", program], cwd=empty, env=settings, check=True)


if __name__ == "__main__":
    main()

"""Prove that every pinned dependency has wheels for each Python and platform that is supported: ``make wheels``.

``python builder_scripts/release/pinned_wheels.py [PYTHON ...]`` asks the package index alone, downloads no wheel, and
resolves what the pins themselves depend on, too. A resolution that needs a source distribution fails.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
"""Those that requirements.txt is for."""
PLATFORMS = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "aarch64-apple-darwin")
WITHOUT_WHEELS = ("pyftpdlib",)
"""Published as source alone, but pure Python, so that every machine can build them; only tests use them."""
OLDEST_MACOS = "14.0"
"""torch has no wheels for earlier releases."""


def resolve(python: str, platform: str) -> "subprocess.CompletedProcess[str]":
    """Resolve requirements.txt for a Python and a platform from wheels; the output is one requirement a line."""
    sources = [option for name in WITHOUT_WHEELS for option in ("--no-binary", name)]
    return subprocess.run(
        [
            sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-config", "--no-header", "--no-annotate",
            "--only-binary", ":all:", *sources, "--python-version", python, "--python-platform", platform,
            str(ROOT / "requirements.txt"),
        ],
        env={**os.environ, "MACOSX_DEPLOYMENT_TARGET": OLDEST_MACOS}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def main() -> None:
    """Print a line for each Python and platform; exit with 1 if one cannot be installed from wheels."""
    failed = False
    for python in sys.argv[1:] or PYTHONS:
        for platform in PLATFORMS:
            done = resolve(python, platform)
            if done.returncode:
                failed = True
                print(f"Python {python}, {platform}: no wheels for all pins\n{done.stderr}")
            else:
                print(f"Python {python}, {platform}: {len(done.stdout.splitlines())} packages, all with wheels")
    sys.exit(failed)


if __name__ == "__main__":
    main()

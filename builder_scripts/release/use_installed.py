"""Use the installed package from an empty folder, offline: :mod:`check_distributions` runs this in its environment."""

import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import datasets

import mmvoxceleb


def run(*arguments: str) -> str:
    """Run the program; stop with what it printed if it fails."""
    done = subprocess.run(["mmvoxceleb", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"mmvoxceleb {' '.join(arguments)} exited with {done.returncode}:\n{done.stdout}{done.stderr}")
    print(f"mmvoxceleb {' '.join(arguments)}: works", flush=True)
    return done.stdout


def check_view(store: str) -> None:
    """Start the viewer and get every file of its page."""
    static = Path(mmvoxceleb.__file__).parent / "viewer" / "static"
    process = subprocess.Popen(
        ["mmvoxceleb", "view", store, "--no-browser"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        printed = ""
        while (found := re.search(r"http://127\.0\.0\.1:\d+/\S*", printed)) is None:
            line = process.stdout.readline()
            if not line:
                sys.exit(f"mmvoxceleb view {store} ended:\n{printed}")
            printed += line
        files = sorted(path for path in static.iterdir() if path.is_file())
        for path in files:
            with urllib.request.urlopen(f"{found.group()}static/{path.name}", timeout=30) as answer:
                assert answer.read() == path.read_bytes(), path.name
        with urllib.request.urlopen(found.group(), timeout=30) as answer:
            assert b"static/main.js" in answer.read()
        print(f"mmvoxceleb view {store}: works, with {len(files)} files of its page", flush=True)
    finally:
        process.terminate()
        process.wait(30)


def main() -> None:
    """Load the sample, look at it, make the data again from raw videos, load and check that."""
    here = Path.cwd()
    if list(here.iterdir()) or here in Path(mmvoxceleb.__file__).parents:
        sys.exit(f"{here} is not empty, or the package is in it: this must use what is installed")
    assert json.loads(run("info", "--json"))["packages"]["mmvoxceleb"] == mmvoxceleb.__version__
    rows = datasets.load_dataset("mmvoxceleb", "sample", split="train")
    assert len(rows[0]["frames"]) == rows[0]["num_frames"] == 30
    run("preview", "sample", "-o", "sheet.png")
    assert Path("sheet.png").read_bytes().startswith(b"\x89PNG")
    run("regenerate", "all", mmvoxceleb.sample.sample_videos_path(), "made", "--models", "sample", "--detector", "haar")
    run("validate", "made")
    made = datasets.load_dataset("mmvoxceleb", data_dir="made")
    assert {split: len(rows) for split, rows in made.items()} == {"train": 1, "test": 1}
    assert all(made["test"][0][field] for field in ("frames", "masks", "drawings", "text", "label"))
    check_view("made")


if __name__ == "__main__":
    main()

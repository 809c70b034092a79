"""Compare what runs wrote."""

from pathlib import Path

from mmvoxceleb.meta.runs import RUNS_FOLDER


def contents(root: Path) -> dict[str, bytes]:
    """Every file of a store by its path, but for locks and the summaries of runs, which hold times."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != ".lock" and not path.is_relative_to(root / RUNS_FOLDER)
    }

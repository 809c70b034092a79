"""Compare what runs wrote."""

import re
from pathlib import Path

from mmvoxceleb.meta.runs import RUNS_FOLDER


def tree(root: Path) -> dict[str, bytes]:
    """Every file below a folder by its path."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def contents(root: Path) -> dict[str, bytes]:
    """Every file of a store by its path, but for locks and the summaries of runs, which hold times."""
    is_told = re.compile(rf"(.*/)?\.lock|{RUNS_FOLDER}/.*").fullmatch
    return {path: data for path, data in tree(root).items() if not is_told(path)}

"""The summaries of the runs that made a store, ``meta/runs``."""

import contextlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from mmvoxceleb.files.partial import partial_prefix
from mmvoxceleb.files.tree import OutputTree
from mmvoxceleb.modalities import META

__all__ = ["RUNS_FOLDER", "save_run", "token_in"]

RUNS_FOLDER = f"{META.folder_name}/runs"
"""Where they are. All else in a store is the same on one kind of device."""


def save_run(tree: OutputTree, begun: datetime, summary: Mapping[str, Any]) -> None:
    """Write the summary of a run, as JSON, under the time when it began and the number of its process.

    Raises:
        OSError: It cannot be written.
    """
    content = {"begun": begun.isoformat(timespec="seconds"), **summary}
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    tree.write(f"{RUNS_FOLDER}/{begun:%Y%m%dT%H%M%SZ}-{os.getpid()}.json", text.encode("utf-8", "replace"))


@contextlib.contextmanager
def token_in(tree: OutputTree) -> Iterator[str]:
    """Put a file into an output, and return its path, by which workers see that it is the same place for them.

    It is named as unfinished files are, so that the next run takes it away from a disk if this one is killed.
    """
    token = secrets.token_hex(8)
    path = f"{META.folder_name}/{partial_prefix()}ray-{token}"
    tree.write(path, f"{token}\n".encode())
    try:
        yield path
    finally:
        tree.remove(path)

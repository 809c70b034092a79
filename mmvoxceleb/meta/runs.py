"""The summaries of the runs that made a store, ``meta/runs``."""

import json
import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mmvoxceleb.files.tree import OutputTree
from mmvoxceleb.modalities import META

__all__ = ["RUNS_FOLDER", "save_run"]

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

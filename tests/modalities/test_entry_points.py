"""A modality that an installed package declares as an entry point."""

import os
import subprocess
import sys
from pathlib import Path

MODULE = """
import time
from collections.abc import Mapping
from typing import Any

time.sleep(0.3)  # so that the other thread asks while this is imported
from mmvoxceleb.modalities import FileModality
from mmvoxceleb.modalities.registry import kinds


class Gaze(FileModality):
    name, suffix = "gaze", ".json"

    def features(self, styles):
        from datasets import Value

        return {"gaze": Value("string")}

    def parse(self, data, *, clip_id):
        return data.decode()

    def to_file(self, record):
        return record["gaze"].encode()


assert "video" in [kind.name for kind in kinds()]
"""

ASK = """
import threading
from mmvoxceleb.modalities.registry import kinds, modality_of_name

found = []
threads = [threading.Thread(target=lambda: found.append((modality_of_name("gaze"), len(kinds())))) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert len(set(found)) == 1, found
print(found[0][0].name)
"""


def test_it_is_there_for_every_thread_and_a_broken_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "gaze_plugin.py").write_text(MODULE)
    about = tmp_path / "gaze_plugin-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: gaze-plugin\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[mmvoxceleb.modalities]\nbroken = gaze_plugin:NoSuchThing\ngaze = gaze_plugin:Gaze\n"
    )
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    ran = subprocess.run(
        [sys.executable, "-c", ASK], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "gaze\n"
    assert "the modality broken (entry point gaze_plugin:NoSuchThing) cannot be used" in ran.stderr

"""At least 20 kill -9, at random moments, over all stages and both engines: nothing half, nothing twice, nothing lost.

Each test goes on with an output until it has been killed often enough, and then lets a last run finish it. Set
``MMVOXCELEB_KILL_LOG`` to a file to keep what was killed when.
"""

import itertools
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmvoxceleb.meta.provenance import Provenance
from mmvoxceleb.modalities import FileModality, Folder
from mmvoxceleb.processing import AudioStage, LandmarkStage, Pipeline
from tests.support.landmarker import BrightFace
from tests.support.raw_videos import CROP, make_raw_videos, videos_of
from tests.support.stages import Grey, Label, Text
from tests.support.trees import contents

NUM_VIDEOS = 16
KILLS = {"local": 14, "ray": 6}
STAGES = {
    "video": "crop",
    "audio": "audio",
    "draw/grey": "draw/grey",
    "landmarks": "landmarks",
    "label": "label",
    "txt": "text",
}

PROGRAM = """
import sys
from pathlib import Path
import ray
from tests.support.raw_videos import CROP, videos_of
from tests.support.landmarker import BrightFace
from tests.support.stages import Grey, Label, Text
from mmvoxceleb.processing import AudioStage, LandmarkStage, Pipeline
raw, out, engine, address = sys.argv[1:]
pipeline = Pipeline([CROP, AudioStage(), Grey(seconds=0.15), LandmarkStage(BrightFace()), Label(), Text()])
pipeline.run(videos_of(Path(raw)), out, engine=engine, workers=2, address=address or None)
"""


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_raw_videos(tmp_path_factory.mktemp("raw"), NUM_VIDEOS, with_sound=True)


@pytest.fixture(scope="module")
def reference(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("reference")
    pipeline = Pipeline([CROP, AudioStage(), Grey(), LandmarkStage(BrightFace()), Label(), Text()])
    assert pipeline.run(videos_of(raw), out).done == 2 * NUM_VIDEOS
    return contents(out)


@pytest.fixture
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.node.callspec.params["engine"] != "ray":
        yield ""
        return
    pytest.importorskip("ray", reason="needs the extra mmvoxceleb[ray]")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 4})
    yield cluster.address
    cluster.shutdown()


class Run:
    """A run of the pipeline in a process of its own, which can be killed."""

    def __init__(self, raw: Path, out: Path, engine: str, address: str) -> None:
        program = PROGRAM if engine == "ray" else PROGRAM.replace("import ray\n", "")
        self.address = address
        self.mark = f"MMVOXCELEB_TEST_RUN={secrets.token_hex(8)}"
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, str(raw), str(out), engine, address],
            cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, **dict([self.mark.split("=")])},
        )  # fmt: skip

    def workers(self) -> list[int]:
        """The worker processes of the local engine, or the actors of Ray, whoever their parent is."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                command = (folder / "cmdline").read_bytes().decode(errors="replace")
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                if "multiprocessing.spawn" in command:  # an orphan too: it writes for a moment after its parent's death
                    is_ours = self.mark in (folder / "environ").read_bytes().decode(errors="replace")
                elif self.address and command.startswith("ray::_Worker"):
                    is_ours = self.address in Path(f"/proc/{parent}/cmdline").read_text(errors="replace")
                else:
                    is_ours = False
            except (OSError, ValueError):
                continue
            if is_ours:
                found.append(int(folder.name))
        return found

    def kill(self, victim: str) -> None:
        """Kill a worker process, or the program itself; the program too where there is no worker yet."""
        workers = self.workers()
        if victim == "worker" and workers:
            os.kill(random.choice(workers), signal.SIGKILL)
        else:
            self.process.kill()


def check(out: Path, reference: dict[str, bytes]) -> set[Path]:
    """Check that all that is visible is whole and right, and return the files of finished stages."""
    finished: set[Path] = set()
    provenance = Provenance(out)
    for folder, stage in STAGES.items():
        for path in (out / folder).glob("id*"):
            files = sorted(path.iterdir()) if path.is_dir() else [path]
            kind = Folder(_modality(folder)).kind
            clip_id = path.name.removesuffix(kind.suffix) if isinstance(kind, FileModality) else path.name
            names = {str(file.relative_to(out)): file.read_bytes() for file in files}
            expected = {name: data for name, data in reference.items() if name.startswith(f"{folder}/{path.name}")}
            assert names == expected, f"{path} is not whole"
            if provenance.section(clip_id, stage) is not None:
                finished.update(files)
    for path in (out / "meta").glob("id*.json"):
        assert isinstance(json.loads(path.read_bytes()), dict)
    return finished


def _modality(folder: str) -> str:
    return {"draw/grey": "drawing", "txt": "text"}.get(folder, folder)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the workers in /proc")
@pytest.mark.parametrize("engine", ["local", "ray"])
def test_kills_at_random_moments(
    raw: Path, reference: dict[str, bytes], tmp_path: Path, engine: str, address: str
) -> None:
    chance = random.Random(engine)
    kills, log = 0, list[str]()
    for number in itertools.count():
        out, stamps = tmp_path / f"out-{number}", dict[Path, int]()
        while kills < KILLS[engine]:
            run = Run(raw, out, engine, address)
            before = len(stamps)
            while len(check(out, reference)) <= before and run.process.poll() is None:
                time.sleep(0.1)
            victims = ["worker"] * chance.randrange(3) + ["program"]
            for victim in victims:
                time.sleep(chance.random() * 0.3)
                if run.process.poll() is None:
                    run.kill(victim)
                    kills += 1
            _let_workers_end(run)
            finished = check(out, reference)
            _none_again(stamps)
            stamps = {path: path.stat().st_mtime_ns for path in finished}
            log.append(
                f"{engine}: {kills} kills, now of {', '.join(victims)}; {len(finished)} files of finished stages"
            )
            if run.process.returncode == 0:
                break  # it was done before the last kill: go on with another output
        last = Run(raw, out, engine, address)
        output, _ = last.process.communicate(timeout=120)
        assert last.process.returncode == 0, output
        _none_again(stamps)
        assert contents(out) == reference
        assert not list(out.rglob(".partial-*"))
        log.append(f"{engine}: finished, equal to a run that nobody disturbed")
        if kills >= KILLS[engine]:
            break
    if "MMVOXCELEB_KILL_LOG" in os.environ:
        with open(os.environ["MMVOXCELEB_KILL_LOG"], "a") as file:
            file.write("\n".join(log) + "\n")


def _none_again(stamps: dict[Path, int]) -> None:
    for path, stamp in stamps.items():
        assert path.stat().st_mtime_ns == stamp, f"{path} was written again"


def _let_workers_end(run: Run) -> None:
    """Wait until nobody writes any more."""
    run.process.kill()
    run.process.communicate()
    end = time.monotonic() + 30
    while run.workers() and time.monotonic() < end:
        time.sleep(0.05)

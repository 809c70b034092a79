"""Every test has caches of its own, no progress bars, and no network but loopback."""

import os
import shutil
import signal
import tempfile

_scratch = tempfile.mkdtemp(prefix="mmvoxceleb-tests-")
os.environ.update(
    HF_HOME=os.path.join(_scratch, "hf"),
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_PROGRESS_BARS="1",
    HF_DATASETS_DISABLE_PROGRESS_BARS="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    HF_UPDATE_DOWNLOAD_COUNTS="0",
    NO_PROXY="127.0.0.1,localhost",
)
os.environ.setdefault(  # compiled once for all tests
    "NUMBA_CACHE_DIR", os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "build", "numba")
)
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait for work take no core from other workers
os.environ.pop("HF_TOKEN", None)
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets programs in the background ignore it

from collections.abc import Callable, Generator, Iterator  # noqa: E402  the settings above must come before datasets is imported
from importlib.metadata import entry_points  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import pytest  # noqa: E402

from tests.support.corpus import Corpus, make_corpus  # noqa: E402
from tests.support.http_server import FileServer  # noqa: E402
from tests.support.rude_server import Answer, RudeServer, Start  # noqa: E402
from tests.support.watchdog import watched  # noqa: E402

SHARED = Path(os.environ.get("MMVOXCELEB_SHARED", Path(__file__).resolve().parents[2] / "shared"))

HANGS_SECONDS = 250
"""Of a test, after which the run ends. ``faulthandler_timeout`` in pyproject.toml shows the stacks before."""


def pytest_unconfigure() -> None:
    shutil.rmtree(_scratch, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    with watched(HANGS_SECONDS):
        return (yield)


@pytest.fixture(autouse=True)
def own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMVOXCELEB_CACHE", str(tmp_path / "mmvoxceleb-cache"))


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Five clips of three persons, one of them in the test split, as folders. Read only."""
    return make_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture
def own_corpus(tmp_path: Path) -> Corpus:
    """A corpus of two clips that a test may damage."""
    return make_corpus(tmp_path / "corpus", clips=2)


@pytest.fixture
def serve() -> Iterator[Callable[..., FileServer]]:
    """Start real HTTP servers on loopback: ``serve(folder, ...)``."""
    servers: list[FileServer] = []

    def start(folder: Path, **options: Any) -> FileServer:
        servers.append(FileServer(folder, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(scope="session")
def reference_scheme() -> None:
    """Other processes know ``mmvoxceleb://``, as soon as the package is installed with its entry point."""
    if not entry_points(group="fsspec.specs", name="mmvoxceleb"):
        pytest.fail("the package was installed before it had an entry point for fsspec: pip install --no-deps -e .")


@pytest.fixture
def shared() -> Path:
    """The folder of real videos and references, where there is one."""
    if not SHARED.is_dir():
        pytest.skip("needs the folder of real videos and references, which is not part of the project")
    return SHARED


@pytest.fixture(scope="session")
def weights_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for MMVOXCELEB_WEIGHTS with checkpoints of the mask and drawing networks, filled by a recipe."""
    import torch

    from tests.support.pseudo_weights import fill, read_keys

    folder = tmp_path_factory.mktemp("weights")
    torch.save(fill(read_keys("bisenet")), folder / "79999_iter.pth")
    torch.save(fill(read_keys("drawing")), folder / "200_net_G_A.pth")
    return folder


@pytest.fixture(scope="session")
def mask_weights(weights_folder: Path) -> Path:
    return weights_folder / "79999_iter.pth"


@pytest.fixture(scope="session")
def drawing_weights(weights_folder: Path) -> Path:
    return weights_folder / "200_net_G_A.pth"


@pytest.fixture
def rude() -> Iterator[Start]:
    """Starts a server that answers as it is told, and closes it."""
    servers: list[RudeServer] = []

    def start(reply: Answer) -> RudeServer:
        servers.append(RudeServer(reply))
        return servers[-1]

    yield start
    for server in servers:
        server.close()

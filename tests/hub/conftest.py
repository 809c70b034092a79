"""A Hub on loopback, our program and stock clients as processes of their own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.support.loopback_hub import Hub, serve_hub

PROGRAM = [sys.executable, "-c", "from mmvoxceleb.cli.main import main; main()"]
STOCK = """
import sys, urllib.request, os
sys.modules["mmvoxceleb"] = None  # importing it would raise
from datasets import load_dataset

def mark(name):
    urllib.request.urlopen(os.environ["HF_ENDPOINT"] + "/mark/" + name).read()

"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with serve_hub() as server:
        yield server


@pytest.fixture(scope="module")
def environment(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = tmp_path_factory.mktemp("hf")
    inherited = {name: value for name, value in os.environ.items() if name not in ("HF_HUB_OFFLINE", "NO_PROXY")}
    return {**inherited, **hub.environment(str(home)), "MMVOXCELEB_CACHE": str(home / "ours")}


@pytest.fixture(scope="module")
def program(environment: dict[str, str]) -> Run:
    """Run ``mmvoxceleb``."""

    def run(*arguments: object, **variables: str) -> "subprocess.CompletedProcess[str]":
        command = [*PROGRAM, *map(str, arguments)]
        return subprocess.run(command, env={**environment, **variables}, capture_output=True, text=True, timeout=120)

    return run


@pytest.fixture(scope="module")
def stock(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run a script with stock ``datasets``, without our package."""

    def run(code: str) -> "subprocess.CompletedProcess[str]":
        folder = tmp_path_factory.mktemp("stock")
        done = subprocess.run(
            [sys.executable, "-c", STOCK + code],
            env=environment,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done

    return run

"""Which models ``make demo`` takes: the open ones where their files can be had, else the sample models, soon."""

import dataclasses
import runpy
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmvoxceleb.processing import licences
from mmvoxceleb.processing.published import PUBLISHED

DEMO = runpy.run_path(str(Path(__file__).parents[2] / "builder_scripts" / "demo.py"))
choose: Callable[[], str] = DEMO["choose_models"]
OPEN_FILES = ("face-landmarker", "selfie-segmenter")


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Let all files be had from one address alone, and none be here."""
    monkeypatch.setenv("MMVOXCELEB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MMVOXCELEB_WEIGHTS", raising=False)

    def set_sources(url: str) -> None:
        table: dict[str, Any] = {k: dataclasses.replace(v, sources=(url,)) for k, v in PUBLISHED.items()}
        monkeypatch.setattr(licences, "PUBLISHED", table)

    return set_sources


def test_files_that_are_here_are_taken(
    sources: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ai_edge_litert")
    sources("http://127.0.0.1:9/x")
    for key in OPEN_FILES:
        (tmp_path / PUBLISHED[key].file_name).write_bytes(b"x")
    monkeypatch.setenv("MMVOXCELEB_WEIGHTS", str(tmp_path))
    assert choose() == "open"
    assert "face_landmarker.task: Apache-2.0" in capsys.readouterr().out


def test_without_a_network_the_sample_models_are_taken_soon(
    sources: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ai_edge_litert")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and never answers
        for port in (silent.getsockname()[1], 9):
            sources(f"http://127.0.0.1:{port}/x")
            start = time.monotonic()
            assert choose() == "sample"
            assert time.monotonic() - start < 10
            assert "face_landmarker.task is not on this machine, and its server does not" in capsys.readouterr().out


def test_the_next_command_runs_in_a_shell_without_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv" / "bin" / "python"))
    monkeypatch.chdir(tmp_path)
    assert DEMO["next_command"](Path("out/my videos")) == ".venv/bin/mmvoxceleb view 'out/my videos'"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert DEMO["next_command"](Path("out")) == f"{tmp_path}/.venv/bin/mmvoxceleb view out"

"""Output on URLs: the same bytes as on disk, whatever is killed, and no file seen before it is whole."""

import json
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest
from typer.testing import CliRunner

from mmvoxceleb.cli.main import app
from mmvoxceleb.errors import ConfigError, IncompatibleOutputError, ProcessingError
from mmvoxceleb.files.opening import open_output
from mmvoxceleb.meta.provenance import LedgerRow, Provenance
from mmvoxceleb.meta.removals import REMOVALS_PATH
from mmvoxceleb.processing import CropStage, Pipeline
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.schema import Folder
from mmvoxceleb.stores import open_store
from tests.support.raw_videos import CROP, make_raw_videos, small_pipeline, videos_of
from tests.support.remote_places import ftp_server, remote_contents, s3_server
from tests.support.stages import Grey, Label, Text
from tests.support.trees import contents

NUM_VIDEOS = 3
CLIPS = 2 * NUM_VIDEOS

PROGRAM = """
import sys
from pathlib import Path
from tests.support.raw_videos import CROP, videos_of
from tests.support.stages import Grey, Label, Text
from mmvoxceleb.processing import Pipeline
pipeline = Pipeline([CROP, Grey(seconds=0.4), Label(), Text()])
pipeline.run(videos_of(Path(sys.argv[1])), sys.argv[2])
"""


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_raw_videos(tmp_path_factory.mktemp("raw"), NUM_VIDEOS)


@pytest.fixture(scope="module")
def reference(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("reference")
    assert small_pipeline().run(videos_of(raw), out, layout="packed").done == CLIPS
    return contents(out)


@pytest.fixture(scope="module", params=["ftp", "s3"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("served")
    if request.param == "ftp":
        pytest.importorskip("pyftpdlib", reason="needs the extra mmvoxceleb[dev]")
        with ftp_server(folder) as url:
            yield url
        return
    pytest.importorskip("s3fs", reason="needs: pip install s3fs 'moto[server]'")
    pytest.importorskip("moto", reason="needs: pip install s3fs 'moto[server]'")
    with s3_server(folder / "log") as url:
        yield url


@pytest.fixture
def url(server: str, request: pytest.FixtureRequest) -> str:
    return f"{server}/{request.node.originalname}"


def test_threads_that_need_the_same_new_folders_all_write(url: str) -> None:
    outputs = [open_output(url) for _ in range(6)]
    for turn in range(8):
        together = threading.Barrier(len(outputs), timeout=60)

        def write(number: int, turn: int = turn, together: threading.Barrier = together) -> None:
            together.wait()
            outputs[number].write(f"{turn}/b/c/d/{number}.json", b"{}")

        with ThreadPoolExecutor(len(outputs)) as pool:
            list(pool.map(write, range(len(outputs))))
        assert outputs[0].names(f"{turn}/b/c/d") == [f"{number}.json" for number in range(len(outputs))]


def test_writes_what_a_packed_local_run_writes(raw: Path, reference: dict[str, bytes], url: str) -> None:
    summary = small_pipeline().run(videos_of(raw), url)
    assert (summary.done, summary.failed, summary.is_complete) == (CLIPS, {}, True)
    assert "secret" not in summary.location
    assert remote_contents(url) == reference
    (name,) = open_output(url).names("meta/runs")
    assert json.loads(open_output(url).read(f"meta/runs/{name}") or b"")["done"] == CLIPS
    again = small_pipeline().run(videos_of(raw), url)
    assert (again.done, again.skipped) == (0, CLIPS)
    assert remote_contents(url) == reference
    store = open_store(url)
    assert len(store.clips(Folder("drawing", "grey"))) == CLIPS
    assert len(store.read(Folder("video"), store.clips(Folder("video"))[0])) > 10


def test_stages_added_later_failures_conflicts_and_removal(raw: Path, reference: dict[str, bytes], url: str) -> None:
    Pipeline([CROP]).run(videos_of(raw), url, limit=2)
    assert Pipeline([CROP]).run(videos_of(raw), url).done == CLIPS - 4
    bad = open_store(url).clips(Folder("video"))[3]
    failed = Pipeline([Grey(refuse=bad)]).run(url, url)
    assert (failed.done, list(failed.failed)) == (CLIPS - 1, [bad])
    assert LedgerRow(bad, "draw/grey", "failed", f"clip {bad}: refused") in Provenance(url).rows()
    summary = Pipeline([Grey(), Label(), Text()]).run(url, url)
    assert (summary.done, summary.failed) == (CLIPS, {})
    assert remote_contents(url) == reference
    with pytest.raises(IncompatibleOutputError, match="gain was 1 and is 3"):
        Pipeline([Grey(gain=3)]).run(url, url)
    with pytest.raises(IncompatibleOutputError, match="crop: size_px was"):
        Pipeline([_other_crop()]).run(videos_of(raw), url)
    assert remote_contents(url) == reference
    assert Pipeline([Grey(gain=3)]).run(url, url, overwrite=True).done == CLIPS
    zips = [name for name, data in remote_contents(url).items() if reference[name] != data and name.endswith(".zip")]
    assert zips == [name for name in reference if name.startswith("draw/grey/")]
    open_output(url).write(REMOVALS_PATH, json.dumps({"clip_id": bad}).encode())
    summary = Pipeline([Grey(gain=4)]).run(url, url, overwrite=True)
    assert (summary.done, summary.skipped) == (CLIPS - 1, 0)


def test_a_run_that_was_killed_goes_on_with_two_workers(raw: Path, reference: dict[str, bytes], url: str) -> None:
    process = _start(raw, url)
    end = time.monotonic() + 120
    while not _finished(url) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    assert process.poll() is None, process.communicate()[0]
    process.kill()
    process.communicate()
    _check(url, reference)
    finished = _finished(url)
    assert 1 <= len(finished) < CLIPS
    summary = small_pipeline().run(videos_of(raw), url, workers=2)
    assert summary.failed == {}
    assert (summary.done, summary.skipped) == (CLIPS - len(finished), len(finished))
    assert _visible(remote_contents(url)) == reference


def test_the_ledger_of_a_killed_run_is_kept(url: str) -> None:
    first, second = Provenance(url), Provenance(url)
    first.record([LedgerRow("a", "mask", "failed", "why"), LedgerRow("b", "mask", "done")])
    second.record([LedgerRow("a", "mask", "done")])
    assert first.rows() == [LedgerRow("a", "mask", "done"), LedgerRow("b", "mask", "done")]
    first.compact()
    first.record([LedgerRow("b", "mask", "failed", "since")])
    second.compact()
    assert second.rows() == [LedgerRow("a", "mask", "done"), LedgerRow("b", "mask", "failed", "since")]
    assert [name for name in remote_contents(url) if "ledger" in name] == ["meta/ledger.jsonl"]


def test_the_root_of_a_server_will_do(tmp_path: Path) -> None:
    pytest.importorskip("pyftpdlib", reason="needs the extra mmvoxceleb[dev]")
    with ftp_server(tmp_path / "served") as url:
        tree = pickle.loads(pickle.dumps(open_output(url)))
        tree.write("txt/a.txt", b"a")
        now = pickle.loads(pickle.dumps(tree.snapshot()))
        assert (tree.names(""), now.names("txt"), now.read("txt/a.txt"), tree.kind("txt")) == (
            ["txt"], ["a.txt"], b"a", "folder",
        )  # fmt: skip
        assert [item.name for item in tree.items()] == ["txt"]
        assert tree.read_files(["txt/a.txt"], most_bytes=1) == [b"a"]


def test_a_server_that_is_gone_is_one_clear_error(raw: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyftpdlib", reason="needs the extra mmvoxceleb[dev]")
    Pipeline([CROP]).run(videos_of(raw), tmp_path / "clips")
    with ftp_server(tmp_path / "served") as url:
        (tmp_path / "served" / "out").mkdir()
        (tmp_path / "served" / "out" / "draw").write_text("a file where a folder should be")
        with pytest.raises(ProcessingError, match=r"ftp://user:\*\*\*@.*cannot be written, at clip id1"):
            Pipeline([Grey()]).run(tmp_path / "clips", f"{url}/out")
    assert not list((tmp_path / "served").rglob(".partial-*"))


def test_within_one_process_memory_will_do(raw: Path, reference: dict[str, bytes]) -> None:
    url = "memory://within-one-process"
    try:
        assert small_pipeline().run(videos_of(raw), url).done == CLIPS
        assert remote_contents(url) == reference
        with pytest.raises(ConfigError, match="visible to one process only"):
            small_pipeline().run(videos_of(raw), url, workers=2)
    finally:
        fsspec.filesystem("memory").rm("/within-one-process", recursive=True)


def test_what_a_url_cannot_do_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"memory://x: .*use the layout 'packed' \(--layout packed\)"):
        StoreWriter("memory://x", "folder")
    with pytest.raises(ConfigError, match="cannot be written to such a URL"):
        StoreWriter("https://example.org/x")
    with pytest.raises(ConfigError, match="nowhere"):
        StoreWriter("nowhere://x")
    assert StoreWriter(f"file://{tmp_path}").layout == "folder"
    assert StoreWriter("memory://x").layout == "packed"


def test_the_command_writes_to_a_url(raw: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyftpdlib", reason="needs the extra mmvoxceleb[dev]")
    crop = [
        "regenerate",
        "crop",
        str(raw / "raw"),
        "--annotations",
        str(raw / "txt"),
        "--boxes",
        "annotation",
        "--size",
        "64",
    ]
    rules = ["--size", "64", "--min-face", "60", "--min-frames", "10"]
    with ftp_server(tmp_path / "served") as url:
        done = CliRunner().invoke(app, [*crop, f"{url}/out", *rules])
        assert done.exit_code == 0, done.output
        assert f"{CLIPS} clips" in done.stdout
        refused = CliRunner().invoke(app, [*crop, f"{url}/o", "--layout", "folder"])
        assert isinstance(refused.exception, ConfigError)
        assert "--layout packed" in str(refused.exception)
    assert len(list((tmp_path / "served" / "out" / "video").glob("id*.zip"))) == CLIPS
    assert not (tmp_path / "served" / "o").exists()


def _other_crop() -> CropStage:
    from dataclasses import replace

    return replace(CROP, settings=replace(CROP.settings, size_px=32))


def _start(raw: Path, url: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(raw), url],
        cwd=Path(__file__).parents[2], env={**os.environ}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def _finished(url: str) -> list[str]:
    provenance = Provenance(url)
    clips = [name.removesuffix(".txt") for name in open_output(url).names("txt") if name.startswith("id")]
    return [clip_id for clip_id in clips if provenance.section(clip_id, "text") is not None]


def _visible(found: dict[str, bytes]) -> dict[str, bytes]:
    """Leave out what a killed run left under temporary names, which goes when nobody can be writing it any more."""
    return {name: data for name, data in found.items() if "/.partial-" not in name}


def _check(url: str, reference: dict[str, bytes]) -> None:
    """Whatever is seen after a kill is whole; records of the state may be on the way."""
    for name, data in _visible(remote_contents(url)).items():
        if name.startswith("meta/"):
            for line in data.decode().splitlines() if "ledger" in name else [data]:
                assert isinstance(json.loads(line), dict), name
        else:
            assert data == reference[name], name

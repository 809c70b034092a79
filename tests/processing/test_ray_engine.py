"""The ray engine on a real cluster of several node processes on this machine."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mmvoxceleb.errors import ConfigError, ProcessingError
from mmvoxceleb.meta.provenance import Provenance
from mmvoxceleb.processing import CropStage, Pipeline
from mmvoxceleb.processing.crop.settings import CropSettings
from mmvoxceleb.processing.crop.sources.table import table_videos
from mmvoxceleb.processing.pipeline import Engine, run_work
from mmvoxceleb.schema import Folder
from mmvoxceleb.stores import open_store
from tests.support.http_server import FileServer
from tests.support.raw_videos import CROP, make_raw_videos, small_pipeline, videos_of
from tests.support.ray_cluster import connected_ray
from tests.support.stages import Grey, Label
from tests.support.trees import contents
from tests.support.videos import numbered, write_video

ray = pytest.importorskip("ray", reason="needs the extra mmvoxceleb[ray]")

NUM_VIDEOS = 8


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_raw_videos(tmp_path_factory.mktemp("raw"), NUM_VIDEOS)


@pytest.fixture(scope="module")
def reference(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("reference")
    assert small_pipeline().run(videos_of(raw), out).done == 2 * NUM_VIDEOS
    return out


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head without cores and two nodes with two cores each: node processes that can be killed."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    for _ in range(2):
        cluster.add_node(num_cpus=2)
    cluster.wait_for_nodes()
    with connected_ray(cluster.address):
        yield cluster
    cluster.shutdown()


def test_writes_the_same_bytes_as_the_local_engine(cluster: Any, raw: Path, reference: Path, tmp_path: Path) -> None:
    units: list[str] = []
    begun: list[str] = []
    summary = run_work(
        small_pipeline().work(videos_of(raw), tmp_path),
        engine="ray",
        finished=units.append,
        doing=lambda unit, step: begun.append(unit),
    )
    assert sorted(begun) == sorted(units)
    assert (summary.done, summary.skipped, summary.failed) == (2 * NUM_VIDEOS, 0, {})
    assert (summary.engine, summary.workers, summary.units) == ("ray", 2, NUM_VIDEOS)
    assert sorted(units) == [video.key for video in videos_of(raw)]
    assert contents(tmp_path) == contents(reference)
    assert small_pipeline().run(videos_of(raw), tmp_path, engine="ray").skipped == 2 * NUM_VIDEOS
    assert small_pipeline().run(videos_of(raw), tmp_path).skipped == 2 * NUM_VIDEOS
    assert contents(tmp_path) == contents(reference)


def test_a_worker_fetches_the_video_that_it_works_on(cluster: Any, tmp_path: Path) -> None:
    """The head has no cores, so a node's worker takes the video from the server."""
    write_video(tmp_path / "raw" / "id00001#aaaaaaaaaaa.mp4", (numbered(number, 64, 64) for number in range(60)))
    pipeline = Pipeline([CropStage(CropSettings.for_cropped(size_px=32))])
    with closing(FileServer(tmp_path / "raw")) as server:
        url = f"{server.url}/id00001%23aaaaaaaaaaa.mp4"
        assert pipeline.run(url, tmp_path / "ray", engine="ray").done == 1
        assert pipeline.run(url, tmp_path / "local").done == 1
    ours, theirs = contents(tmp_path / "ray" / "video"), contents(tmp_path / "local" / "video")
    assert ours == theirs
    assert len(ours) == 60


def test_bad_rows_of_a_list_cost_no_other(cluster: Any, tmp_path: Path) -> None:
    write_video(tmp_path / "raw" / "v.mp4", (numbered(number, 64, 64) for number in range(30)))
    table = tmp_path / "mine.csv"
    table.write_text("file,start,end,left,top,right,bottom\nv.mp4,0,x,0,0,64,64\nv.mp4,0,1,0,0,64,64\n")
    pipeline = Pipeline([CropStage(CropSettings.for_metadata(size_px=32, min_frames=5))])
    engines: tuple[Engine, ...] = ("ray", "local")
    for engine in engines:
        summary = pipeline.run(table_videos(tmp_path / "raw", table), tmp_path / engine, engine=engine)
        assert (summary.done, dict(summary.rejected)) == (1, {"bad row": 1})
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")


def test_failures_are_named_and_errors_end_the_run(cluster: Any, raw: Path, reference: Path, tmp_path: Path) -> None:
    bad = open_store(reference).clips(Folder("video"))[3]
    summary = Pipeline([CROP, Grey(refuse=bad)]).run(videos_of(raw), tmp_path, engine="ray")
    assert (summary.done, list(summary.failed)) == (2 * NUM_VIDEOS - 1, [bad])
    (tmp_path / "label").write_text("a file where a folder should be")
    with pytest.raises(ProcessingError, match=r"cannot be written.*what is finished is kept"):
        Pipeline([Label()]).run(tmp_path, tmp_path, engine="ray")
    with pytest.raises(ConfigError, match="has 4 CPUs for 9 workers"):
        Pipeline([Label()]).run(tmp_path, tmp_path, engine="ray", workers=9)
    assert not list((tmp_path / "meta").glob(".partial-*"))


def test_a_deadly_clip_is_given_up_and_the_rest_is_done(
    cluster: Any, raw: Path, reference: Path, tmp_path: Path
) -> None:
    Pipeline([CROP]).run(videos_of(raw), tmp_path)
    deadly = open_store(tmp_path).clips(Folder("video"))[5]
    stage = Grey(deadly=deadly)
    summary = Pipeline([stage]).run(tmp_path, tmp_path, engine="ray")
    assert (summary.done, list(summary.failed)) == (2 * NUM_VIDEOS - 1, [deadly])
    assert "died 3 times" in summary.failed[deadly]
    (failed,) = [row for row in Provenance(tmp_path).rows() if row.status == "failed"]
    assert (failed.clip_id, failed.stage) == (deadly, "draw/grey")


def test_a_node_that_is_killed_costs_no_clip(cluster: Any, raw: Path, reference: Path, tmp_path: Path) -> None:
    doomed = cluster.add_node(num_cpus=2)
    cluster.wait_for_nodes()
    killed = threading.Event()

    def kill() -> None:
        while len(list((tmp_path / "draw" / "grey").glob("id*"))) < 3:
            time.sleep(0.02)
        cluster.remove_node(doomed, allow_graceful=False)
        killed.set()

    killer = threading.Thread(target=kill)
    killer.start()
    summary = Pipeline([CROP, Grey(seconds=0.4), *small_pipeline().stages[1:]]).run(
        videos_of(raw), tmp_path, engine="ray"
    )
    killer.join(60)
    assert killed.is_set()
    assert summary.failed == {}
    assert summary.workers == 3
    # workers of the killed node may have outlived it for a moment, and left something unfinished
    assert {name: data for name, data in contents(tmp_path).items() if ".partial-" not in name} == contents(reference)
    assert small_pipeline().run(videos_of(raw), tmp_path).skipped == 2 * NUM_VIDEOS
    assert contents(tmp_path) == contents(reference)

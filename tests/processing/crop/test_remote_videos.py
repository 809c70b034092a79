"""Raw videos behind URLs: fetched when it is their turn, and deleted after."""

import shutil
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from mmvoxceleb.cli.regenerate.crop_options import CropChoices
from mmvoxceleb.errors import ConfigError, SourceUnavailableError
from mmvoxceleb.files.partial import partial_prefix
from mmvoxceleb.meta.removal_list import add_removals
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.processing.crop import scratch
from mmvoxceleb.processing.crop.settings import CropSettings
from mmvoxceleb.processing.crop.sources import free_videos
from mmvoxceleb.processing.crop.stage import CropStage
from mmvoxceleb.processing.pipeline import Pipeline
from mmvoxceleb.schema import Folder
from mmvoxceleb.stores import open_store
from tests.support.http_server import FileServer
from tests.support.remote_places import ftp_server
from tests.support.stages import Grey
from tests.support.trees import contents
from tests.support.videos import numbered, write_video

CROP = CropStage(CropSettings.for_cropped(size_px=64))
PIPELINE = Pipeline([CROP])


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The scratch space."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path / "tmp"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    for name, count in {
        "id00012/aaaaaaaaaaa/00001": 9,
        "id00012/aaaaaaaaaaa/00002": 5,
        "id00013/b #1/00001": 7,
    }.items():
        write_video(tmp_path / "raw" / f"{name}.mp4", (numbered(i, 64, 64) for i in range(count)))
    (tmp_path / "raw" / "id00014").mkdir()
    (tmp_path / "raw" / "id00014" / "broken.mp4").write_bytes(b"nothing")
    return tmp_path / "raw"


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bucket_gives_the_same_as_a_folder(raw: Path, space: Path, tmp_path: Path, workers: int) -> None:
    pytest.importorskip("pyftpdlib")
    PIPELINE.run(raw, tmp_path / "local")
    with ftp_server(raw) as url:
        assert [video.path for video in free_videos(url)] == [None] * 4
        summary = PIPELINE.run(url, tmp_path / "remote", workers=workers)
        assert (summary.done, dict(summary.rejected)) == (3, {"broken video": 1})
        assert PIPELINE.run(url, tmp_path / "remote").done == 0
    assert files_below(space) == []
    ours, theirs = (
        {k: v for k, v in contents(tmp_path / name).items() if "video/" in k} for name in ("local", "remote")
    )
    assert ours == theirs
    assert len(ours) == 21


def test_one_video_by_its_address_and_one_that_is_gone(raw: Path, space: Path, tmp_path: Path) -> None:
    with closing(FileServer(raw)) as server:
        url = f"{server.url}/id00012/aaaaaaaaaaa/00001.mp4"
        assert PIPELINE.run(url, tmp_path / "out").done == 1
        gone = PIPELINE.run(f"{server.url}/id00012/aaaaaaaaaaa/00009.mp4", tmp_path / "out")
    assert open_store(tmp_path / "out").clips(Folder("video")) == ["id00012#aaaaaaaaaaa#00001.txt#000.mp4"]
    assert dict(gone.rejected) == {"unreachable": 1}
    assert files_below(space) == []


def test_what_was_made_of_a_video_that_is_gone_stays_and_is_gone_on_with(
    raw: Path, space: Path, tmp_path: Path
) -> None:
    with closing(FileServer(raw)) as server:
        url = f"{server.url}/id00012/aaaaaaaaaaa/00001.mp4"
        PIPELINE.run(url, tmp_path / "out")
        (raw / "id00012" / "aaaaaaaaaaa" / "00001.mp4").unlink()
        both = Pipeline([CROP, Grey()])
        both.run(url, tmp_path / "out").raise_if_failed()
    store = open_store(tmp_path / "out")
    clip_id = "id00012#aaaaaaaaaaa#00001.txt#000.mp4"
    assert store.clips(Folder("video")) == store.clips(Folder("drawing", "grey")) == [clip_id]


def test_overwriting_loses_nothing_of_a_video_that_cannot_be_read_now(raw: Path, space: Path, tmp_path: Path) -> None:
    out, clip_id = tmp_path / "out", "id00012#aaaaaaaaaaa#00001.txt#000.mp4"
    smaller = Pipeline([CropStage(CropSettings.for_cropped(size_px=32))])
    with closing(FileServer(raw)) as server:
        url = f"{server.url}/id00012/aaaaaaaaaaa/00001.mp4"
        PIPELINE.run(url, out)
        before = contents(out / "video")
        (raw / "id00012" / "aaaaaaaaaaa" / "00001.mp4").rename(raw / "away.mp4")
        summary = smaller.run(url, out, overwrite=True)
        assert dict(summary.rejected) == {"unreachable": 1}
        assert contents(out / "video") == before
        assert '"done"' in (out / "meta" / "ledger.jsonl").read_text()
        (raw / "away.mp4").rename(raw / "id00012" / "aaaaaaaaaaa" / "00001.mp4")
        assert smaller.run(url, out, overwrite=True).done == 1
    (first, *_) = sorted((out / "video" / clip_id).iterdir())
    assert Image.open(first).size == (32, 32)


def test_removed_people_are_not_fetched(raw: Path, space: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyftpdlib")
    add_removals(tmp_path / "out", Removals(person_id=frozenset({"id00012"})))
    for path in (raw / "id00012").rglob("*.mp4"):
        path.chmod(0o000)
    with ftp_server(raw) as url:
        summary = PIPELINE.run(url, tmp_path / "out")
    assert summary.done == 1
    assert "id00012" not in (tmp_path / "out" / "meta" / "ledger.jsonl").read_text()


def test_a_video_that_does_not_fit_the_scratch_space(
    raw: Path, space: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "SPARE_BYTES", shutil.disk_usage(space).total)
    with closing(FileServer(raw)) as server:
        summary = PIPELINE.run(f"{server.url}/id00012/aaaaaaaaaaa/00001.mp4", tmp_path / "out")
    assert dict(summary.rejected) == {"unreachable": 1}
    assert "set TMPDIR to a larger place" in (tmp_path / "out" / "meta" / "ledger.jsonl").read_text()
    assert files_below(space) == []


def test_what_killed_processes_left_is_deleted(raw: Path, space: Path) -> None:
    (found, *_) = free_videos(raw)
    assert found.path is not None
    left = space / scratch_folder() / f"{partial_prefix().rpartition('.')[0].rpartition('.')[0]}.999999999.x"
    left.mkdir(parents=True)
    (left / "video.mp4").touch()
    with scratch.fetched(f"file://{found.path}") as path:
        assert path.read_bytes() == found.path.read_bytes()
        assert not left.exists()
    assert not path.exists()


def scratch_folder() -> str:
    import os

    return f"mmvoxceleb-scratch-{os.getuid()}"


def test_addresses_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--download puts videos into RAW"):
        CropChoices(raw="s3://bucket/videos", download=True, metadata=tmp_path)
    with pytest.raises(SourceUnavailableError):
        free_videos("nonsense://bucket/videos")

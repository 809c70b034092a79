"""Downloads of weights, Drive files and videos from servers that send without end, next to nothing, or elsewhere."""

import gzip
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mmvoxceleb.errors import SourceUnavailableError
from mmvoxceleb.files import stalls
from mmvoxceleb.processing import download as download_module
from mmvoxceleb.processing.crop import fetch as fetch_module
from mmvoxceleb.processing.crop.fetch import fetch_video
from mmvoxceleb.processing.download import download
from mmvoxceleb.stores import drive
from mmvoxceleb.stores.drive import download_file
from tests.support.drive_server import DriveFile, DriveServer
from tests.support.rude_server import Answer, Request, Start


@pytest.fixture(autouse=True)
def short_waits_between_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_module, "FIRST_WAIT_SECONDS", 0.01)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Give up soon: for servers that never answer, as others may answer late on a busy machine."""

    def be_impatient() -> None:
        monkeypatch.setattr(download_module, "SILENT_SECONDS", 0.2)
        monkeypatch.setattr(stalls, "GROWTH_SECONDS", 0.5)

    return be_impatient


def endless(request: Request) -> None:
    request.begin(200, Transfer_Encoding="chunked", Content_Type="video/mp4")
    for _ in range(1 << 12):  # a gigabyte, for whoever takes it
        request.chunk(bytes(1 << 18))


def trickling(request: Request) -> None:
    request.begin(200, Content_Length=10**6, Content_Type="video/mp4")
    for _ in range(1000):
        request.wfile.write(b"x")
        request.wait(0.03)


def silent(request: Request) -> None:
    request.wait(30)


@pytest.mark.parametrize("size_bytes", [5 << 20, None])
def test_a_file_without_end_is_given_up(
    rude: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size_bytes: int | None
) -> None:
    monkeypatch.setattr(download_module, "LARGEST_BYTES", 6 << 20)
    server = rude(endless)
    with pytest.raises(SourceUnavailableError, match=r"sends more than the 6,291,456 bytes"):
        download([f"{server.url}/w.pth"], tmp_path / "w.pth", size_bytes=size_bytes)
    assert server.bytes_sent < 64 << 20
    assert not list(tmp_path.glob("w.pth*part"))


@pytest.mark.parametrize("reply", [trickling, silent])
def test_a_server_that_sends_next_to_nothing_is_given_up(
    rude: Start, tmp_path: Path, impatient: Callable[[], None], reply: Answer
) -> None:
    impatient()
    server = rude(reply)
    with pytest.raises(SourceUnavailableError, match=r"nothing came for 0 s after 0 bytes, 3 times"):
        download([f"{server.url}/w.pth"], tmp_path / "w.pth")
    assert len(server.requests) == 3
    time.sleep(0.2)
    assert all(path.stat().st_size == 0 for path in tmp_path.glob("w.pth*")), "nothing is written after it was given up"


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (lambda request: request.answer(200, gzip.compress(bytes(1 << 20)), Content_Encoding="gzip"), "compressed"),
        (lambda request: request.answer(302, Location="/again"), "redirects in a circle"),
        (lambda request: request.answer(302, Location="file:///etc/hostname"), "no web address, which is not followed"),
    ],
)
def test_what_is_not_taken_says_why(rude: Start, tmp_path: Path, reply: Answer, message: str) -> None:
    with pytest.raises(SourceUnavailableError, match=message):
        download([f"{rude(reply).url}/w.pth"], tmp_path / "w.pth")
    assert {path.suffix for path in tmp_path.iterdir()} <= {".lock"}


@pytest.fixture
def google(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DriveFile]:
    """A file on Drive with the id ``1slow``."""
    file = DriveFile(bytes(1 << 20))
    server = DriveServer(tmp_path, {"1slow": file})
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    yield file
    server.close()


def test_a_drive_that_stops_sending_is_given_up(
    google: DriveFile, tmp_path: Path, impatient: Callable[[], None]
) -> None:
    impatient()
    google.wait_seconds = 30
    with pytest.raises(SourceUnavailableError, match=r"did not arrive \(nothing came for 0 s after"):
        download_file("1slow", tmp_path / "out" / "video.zip", quiet=True)
    assert not (tmp_path / "out" / "video.zip").exists()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("https://drive.google.comHERE", "redirects in a circle"),
        ("file:///etc/hostname", "no web address, which is not followed"),
    ],
)
def test_a_drive_that_redirects_to_nowhere_says_so(
    google: DriveFile, tmp_path: Path, target: str, message: str
) -> None:
    google.answer = target
    with pytest.raises(SourceUnavailableError, match=rf"video\.zip: Google Drive id 1slow did not arrive .*{message}"):
        download_file("1slow", tmp_path / "out" / "video.zip", quiet=True)
    with pytest.raises(SourceUnavailableError, match=rf"w\.pth could not be downloaded: drive:1slow: .*{message}"):
        download(["drive:1slow"], tmp_path / "w.pth")


def test_a_drive_that_sends_too_much_is_given_up(
    google: DriveFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SourceUnavailableError, match=r"sends more than the 1,000 bytes"):
        drive.get_from_drive("1slow", tmp_path / "video.zip", quiet=True, most_bytes=1000)


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (endless, "has more than 0 GB"),
        (trickling, "nothing came for 0 s"),
        (silent, "nothing came for 0 s"),
        (lambda request: request.answer(302, Location="file:///etc/hostname"), "file"),
        (lambda request: request.answer(302, Location="/again"), "redirect"),
    ],
)
def test_videos_are_bounded_too(
    rude: Start,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    impatient: Callable[[], None],
    reply: Answer,
    message: str,
) -> None:
    pytest.importorskip("yt_dlp")
    monkeypatch.setattr(fetch_module, "LARGEST_VIDEO_BYTES", 4 << 20)
    if reply in (trickling, silent):
        impatient()
    server = rude(reply)
    with pytest.raises(SourceUnavailableError, match=rf"v1\.mp4 cannot be downloaded: .*{message}"):
        fetch_video("v1", tmp_path, url_template=server.url + "/{video_id}.mp4")
    assert server.bytes_sent < 64 << 20

"""Downloads from Drive: gdown's own code against a server that plays Drive."""

import hashlib
import json
import random
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import datasets
import pytest
from typer.testing import CliRunner

import mmvoxceleb  # noqa: F401  registers the name
from mmvoxceleb.cli.main import app
from mmvoxceleb.errors import ConfigError, CorruptSourceError, SourceUnavailableError
from mmvoxceleb.stores.drive import PUBLISHED_IDS, download_file, download_modalities
from tests.support.corpus import Corpus, zip_corpus
from tests.support.drive_server import DriveFile, DriveServer

Start = Callable[[dict[str, DriveFile]], DriveServer]
FILES = {"video": "video.zip", "mask": "mask.zip", "drawing": "draw.zip", "text": "txt.zip", "label": "label.zip"}
CHUNK = 512 * 1024  # what gdown writes at a time; less than that is lost with a cut connection
IDS = {name: f"1{name}AAAAAAAAAAAAAAAAAAAAAAAAAAAA" for name in FILES}


@pytest.fixture
def drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    servers: list[DriveServer] = []

    def start(files: dict[str, DriveFile]) -> DriveServer:
        servers.append(DriveServer(tmp_path, files))
        for name, value in servers[-1].environment.items():
            monkeypatch.setenv(name, value)
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def files(corpus: Corpus, tmp_path: Path) -> dict[str, DriveFile]:
    zips = zip_corpus(corpus, tmp_path / "zips")
    return {IDS[name]: DriveFile((zips / file).read_bytes()) for name, file in FILES.items()}


def large_zip(folder: Path) -> bytes:
    with zipfile.ZipFile(folder / "large.zip", "w") as archive:
        archive.writestr("video/a.bin", random.Random(0).randbytes(4 * CHUNK))
    return (folder / "large.zip").read_bytes()


def test_the_virus_scan_page_is_passed(drive: Start, files: dict[str, DriveFile], tmp_path: Path) -> None:
    for file in files.values():
        file.answer = "scan"
    drive(files)
    folder = download_modalities(["text", "mask"], ids=IDS, folder=tmp_path / "out", quiet=True)
    assert {path.name for path in folder.iterdir()} == {"txt.zip", "mask.zip"}
    assert (folder / "mask.zip").read_bytes() == files[IDS["mask"]].content


def test_a_cut_download_goes_on_where_it_stopped(drive: Start, tmp_path: Path) -> None:
    large = large_zip(tmp_path)
    server = drive({IDS["video"]: DriveFile(large, cut_after=[CHUNK + 1000, CHUNK + 2000])})
    path = download_file(IDS["video"], tmp_path / "out" / "video.zip", quiet=True)
    assert path.read_bytes() == large
    assert [asked for _, asked in server.transfers] == ["", f"bytes={CHUNK}-", f"bytes={2 * CHUNK}-"]


def test_a_later_run_takes_up_what_an_earlier_one_left(
    drive: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmvoxceleb.stores.drive._RETRIES", 0)
    large = large_zip(tmp_path)
    server = drive({IDS["video"]: DriveFile(large, cut_after=[CHUNK + 5000])})
    path = tmp_path / "out" / "video.zip"
    with pytest.raises(SourceUnavailableError, match=r"video\.zip.*did not arrive.*rerun this to resume"):
        download_file(IDS["video"], path, quiet=True)
    assert not path.exists()
    assert download_file(IDS["video"], path, quiet=True).read_bytes() == large
    assert server.transfers[-1] == (IDS["video"], f"bytes={CHUNK}-")
    before = len(server.transfers)
    download_file(IDS["video"], path, quiet=True)
    assert len(server.transfers) == before


def test_without_a_network_the_message_starts_with_the_withdrawal_and_ends_with_the_reason(
    drive: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmvoxceleb.stores.drive._RETRIES", 0)
    drive({}).close()
    with pytest.raises(SourceUnavailableError) as caught:
        download_modalities(["text"], folder=tmp_path / "out", quiet=True)
    message = str(caught.value)
    assert message.startswith("txt.zip: The published files of Multimodal VoxCeleb were withdrawn")
    (reason,) = re.findall(rf"This time, Google Drive id {PUBLISHED_IDS['text']} did not arrive \((.*)\)$", message)
    assert "refused" in reason
    assert "Max retries" not in reason


@pytest.mark.parametrize(
    ("answer", "words"),
    [("404", "not found"), ("403", "no access"), ("quota", "download quota"), ("sign-in", "no access")],
)
def test_withdrawn_files_name_the_ways_on(drive: Start, tmp_path: Path, answer: str, words: str) -> None:
    drive({file_id: DriveFile(answer=answer) for file_id in PUBLISHED_IDS.values()})
    with pytest.raises(SourceUnavailableError) as caught:
        download_modalities(["text"], folder=tmp_path / "out", quiet=True)
    message = str(caught.value)
    for part in (words, "withdrawn", "2024", "data_dir", "hf://", "regenerate", "txt.zip"):
        assert part in message
    assert not list((tmp_path / "out").glob("*.zip"))


def test_what_is_no_zip_is_refused_and_not_kept(drive: Start, tmp_path: Path) -> None:
    drive({IDS["text"]: DriveFile(b"<html>not a zip</html>")})
    with pytest.raises(CorruptSourceError, match=r"txt\.zip.*what arrived is not the file"):
        download_modalities(["text"], ids=IDS, folder=tmp_path / "out", quiet=True)
    assert not list((tmp_path / "out").iterdir())


def test_a_known_checksum_is_checked(drive: Start, files: dict[str, DriveFile], tmp_path: Path) -> None:
    drive(files)
    content = files[IDS["text"]].content
    digest = hashlib.sha256(content).hexdigest()
    path = tmp_path / "a" / "txt.zip"
    assert download_file(IDS["text"], path, sha256=digest, quiet=True).read_bytes() == content
    with pytest.raises(CorruptSourceError, match="sha256"):
        download_file(IDS["text"], tmp_path / "b" / "txt.zip", sha256="0" * 64, quiet=True)


def test_load_dataset_from_a_labs_own_drive(drive: Start, files: dict[str, DriveFile], corpus: Corpus) -> None:
    server = drive(files)
    dataset = datasets.load_dataset("mmvoxceleb", "text", drive_ids=IDS, split="train")
    assert dataset["clip_id"] == [clip for clip in sorted(corpus.clips) if "id10271" not in clip]
    assert {file_id for file_id, _ in server.transfers} == {IDS["text"]}
    with pytest.raises(SourceUnavailableError, match="has no id for mask"):
        datasets.load_dataset("mmvoxceleb", "mask", drive_ids={"text": IDS["text"]})
    with pytest.raises(ConfigError, match="two sources"):
        datasets.load_dataset("mmvoxceleb", "text", drive_ids=IDS, data_dir=str(corpus.root))


def test_the_published_files_by_load_dataset(drive: Start) -> None:
    drive({})
    with pytest.raises(SourceUnavailableError, match="withdrawn from Google Drive in June 2024"):
        datasets.load_dataset("mmvoxceleb", "text")
    with pytest.raises(SourceUnavailableError, match=r"cannot be streamed.*data_dir"):
        datasets.load_dataset("mmvoxceleb", "text", streaming=True)


def test_the_download_command(drive: Start, files: dict[str, DriveFile], tmp_path: Path) -> None:
    drive(files)
    ids = tmp_path / "ids.json"
    ids.write_text(json.dumps({"text": IDS["text"], "label": IDS["label"]}))
    result = CliRunner().invoke(app, ["download", str(tmp_path / "out"), "--ids", str(ids), "--quiet"])
    assert result.exit_code == 0, result.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"txt.zip", "label.zip"}
    assert "load_dataset('mmvoxceleb', data_dir=" in result.output
    ids.write_text("[]")
    result = CliRunner().invoke(app, ["download", str(tmp_path / "out"), "--ids", str(ids)])
    assert isinstance(result.exception, ConfigError)

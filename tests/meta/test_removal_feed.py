"""Removal lists elsewhere: read at each run over real HTTP, obeyed by all, opened only where the user says so."""

import json
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset
from typer.testing import CliRunner

import mmvoxceleb
from mmvoxceleb.cli.main import app
from mmvoxceleb.cliplists import ClipList
from mmvoxceleb.errors import ConfigError, CorruptSourceError, MissingModalityError, SourceUnavailableError
from mmvoxceleb.files import retry
from mmvoxceleb.hub.export import export_store
from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.meta import removal_feed
from mmvoxceleb.meta.removal_feed import follow, read_feeds
from mmvoxceleb.meta.removal_list import add_removals, read_removals
from mmvoxceleb.meta.removals import REMOVALS_PATH, Removals
from tests.support.corpus import Corpus, make_corpus
from tests.support.http_server import FileServer


class Feed:
    """A list on a web server, that can be written and be down."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "removed.jsonl"
        self.is_down = False
        self.server = FileServer(folder, fault=lambda *_: 503 if self.is_down else None)
        self.url = f"{self.server.url}/removed.jsonl"

    def say(self, *lines: dict[str, str]) -> None:
        self.path.write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture
def feed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Feed]:
    monkeypatch.setattr(retry, "FIRST_WAIT_SECONDS", 0.001)
    for name in (removal_feed.ADDRESSES, removal_feed.OFFLINE):
        monkeypatch.setenv(name, "")  # restored, whatever commands put there
    monkeypatch.setattr(removal_feed, "_read", {})
    folder = tmp_path / "web"
    folder.mkdir()
    found = Feed(folder)
    found.say()
    yield found
    found.server.close()


def loaded(corpus: Corpus, **options: Any) -> list[str]:
    whole = load_dataset("mmvoxceleb", "text", data_dir=str(corpus.root), **options)
    streamed = load_dataset("mmvoxceleb", "text", data_dir=str(corpus.root), streaming=True, **options)
    clips = sorted(clip for split in whole.values() for clip in split["clip_id"])
    assert clips == sorted(row["clip_id"] for split in streamed.values() for row in split)
    return clips


def command(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_load_dataset_reads_it_at_each_run(corpus: Corpus, feed: Feed) -> None:
    assert loaded(corpus, removals=feed.url) == sorted(corpus.clips)
    feed.say({"person_id": "id10001"}, {"clip_id": corpus.clips[2]})
    left = sorted(clip for clip in corpus.clips if "id10001" not in clip and clip != corpus.clips[2])
    assert loaded(corpus, removals=feed.url) == left
    assert loaded(corpus, removals=[str(feed.path)]) == left
    assert loaded(corpus) == sorted(corpus.clips)  # nobody named a list
    with pytest.raises(ConfigError, match="removals_offline='never'; the known ones are stop, last"):
        loaded(corpus, removals=feed.url, removals_offline="never")


def test_unreachable_means_stop_or_the_last_one(corpus: Corpus, feed: Feed, caplog: pytest.LogCaptureFixture) -> None:
    feed.is_down = True
    for offline in ("stop", "last"):
        with pytest.raises(SourceUnavailableError, match=r"jsonl: the removal list cannot .* none was read here"):
            loaded(corpus, removals=feed.url, removals_offline=offline)
    feed.is_down = False
    feed.say({"person_id": "id10001"})
    left = loaded(corpus, removals=feed.url)
    feed.is_down = True
    with pytest.raises(SourceUnavailableError, match=r"the last one that was read is of 20.* removals_offline='last'"):
        loaded(corpus, removals=feed.url)
    with caplog.at_level(logging.WARNING):
        assert loaded(corpus, removals=feed.url, removals_offline="last") == left
    assert "the removal list cannot be read" in caplog.text
    feed.is_down = False
    feed.path.unlink()  # 404 is no empty list
    with pytest.raises(SourceUnavailableError, match="nothing is done"):
        loaded(corpus, removals=feed.url)
    feed.path.write_text("<html>Please log in</html>")
    for offline in ("stop", "last"):
        with pytest.raises(CorruptSourceError, match=r"removed.jsonl, line 1"):
            loaded(corpus, removals=feed.url, removals_offline=offline)


def test_entries_that_go_are_told(feed: Feed, caplog: pytest.LogCaptureFixture) -> None:
    feed.say({"person_id": "id10001"}, {"video_id": "abc"})
    read_feeds(feed.url)
    feed.say({"video_id": "abc"})
    with caplog.at_level(logging.WARNING):
        assert read_feeds(feed.url) == Removals(video_id=frozenset(["abc"]))
    assert "1 entry that it had on" in caplog.text
    assert "id10001" not in caplog.text


def test_a_file_opens_no_address(
    own_corpus: Corpus, feed: Feed, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    feed.say({"clip_id": own_corpus.clips[0]})
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps({"elsewhere": feed.url}))
    add_removals(own_corpus.root, Removals(elsewhere=frozenset([feed.url])))
    settings = ExportSettings(modalities=("text",))
    with caplog.at_level(logging.WARNING):
        assert loaded(own_corpus) == sorted(own_corpus.clips)
        assert loaded(own_corpus, removals=str(other)) == sorted(own_corpus.clips)
        assert command("select", own_corpus.root, "--dry-run", "--json")
        with pytest.raises(ConfigError, match=r"asks you to obey the removal list .* --removals http"):
            export_store(own_corpus.root, tmp_path / "out", settings)
    assert feed.server.requests == []
    assert f"asks you to obey the removal list {feed.url}, too" in caplog.text
    assert loaded(own_corpus, removals=feed.url) == [own_corpus.clips[1]]


def test_what_is_to_happen_offline_needs_a_list(corpus: Corpus, feed: Feed) -> None:
    with pytest.raises(ConfigError, match="pass --removals, too"):
        command("validate", corpus.root, "--removals-offline", "last")


@pytest.mark.parametrize("address", ["removed.jsonl", "https://a b", "", "https://a\n", "x" * 30])
def test_a_store_names_addresses_only(address: str) -> None:
    with pytest.raises(ConfigError, match="elsewhere"):
        Removals(elsewhere=frozenset([address]))


def test_commands_obey_it(tmp_path: Path, feed: Feed) -> None:
    store = make_corpus(tmp_path / "store")
    gone = store.clips[0]
    feed.say({"clip_id": gone})
    assert command("remove", store.root, "--elsewhere", feed.url) == f"{store.root}: names {feed.url}\n"
    options = ("--removals", feed.url)
    told = json.loads(command("select", store.root, "--dry-run", "--json", *options))
    assert told["candidates"] == 4
    report = json.loads(command("validate", store.root, "--json", *options))
    assert sum(report["clips"].values()) == 4
    with pytest.raises(MissingModalityError, match="nothing for clip"):
        command("preview", store.root, "--clip", gone, "-o", tmp_path / "x.png", *options)
    shutil.rmtree(store.root / "txt")
    command("regenerate", "text", store.root, *options)
    assert len(list((store.root / "txt").iterdir())) == 4
    command("convert", store.root, tmp_path / "copy", "--codec", "png", *options)
    assert not (tmp_path / "copy" / "video" / gone).exists()
    # the copy names the list, too, and what it said today is not fixed in the copy
    assert read_removals(tmp_path / "copy", feeds=False) == Removals(elsewhere=frozenset([feed.url]))
    command("export", store.root, tmp_path / "out", "--modality", "label", "--no-charts", *options)
    card = (tmp_path / "out" / "README.md").read_text()
    assert f'clips = mmvoxceleb.without_removed(clips, "{feed.url}")' in card
    assert gone not in json.dumps(json.loads((tmp_path / "out" / "export.json").read_bytes()))


def test_the_environment_is_obeyed_in_child_processes(
    tmp_path: Path, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_corpus(tmp_path / "store", clips=3)
    shutil.rmtree(store.root / "txt")
    feed.say({"clip_id": store.clips[1]})
    monkeypatch.setenv(removal_feed.ADDRESSES, feed.url)
    command("regenerate", "text", store.root, "--workers", "2")
    assert len(list((store.root / "txt").iterdir())) == 2
    assert not (store.root / REMOVALS_PATH).exists()


def test_a_crop_obeys_it(tmp_path: Path, feed: Feed) -> None:
    from tests.support.videos import numbered, write_video

    raw = tmp_path / "raw"
    for name in ("ann/v1", "bob/v2", "bob/v3"):
        write_video(raw / name / "00001.mp4", (numbered(number, 256, 256) for number in range(70)))
    feed.say({"person_id": "ann"}, {"clip_id": "bob#v3#00001.txt#000.mp4"})
    command("regenerate", "crop", raw, tmp_path / "out", "--cropped", "--removals", feed.url)
    assert [path.name for path in (tmp_path / "out" / "video").iterdir()] == ["bob#v2#00001.txt#000.mp4"]


def test_copies_that_were_loaded_obey_it(corpus: Corpus, feed: Feed) -> None:
    pytest.importorskip("torch")
    from mmvoxceleb import ClipSampler
    from mmvoxceleb.sampling import ClipStream

    feed.say({"person_id": "id10001"})
    rows = load_dataset("mmvoxceleb", data_dir=str(corpus.root), split="train")
    stream = load_dataset("mmvoxceleb", data_dir=str(corpus.root), split="train", streaming=True)
    assert len(rows) == 3
    left = [corpus.clips[3]]
    for copy in (rows, stream):
        assert [row["clip_id"] for row in mmvoxceleb.without_removed(copy, feed.url)] == left
    settings: dict[str, Any] = {"num_frames": 2, "modalities": ("video",), "image_size": 16, "removals": feed.url}
    assert ClipSampler(rows, **settings).clip_ids == left
    assert ClipSampler(corpus.root, **settings).clip_ids == sorted(corpus.clips[2:])
    assert [sample["clip_id"] for sample in ClipStream(stream, **settings)] == left
    assert ClipSampler(rows, clips=ClipList.of([corpus.clips[0], corpus.clips[3]]), **settings).clip_ids == left
    feed.is_down = True
    with pytest.raises(SourceUnavailableError, match="the removal list cannot be read"):
        ClipSampler(rows, **settings)
    with pytest.raises(ConfigError, match="no column clip_id"):
        mmvoxceleb.without_removed(rows.remove_columns(["clip_id"]), feed.path)


def test_a_long_run_goes_on_with_what_it_read(
    corpus: Corpus, feed: Feed, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    feed.say({"clip_id": corpus.clips[0]})
    follow(feed.url)
    assert corpus.clips[0] in read_removals(corpus.root)
    asked = len(feed.server.requests)
    read_removals(corpus.root)
    assert len(feed.server.requests) == asked  # not at every clip
    monkeypatch.setattr(removal_feed, "_BELIEVED_SECONDS", -1.0)
    feed.say({"clip_id": corpus.clips[1]})
    assert corpus.clips[1] in read_removals(corpus.root)
    feed.is_down = True
    with caplog.at_level(logging.WARNING):
        assert corpus.clips[1] in read_removals(corpus.root)
    assert "what it said before holds" in caplog.text

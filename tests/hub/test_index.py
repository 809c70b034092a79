"""The small configs of an export: clips are chosen in the index and only their shards are fetched; a few are played."""

import io
import json
import logging
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
from huggingface_hub import DatasetCard
from PIL import Image
from typer.testing import CliRunner

from mmvoxceleb.cli.main import app
from mmvoxceleb.codecs.flac import encode_flac
from mmvoxceleb.hub.card import CardFacts
from mmvoxceleb.hub.derived import preview_of
from mmvoxceleb.hub.dropping import remove_from_export
from mmvoxceleb.hub.export import export_store
from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.preview.clip_view import view_clip
from mmvoxceleb.stores import open_store
from tests.hub.conftest import Run
from tests.support.corpus import Corpus, frame, make_corpus
from tests.support.loopback_hub import Hub

REPO = "lab/indexed"
PLAIN = CardFacts(charts=False)
KINDS = ("video", "mask", "text", "label", "audio")


@pytest.fixture(scope="module")
def talking(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    corpus = make_corpus(tmp_path_factory.mktemp("talking"))
    (corpus.root / "audio").mkdir()
    for clip, count in zip(corpus.clips, corpus.num_frames, strict=True):
        samples = (np.sin(np.arange(count * 640) / 16000 * 2 * np.pi * 440) * 9000).astype(np.int16)[None]
        (corpus.root / "audio" / f"{clip}.flac").write_bytes(encode_flac(samples, 16000))
    return corpus


@pytest.fixture(scope="module")
def exported(talking: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export") / "out"
    export_store(talking.root, out, ExportSettings(modalities=KINDS, max_shard_bytes=1), facts=PLAIN)
    return out


def rows_of(out: Path, part: str) -> list[dict[str, Any]]:
    return [row for path in sorted((out / "data" / part).glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def test_the_index_has_what_is_light_a_poster_and_the_shard_of_each_clip(exported: Path, talking: Corpus) -> None:
    rows = {row["clip_id"]: row for row in rows_of(exported, "index")}
    assert sorted(rows) == sorted(talking.clips)
    for number, clip in enumerate(talking.clips):
        row = rows[clip]
        assert {"num_frames", "label", "attributes", "label_source", "text"} <= set(row)
        assert not {"frames", "masks", "audio"} & set(row)
        assert clip in pq.read_table(exported / row["shard"], columns=["clip_id"]).column("clip_id").to_pylist()
        poster = Image.open(io.BytesIO(row["poster"]["bytes"])).convert("RGB")
        shown = frame(number, talking.num_frames[number] // 2)
        assert np.abs(np.asarray(poster, int) - shown).mean() < 12  # a JPEG of 40 px


def test_the_preview_plays_clips_with_their_sound(exported: Path, talking: Corpus) -> None:
    rows = {row["clip_id"]: row for row in rows_of(exported, "preview")}
    assert sorted(rows) == sorted(talking.clips)
    for number, clip in enumerate(talking.clips):
        with av.open(io.BytesIO(rows[clip]["video"]["bytes"]), "r") as file:
            assert (len(file.streams.video), len(file.streams.audio)) == (1, 1)
            pictures = [picture.to_ndarray(format="rgb24") for picture in file.decode(video=0)]
        assert len(pictures) == talking.num_frames[number]
        assert np.abs(pictures[3].astype(int) - frame(number, 3)).mean() < 15


def test_the_preview_shows_few_clips_evenly() -> None:
    clips = [f"{number:03d}" for number in range(100)]
    assert preview_of(clips) == ("000", "012", "025", "037", "050", "062", "075", "087")
    assert preview_of(clips[:3]) == ("000", "001", "002")
    assert preview_of([]) == ()


def test_videos_are_previewed_as_they_are(talking: Corpus, tmp_path: Path) -> None:
    settings = ExportSettings(modalities=("video", "label", "audio"), video="mp4")
    export_store(talking.root, tmp_path / "out", settings, facts=PLAIN)
    whole = {row["clip_id"]: row["video"]["bytes"] for row in rows_of(tmp_path / "out", "all")}
    assert {row["clip_id"]: row["video"]["bytes"] for row in rows_of(tmp_path / "out", "preview")} == whole
    assert all(row["poster"]["bytes"][:2] == b"\xff\xd8" for row in rows_of(tmp_path / "out", "index"))


def test_an_export_without_them_has_none_and_one_without_frames_no_poster(talking: Corpus, tmp_path: Path) -> None:
    export_store(talking.root, tmp_path / "none", ExportSettings(modalities=KINDS, index=False), facts=PLAIN)
    assert not {"index", "preview"} & {path.name for path in (tmp_path / "none/data").iterdir()}
    export_store(talking.root, tmp_path / "texts", ExportSettings(modalities=("mask", "text")), facts=PLAIN)
    assert "poster" not in rows_of(tmp_path / "texts", "index")[0]
    assert not (tmp_path / "texts/data/preview").exists()


def test_whoever_is_removed_leaves_index_and_preview_too(talking: Corpus, tmp_path: Path) -> None:
    export_store(talking.root, tmp_path / "out", ExportSettings(modalities=KINDS), facts=PLAIN)
    remove_from_export(tmp_path / "out", Removals(person_id=frozenset({"id11248"})))
    for part in ("all", "index", "preview"):
        assert {row["person_id"] for row in rows_of(tmp_path / "out", part)} == {"id10001", "id10271"}
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file() and b"video_0003" in path.read_bytes()]
    again = export_store(talking.root, tmp_path / "out", ExportSettings(modalities=KINDS), facts=PLAIN)
    assert again.written
    assert sorted(row["clip_id"] for row in rows_of(tmp_path / "out", "preview")) == sorted(talking.clips)


def test_the_only_style_of_a_store_is_shown_and_exported(tmp_path: Path) -> None:
    drawn = make_corpus(tmp_path / "store")
    (drawn.root / "draw/style1").rename(drawn.root / "draw/lines")
    assert "drawings" not in view_clip(open_store(drawn.root), drawn.clips[0]).missing
    result = CliRunner().invoke(app, ["export", str(drawn.root), str(tmp_path / "out"), "--no-charts"])
    assert result.exit_code == 0, result.output
    assert all(len(row["drawings"]) >= 3 for row in rows_of(tmp_path / "out", "drawing"))


def test_frames_that_make_no_video_or_poster_end_no_export(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    odd = make_corpus(tmp_path / "store", clips=3)
    first, second, third = (odd.root / "video" / clip for clip in odd.clips)
    Image.new("RGB", (20, 30)).save(first / "0000004.png")
    for path in second.iterdir():
        Image.open(path).convert("L").resize((15, 31)).save(path)
    for path in sorted(third.iterdir())[1:]:
        path.unlink()
    settings = ExportSettings(modalities=("video", "label"))
    with caplog.at_level(logging.WARNING):
        export_store(odd.root, tmp_path / "out", settings, facts=PLAIN)
    assert f"not in the config preview: clip {odd.clips[0]}: its frames differ in size" in caplog.text
    assert {row["clip_id"] for row in rows_of(tmp_path / "out", "preview")} == set(odd.clips[1:])
    assert all(row["poster"] for row in rows_of(tmp_path / "out", "index"))
    again = export_store(odd.root, tmp_path / "out", settings, facts=PLAIN)
    assert again.written == 0


def test_without_pyav_there_is_no_preview_and_the_log_says_why(
    talking: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with caplog.at_level(logging.WARNING):
        export_store(talking.root, tmp_path / "out", ExportSettings(modalities=("video", "label")), facts=PLAIN)
    assert "the config preview is left out, since it needs PyAV" in caplog.text
    assert not (tmp_path / "out/data/preview").exists()
    configs = [config["config_name"] for config in DatasetCard.load(tmp_path / "out/README.md").data.configs]
    assert "index" in configs
    assert "preview" not in configs


READ = f"""
import json
REPO = {REPO!r}
mark("index")
index = load_dataset(REPO, "index", split="train")
chosen = index.filter(lambda row: row["num_frames"] == 13)
mark("clips")
clips = load_dataset(
    REPO, data_files=sorted(set(chosen["shard"])), split="train", streaming=True,
    columns=["clip_id", "frames"], filters=[("clip_id", "in", list(chosen["clip_id"]))],
)
found = [[row["clip_id"], len(row["frames"])] for row in clips]
mark("end")
print(json.dumps([index.column_names, index[0]["poster"].size, found]))
"""


def test_stock_clients_choose_clips_in_the_index_and_fetch_no_other_shard(
    exported: Path, talking: Corpus, hub: Hub, program: Run, stock: Run
) -> None:
    done = program("push", exported, REPO)
    assert done.returncode == 0, done.stderr[-3000:]
    names, size, found = json.loads(stock(READ).stdout.splitlines()[-1])
    assert {"clip_id", "poster", "shard"} <= set(names)
    assert size == [40, 24]
    assert found == [[talking.clips[1], 13]]
    at = {one.path: place for place, one in enumerate(hub.seen) if one.path.startswith("/mark/")}
    index, clips, end = at["/mark/index"], at["/mark/clips"], at["/mark/end"]
    fetched = [
        {one.path for one in hub.seen[first:last] if one.path.endswith(".parquet") and one.method == "GET"}
        for first, last in ((index, clips), (clips, end))
    ]
    assert all("/data/index/" in path for path in fetched[0])
    assert len(fetched[1]) == 1
    assert all("/data/all/" in path for path in fetched[1])

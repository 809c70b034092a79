"""Clips that have no sound or no scores, in exports and in training on them."""

import json
import logging
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Audio, load_dataset
from torch.utils.data import DataLoader
from typer.testing import CliRunner

from mmvoxceleb import ClipSampler
from mmvoxceleb.cli.main import app
from mmvoxceleb.codecs.flac import encode_flac
from mmvoxceleb.errors import MissingModalityError
from mmvoxceleb.hub.export import export_store
from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.modalities import AUDIO, MODALITIES, SCORES, ClipScores
from mmvoxceleb.sampling.stream import ClipStream
from mmvoxceleb.stores.clip import StoredClip
from mmvoxceleb.viewer.export_store import ExportStore
from mmvoxceleb.viewer.facts import facts_of
from tests.support.corpus import Corpus, make_corpus

ALL = (*MODALITIES, AUDIO.name, SCORES.name)
WHY = "the video has no sound"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Five clips: the second has no sound, as its video has none; the fourth lacks it; the third is not scored."""
    corpus = make_corpus(tmp_path_factory.mktemp("lacking") / "store", frames=8)
    for folder in ("audio", "score", "meta"):
        (corpus.root / folder).mkdir()
    for number, (clip, count) in enumerate(zip(corpus.clips, corpus.num_frames, strict=True)):
        tone = (np.sin(np.arange(count * 640) / 9) * 8000).astype(np.int16)[None]
        if number not in (1, 3):
            (corpus.root / "audio" / f"{clip}.flac").write_bytes(encode_flac(tone, 16000))
        if number != 2:
            scores = ClipScores(count, {"yaw": number + 0.5}, {"yaw": 1}).to_bytes()
            (corpus.root / "score" / f"{clip}.json").write_bytes(scores)
    (corpus.root / "meta" / f"{corpus.clips[1]}.json").write_text(json.dumps({"audio": {"without": WHY}}))
    return corpus


@pytest.fixture(scope="module")
def shards(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("shards") / "out"
    export_store(corpus.root, out, ExportSettings(modalities=ALL))
    return out


def rows_of(shards: Path) -> dict[str, Any]:
    splits = load_dataset(str(shards), "all").values()
    return {row["clip_id"]: row for split in splits for row in split.cast_column("audio", Audio(decode=False))}


def test_a_clip_whose_video_has_no_sound_is_exported_with_null_and_so_is_one_without_scores(
    corpus: Corpus, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        report = export_store(corpus.root, tmp_path / "out", ExportSettings(modalities=ALL))
    silent, unscored, unmade = corpus.clips[1:4]
    assert report.clips == 4
    assert report.left_out == {unmade: "lacks audio"}
    assert report.without == {"audio": [silent], "score": [unscored]}
    assert f"1 of 5 clips are incomplete: 1 lack audio, such as {unmade}. They are left out" in caplog.text
    assert f"regenerate audio {corpus.root} --raw VIDEOS" in caplog.text
    assert f"1 lack score, such as {unscored}. They get null for it; or run: mmvoxceleb regenerate score" in caplog.text
    rows = rows_of(tmp_path / "out")
    assert {clip for clip, row in rows.items() if row["audio"] is None} == {silent}
    assert {clip for clip, row in rows.items() if row["score"] is None} == {unscored}
    assert rows[corpus.clips[4]]["score"]["yaw"] == 4.5
    assert rows[silent]["num_frames"] == len(rows[silent]["frames"]) == corpus.num_frames[1]


def tar_names(path: Path) -> list[str]:
    with tarfile.open(path) as tar:
        return tar.getnames()


@pytest.mark.parametrize("video", ["png", "mp4"])
def test_tars_and_folders_lack_the_file(corpus: Corpus, tmp_path: Path, video: str) -> None:
    silent = corpus.clips[1]
    settings = ExportSettings(format="webdataset", modalities=ALL, video=video)  # type: ignore[arg-type]
    export_store(corpus.root, tmp_path / "tars", settings)
    names = [name for path in (tmp_path / "tars").rglob("*.tar") for name in tar_names(path)]
    assert sum(name.endswith(".flac") for name in names) == 3
    assert sum(name.endswith(".json") for name in names) == 4
    if video == "png":
        settings = ExportSettings(format="folder", modalities=ALL)
        for _ in range(2):  # the second one finds them whole
            report = export_store(corpus.root, tmp_path / "folders", settings)
        assert (report.clips, report.written) == (4, 0)
        assert (tmp_path / "folders/video" / silent).is_dir()
        assert not (tmp_path / "folders/audio" / f"{silent}.flac").exists()


def test_training_with_sound_leaves_out_what_has_none_and_without_sound_does_not(
    corpus: Corpus, shards: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options: dict[str, Any] = {"num_frames": 4, "frame_step": 1, "image_size": 32}
    train = load_dataset(str(shards), "all", split="train")
    silent = corpus.clips[1]
    assert silent in train["clip_id"]
    with caplog.at_level(logging.WARNING):
        heard = ClipSampler(train, modalities=("video", "audio"), **options)
    assert heard.clip_ids == [clip for clip in train["clip_id"] if clip != silent]
    assert f"1 of {len(train)} clips of the dataset are incomplete: 1 have no audio, such as {silent}" in caplog.text
    assert len([heard[index] for index in range(len(heard))]) == len(train) - 1
    caplog.clear()
    assert ClipSampler(train, modalities=("video", "mask"), **options).clip_ids == list(train["clip_id"])
    assert not caplog.text
    stream = load_dataset(str(shards), "all", split="train", streaming=True)
    with caplog.at_level(logging.WARNING):
        seen = [sample["clip_id"] for sample in ClipStream(stream, modalities=("video", "audio"), **options)]
    assert sorted(seen) == sorted(heard.clip_ids)
    assert "they have no audio" in caplog.text
    batches = DataLoader(ClipSampler(train, modalities=("video", "audio"), **options), batch_size=2, num_workers=2)
    assert sum(len(batch["clip_id"]) for batch in batches) == len(heard)


def test_the_message_says_that_there_is_nothing_to_make(
    corpus: Corpus, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    only = tmp_path / "only.txt"
    only.write_text("\n".join(corpus.clips[:2]))
    with caplog.at_level(logging.WARNING):
        sampler = ClipSampler(corpus.root, modalities=("video", "audio"), clips=only, num_frames=2)
    assert sampler.clip_ids == [corpus.clips[0]]
    assert f"1 lack audio, such as {corpus.clips[1]} ({WHY}). They are left out" in caplog.text
    assert "regenerate audio" not in caplog.text
    assert "to keep them, sample fewer with modalities=(...)" in caplog.text


def test_the_command_counts_them(corpus: Corpus, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["export", str(corpus.root), str(tmp_path / "out"), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    silent, unscored, unmade = corpus.clips[1:4]
    assert (told["clips"], told["left_out"]) == (4, {unmade: "lacks audio"})
    assert told["without"] == {"audio": [silent], "score": [unscored]}
    shown = CliRunner().invoke(app, ["export", str(corpus.root), str(tmp_path / "out")]).output
    assert "left out" in shown
    assert "without audio" in shown
    plan = json.loads(
        CliRunner().invoke(app, ["export", str(corpus.root), str(tmp_path / "b"), "--dry-run", "--json"]).stdout
    )
    assert (plan["left_out"], plan["without"]) == (told["left_out"], told["without"])


def test_the_viewer_shows_an_export_in_which_a_clip_has_null(corpus: Corpus, shards: Path) -> None:
    store = ExportStore(shards)
    for clip_id, kind in ((corpus.clips[1], AUDIO), (corpus.clips[2], SCORES)):
        assert not StoredClip(store, clip_id).has(kind.folder())
        with pytest.raises(MissingModalityError, match=f"has no {kind.folder()} of clip {clip_id}"):
            StoredClip(store, clip_id).value(kind)
        assert facts_of(StoredClip(store, clip_id)).num_frames == corpus.frames_of(clip_id)


def test_an_export_for_a_trainer_counts_them(corpus: Corpus, tmp_path: Path) -> None:
    from mmvoxceleb.trainers.export import export_for

    report = export_for("echomimic", corpus.root, tmp_path / "out")
    assert set(report.left_out) == {corpus.clips[1], corpus.clips[3]}
    assert report.left_out[corpus.clips[1]] == f"clip {corpus.clips[1]}: lacks audio ({WHY})"

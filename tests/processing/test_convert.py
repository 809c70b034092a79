"""Stores turned into video files and back: frames, indices, and all that belongs to them."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from mmvoxceleb.cli.main import app
from mmvoxceleb.codecs.views import WHOLE, rgb_of
from mmvoxceleb.errors import ConfigError, IncompatibleOutputError
from mmvoxceleb.meta.provenance import LedgerRow, Provenance
from mmvoxceleb.meta.removal_list import add_removals, read_removals
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.modalities import VIDEO
from mmvoxceleb.processing import Pipeline
from mmvoxceleb.processing.convert import ConvertStage
from mmvoxceleb.processing.frame_codec import FrameCodec
from mmvoxceleb.stores import open_store
from mmvoxceleb.stores.clip import StoredClip
from mmvoxceleb.validation import validate_store
from tests.support.corpus import Corpus, make_corpus, png
from tests.support.ray_cluster import connected_ray
from tests.support.trees import contents
from tests.support.videos import number_of, numbered

MP4, LOSSLESS, PNG = (FrameCodec(codec, keyframe_every=3) for codec in ("mp4", "mp4-lossless", "png"))
HOLES = [*range(1, 6), 9, 10, 11, 20]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Numbered frames with holes among them; provenance, a ledger, and a clip on the removal list."""
    corpus = make_corpus(tmp_path_factory.mktemp("corpus") / "store", clips=4, frames=12)
    for clip in corpus.clips:
        shutil.rmtree(corpus.root / "video" / clip)
        (corpus.root / "video" / clip).mkdir()
        for index in HOLES:
            noise = np.random.default_rng(index).integers(0, 20, (64, 96, 3))
            data = png(np.asarray(numbered(index) + noise, np.uint8))
            (corpus.root / "video" / clip / f"{index:07d}.png").write_bytes(data)
    provenance = Provenance(corpus.root)
    for clip in corpus.clips:
        provenance.finish(clip, {"mask": {"settings": {"stride": 4}}, "label_source": "manual"})
    provenance.record([LedgerRow(corpus.clips[0], "mask", "done"), LedgerRow("id1#x", "crop", "rejected", "too short")])
    add_removals(corpus.root, Removals(clip_id=frozenset({corpus.clips[3]})))
    (corpus.root / "txt" / f"{corpus.clips[2]}.txt").unlink()
    return corpus


def converted(source: Path, out: Path, codec: FrameCodec, **options: Any) -> Any:
    return Pipeline([ConvertStage(codec)]).run(str(source), out, **options)


def frames_of(root: Path, clip: str) -> tuple[list[int], list[np.ndarray]]:
    stored = StoredClip(open_store(root), clip)
    data = stored.pictures(VIDEO.folder(), range(stored.num_frames(VIDEO.folder())))
    pictures = [rgb_of(each, WHOLE, None, where="here")[..., :3].copy() for each in data]
    return stored.indices(VIDEO.folder()).tolist(), pictures


def test_there_and_back(corpus: Corpus, tmp_path: Path) -> None:
    summary = converted(corpus.root, tmp_path / "mp4", LOSSLESS)
    assert (summary.done, summary.failed) == (3, {})
    converted(tmp_path / "mp4", tmp_path / "png", PNG, layout="packed").raise_if_failed()
    for clip in corpus.clips[:3]:
        assert (tmp_path / "mp4" / "video" / clip).is_file()
        indices, pictures = frames_of(corpus.root, clip)
        assert indices == HOLES
        for place in ("mp4", "png"):
            after = frames_of(tmp_path / place, clip)
            assert after[0] == HOLES
            assert all(map(np.array_equal, after[1], pictures))
        store, back = open_store(corpus.root), open_store(tmp_path / "png")
        for folder in store.folders():
            if folder.modality not in ("video", "meta") and StoredClip(store, clip).has(folder):
                assert back.read(folder, clip) == store.read(folder, clip)
        meta = json.loads((tmp_path / "png" / "meta" / f"{clip}.json").read_text())
        assert meta["mask"] == {"settings": {"stride": 4}}
        assert meta["label_source"] == "manual"
        assert meta["convert"]["before"]["settings"] == {"codec": "mp4-lossless", "keyframe_every": 3}
    rows = {(row.clip_id, row.stage, row.status) for row in Provenance(tmp_path / "png").rows()}
    assert {(corpus.clips[0], "mask", "done"), ("id1#x", "crop", "rejected")} < rows
    assert corpus.clips[3] in read_removals(tmp_path / "png")
    assert not [name for name in contents(tmp_path / "png") if corpus.clips[3] in name and "removals" not in name]
    assert validate_store(open_store(tmp_path / "mp4"), deep=True).problem_counts.keys() <= {
        "gap", "missing", "unmatched", "leak"
    }  # fmt: skip


def test_what_is_lost_is_measured(corpus: Corpus, tmp_path: Path) -> None:
    summary = converted(corpus.root, tmp_path / "a", MP4)
    worse = converted(corpus.root, tmp_path / "b", replace(MP4, crf=40))
    level, lower = (min(each.figures["convert.psnr_db"]) for each in (summary, worse))
    assert 30 < level < 60
    assert lower < level - 1
    indices, pictures = frames_of(tmp_path / "a", corpus.clips[0])
    assert [number_of(picture) for picture in pictures] == indices == HOLES
    meta = json.loads((tmp_path / "a" / "meta" / f"{corpus.clips[0]}.json").read_text())["convert"]
    assert meta["settings"] == {"codec": "mp4", "crf": 16, "keyframe_every": 3}
    assert meta["bytes"] == (tmp_path / "a" / "video" / corpus.clips[0]).stat().st_size
    # and once more with the same settings: nothing is lost twice
    converted(tmp_path / "a", tmp_path / "c", MP4).raise_if_failed()
    for clip in corpus.clips[:3]:
        assert (tmp_path / "c" / "video" / clip).read_bytes() == (tmp_path / "a" / "video" / clip).read_bytes()


def test_a_second_run_goes_on_or_refuses(corpus: Corpus, tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    shutil.copytree(corpus.root, source)
    assert converted(source, out, LOSSLESS, limit=1).done == 1
    summary = converted(source, out, LOSSLESS)
    assert (summary.done, summary.skipped) == (2, 1)
    with pytest.raises(IncompatibleOutputError, match="keyframe_every was 3 and is 2"):
        converted(source, out, replace(LOSSLESS, keyframe_every=2))
    with pytest.raises(ConfigError, match="cannot be converted into itself"):
        converted(source, source, PNG)
    with pytest.raises(ConfigError, match="cannot be converted into itself; name a new place outside it"):
        converted(source, source / "video" / "inside", PNG)
    assert not (source / "video" / "inside").exists()
    (source / "video" / corpus.clips[0] / "0000020.png").unlink()
    summary = converted(source, out, LOSSLESS)
    assert list(summary.failed) == [corpus.clips[0]]
    assert "--overwrite" in summary.failed[corpus.clips[0]]
    assert converted(source, out, LOSSLESS, overwrite=True).done == 1
    assert frames_of(out, corpus.clips[0])[0] == HOLES[:-1]


def test_the_command_says_what_was_lost(corpus: Corpus, tmp_path: Path) -> None:
    command = ["convert", str(corpus.root), str(tmp_path / "out"), "--crf", "30", "--keyframe-every", "2"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "3 clips, 27 frames" in result.output
    assert "PSNR      3" in result.output
    result = CliRunner().invoke(app, [*command[:3], "--codec", "png", "--crf", "30"])
    assert isinstance(result.exception, ConfigError)


@pytest.mark.parametrize("engine", ["processes", "ray"])
def test_engines_give_the_same_bytes(corpus: Corpus, tmp_path: Path, engine: str) -> None:
    options: Any = {"engine": "ray"} if engine == "ray" else {}
    with connected_ray() if engine == "ray" else contextlib.nullcontext():
        assert converted(corpus.root, tmp_path / "a", MP4, workers=2, **options).done == 3
    converted(corpus.root, tmp_path / "b", MP4)
    assert _without_runs(tmp_path / "a") == _without_runs(tmp_path / "b")


PROGRAM = """
import sys
from mmvoxceleb.processing import Pipeline
from mmvoxceleb.processing.convert import ConvertStage
from mmvoxceleb.processing.frame_codec import FrameCodec
Pipeline([ConvertStage(FrameCodec("mp4", keyframe_every=3))]).run(sys.argv[1], sys.argv[2])
"""


def test_a_killed_run_leaves_nothing_half(corpus: Corpus, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(corpus.root), str(out)], cwd=os.getcwd())
        number = len(_clips(out))
        while process.poll() is None and len(_clips(out)) == number:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for clip in _clips(out):
            assert frames_of(out, clip)[0] == HOLES
    converted(corpus.root, out, MP4).raise_if_failed()
    converted(corpus.root, tmp_path / "whole", MP4)
    assert _without_runs(out) == _without_runs(tmp_path / "whole")


def _clips(out: Path) -> list[str]:
    folder = out / "video"
    return [path.name for path in folder.iterdir() if path.name.startswith("id")] if folder.is_dir() else []


def _without_runs(root: Path) -> dict[str, Any]:
    return {name: data for name, data in contents(root).items() if "runs" not in name}

"""Sound through a run: beside the clips as they are cropped, and afterwards for clips that exist."""

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from mmvoxceleb.cli.main import app
from mmvoxceleb.codecs.flac import FlacSound
from mmvoxceleb.errors import ConfigError, IncompatibleOutputError
from mmvoxceleb.meta.provenance import Provenance
from mmvoxceleb.processing import AudioSettings, AudioStage, Pipeline, Summary
from mmvoxceleb.processing.audio import video_sound
from mmvoxceleb.processing.audio.blocks import decoded_blocks
from mmvoxceleb.processing.crop import CropSettings
from mmvoxceleb.processing.crop.stage import CropStage
from mmvoxceleb.stores import open_store
from mmvoxceleb.validation import validate_store
from tests.support import talking
from tests.support.raw_videos import CROP, make_raw_videos, videos_of
from tests.support.talking import clicks, found_clicks, write_talking
from tests.support.trees import contents
from tests.support.videos import numbered, write_video

WHOLE = CropStage(CropSettings.for_cropped(size_px=64))
CLIPS = ("id1#aaaaaaaaaaa#00001.txt#000.mp4", "id1#bbbbbbbbbbb#00001.txt#000.mp4", "id2#ccccccccccc#00001.txt#000.mp4")


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six videos with two utterances each, with sound."""
    return make_raw_videos(tmp_path_factory.mktemp("raw"), 3, with_sound=True)


@pytest.fixture(scope="module")
def made(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "store"
    assert run(raw, out, AudioStage()).done == 6
    return out


def run(raw: Path, out: Path, *stages: Any, **options: Any) -> Summary:
    return Pipeline([CROP, *stages]).run(videos_of(raw), out, **options)


def sounds(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (out / "audio").iterdir()}


def test_each_clip_has_the_sound_of_its_frames(made: Path) -> None:
    assert validate_store(open_store(made), deep=True).ok
    for clip_id in open_store(made).clips(open_store(made).folders()[0]):
        meta = json.loads((made / "meta" / f"{clip_id}.json").read_text())
        start, count = meta["crop"]["start"], meta["crop"]["num_frames"]
        sound = FlacSound((made / "audio" / f"{clip_id}.flac").read_bytes())
        assert sound.info[:4] == (16000, 1, 16, count * 640)
        expected = [at - start / 25 for at in (0.2, 0.7, 1.2, 1.7) if start / 25 <= at < (start + count) / 25 - 0.02]
        heard = found_clicks(np.rint(sound.samples()[0] * 32768), 16000)
        assert np.allclose(heard, expected, atol=0.001), (heard, expected)
        assert meta["audio"]["codec"] == "aac"
        assert meta["audio"]["source_rate"] == 32000
        assert meta["audio"]["settings"] == {"rate": 16000, "channels": 1, "format": "flac, 16 bits"}


def test_worker_processes_and_later_runs_give_the_same_bytes(raw: Path, made: Path, tmp_path: Path) -> None:
    assert run(raw, tmp_path / "out", workers=2).done == 6  # without sound first
    renamed = tmp_path / "renamed"
    for number, path in enumerate(sorted((raw / "raw").iterdir())):
        (renamed / f"{number}").mkdir(parents=True)
        shutil.copy(path, renamed / f"{number}" / "video.mp4")
    pipeline = Pipeline([AudioStage(raw=renamed)])
    assert pipeline.run(tmp_path / "out", tmp_path / "out", workers=2).done == 6
    assert contents(tmp_path / "out") == contents(made)
    assert pipeline.run(tmp_path / "out", tmp_path / "out").done == 0


def test_ray_gives_the_same_bytes(raw: Path, made: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    pytest.importorskip("ray", reason="needs the extra mmvoxceleb[ray]")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    request.addfinalizer(cluster.shutdown)
    handler = signal.getsignal(signal.SIGTERM)
    assert run(raw, tmp_path, AudioStage(), engine="ray", address=cluster.address, workers=1).done == 6
    assert signal.getsignal(signal.SIGTERM) == handler
    assert contents(tmp_path) == contents(made)


def test_a_video_is_decoded_once_for_all_of_its_clips(
    raw: Path, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []

    def counted(*arguments: Any) -> Any:
        opened.append(arguments[0].path)
        return decoded_blocks(*arguments)

    monkeypatch.setattr(video_sound, "decoded_blocks", counted)
    run(raw, tmp_path / "a", AudioStage())
    assert len(opened) == 3
    opened.clear()
    run(raw, tmp_path / "b")
    Pipeline([AudioStage(raw=raw / "raw")]).run(tmp_path / "b", tmp_path / "b")
    assert len(opened) == 3
    assert sounds(tmp_path / "a") == sounds(tmp_path / "b") == sounds(made)


def test_what_is_done_is_skipped_and_other_settings_are_refused(raw: Path, made: Path, tmp_path: Path) -> None:
    out = tmp_path / "store"
    shutil.copytree(made, out)
    before = contents(out)
    assert run(raw, out, AudioStage()).skipped == 6
    other = AudioStage(AudioSettings(8000, 2))
    with pytest.raises(IncompatibleOutputError, match="made in another way: audio: channels was 1 and is 2; rate was"):
        run(raw, out, other)
    assert contents(out) == before
    lost = next(iter(sorted((out / "audio").iterdir())))
    lost.unlink()
    assert run(raw, out, AudioStage()).done == 1
    assert contents(out) == before
    assert run(raw, out, other, overwrite=True).done == 6
    info = FlacSound(lost.read_bytes()).info
    assert (info.rate, info.channels) == (8000, 2)


def test_videos_that_are_not_there_or_another_fail_alone(raw: Path, tmp_path: Path) -> None:
    run(raw, tmp_path / "out")
    here = tmp_path / "here"
    here.mkdir()
    first, second, third = sorted((raw / "raw").iterdir())
    shutil.copy(first, here)
    shutil.copy(third, here / second.name)  # another one under its name
    summary = Pipeline([AudioStage(raw=here)]).run(tmp_path / "out", tmp_path / "out")
    assert summary.done == 4
    assert len(summary.failed) == 2
    assert f"its video, {second.name} of " in next(iter(summary.failed.values()))
    with pytest.raises(ConfigError, match="sound is cut from videos: name their folder"):
        Pipeline([AudioStage()]).run(tmp_path / "out", tmp_path / "out")


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips that are cropped already: one with sound, one without, one whose sound is damaged in part."""
    root = tmp_path_factory.mktemp("odd")
    (root / "id1" / "aaaaaaaaaaa").mkdir(parents=True)
    write_talking(root / "id1" / "aaaaaaaaaaa" / "00001.mp4", seconds=3.0)
    write_video(root / "id1" / "bbbbbbbbbbb" / "00001.mp4", [numbered(i, 64, 64) for i in range(30)])
    path = root / "id2" / "ccccccccccc" / "00001.mkv"
    write_talking(path, seconds=3.0, audio="flac", rate=16000)
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
    at = data.find(packets[len(packets) // 2])
    data[at + 40 : at + 300] = bytes(260)
    path.write_bytes(data)
    return root


def test_without_sound_and_with_damaged_sound(odd: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    arguments = ["regenerate", "crop", str(odd), str(tmp_path), "--cropped", "--size", "64"]
    done = runner.invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "noted" in done.output
    assert "1 clip: no sound" in done.output
    (path,) = (tmp_path / "meta" / "runs").iterdir()
    assert json.loads(path.read_text())["remarks"] == {"no sound": 1}
    assert [(row.clip_id, row.status) for row in Provenance(tmp_path).rows() if row.stage == "audio"] == [
        (CLIPS[0], "done"),
        (CLIPS[2], "done"),
    ]
    assert sorted(sounds(tmp_path)) == [f"{CLIPS[0]}.flac", f"{CLIPS[2]}.flac"]
    provenance = Provenance(tmp_path)
    silent = provenance.section(CLIPS[1], "audio")
    assert silent is not None
    assert silent["without"] == "the video has no sound"
    damaged = provenance.section(CLIPS[2], "audio")
    assert damaged is not None
    assert damaged["damaged_packets"] >= 1
    assert damaged["silent_ms"] > 50
    assert validate_store(open_store(tmp_path), deep=True).problem_counts == {}
    before = contents(tmp_path)
    again = runner.invoke(app, arguments)
    assert "3 clips that an earlier run finished" in again.output
    assert contents(tmp_path) == before


def test_the_command_makes_it_afterwards(odd: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    crop = ["regenerate", "crop", str(odd), str(tmp_path / "out"), "--cropped", "--size", "64", "--no-audio"]
    assert runner.invoke(app, crop).exit_code == 0
    assert not (tmp_path / "out" / "audio").exists()
    audio = ["regenerate", "audio", str(tmp_path / "out"), "--raw", str(odd), "--audio-rate", "22050"]
    dry = runner.invoke(app, [*audio, "--dry-run"])
    assert "to do     3 videos\n" in dry.output
    done = runner.invoke(app, audio)
    assert done.exit_code == 0, done.output
    sound = FlacSound((tmp_path / "out" / "audio" / f"{CLIPS[0]}.flac").read_bytes())
    assert sound.info[:4] == (22050, 1, 16, 75 * 882)
    refused = runner.invoke(app, [*audio, "--audio-channels", "3"])
    assert refused.exit_code == 2
    stages = runner.invoke(app, ["regenerate", "all", str(tmp_path / "out"), str(tmp_path / "x"), "--stages", "audio"])
    assert "mmvoxceleb regenerate audio" in str(stages.exception or stages.output)


def test_silent_sound_is_counted_at_the_end_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talking, "clicks", lambda *given, **options: 0 * clicks(*given, **options))
    video = tmp_path / "raw" / "id1" / "aaaaaaaaaaa" / "00001.mkv"
    video.parent.mkdir(parents=True)
    write_talking(video, seconds=3.0, flashes=(), audio="flac", rate=16000)
    arguments = ["regenerate", "crop", str(tmp_path / "raw"), str(tmp_path / "out"), "--cropped", "--size", "64"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "1 clip: silent sound" in done.output
    assert sorted(sounds(tmp_path / "out")) == [f"{CLIPS[0]}.flac"]
    checked = CliRunner().invoke(app, ["validate", str(tmp_path / "out"), "--deep"])
    assert checked.exit_code == 1
    assert "its largest sample is 0 of 1; to leave such clips out: mmvoxceleb regenerate score" in checked.output

"""Exports for trainers are read by loaders written after the trainers' own."""

import csv
import json
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from mmvoxceleb.cli.main import app
from mmvoxceleb.codecs.flac import encode_flac
from mmvoxceleb.codecs.landmarks import FaceLandmarks, encode_landmarks
from mmvoxceleb.errors import ConfigError, CorruptSourceError, IncompatibleOutputError, MissingModalityError
from mmvoxceleb.hub.export import export_store
from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.meta.removal_list import add_removals
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.modalities import ClipScores
from mmvoxceleb.schema import ClipId
from mmvoxceleb.schema.face_points import MIRRORED_POINTS, POINTS_68
from mmvoxceleb.stores import open_store
from mmvoxceleb.stores.clip import StoredClip
from mmvoxceleb.trainers.content import ClipContent
from mmvoxceleb.trainers.export import export_for
from mmvoxceleb.trainers.latentsync import Aligner
from mmvoxceleb.trainers.settings import TrainerSettings
from tests.support.corpus import Corpus, frame, make_corpus
from tests.support.faces import landmarks_of
from tests.support.trees import contents
from tests.trainers.readers import (
    read_echomimic,
    read_hallo3,
    read_latentsync,
    read_musetalk,
    read_talkvid,
)

FRAMES = 55
TONE_HZ = 440
NO_FACE = 3
"""The clip of which some frames have no face."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Five clips of three persons, of which one is a test identity; all with a tone, one without a face at times."""
    corpus = make_corpus(tmp_path_factory.mktemp("trainers"), frames=FRAMES)
    (corpus.root / "audio").mkdir()
    (corpus.root / "landmarks").mkdir()
    for number, (clip, count) in enumerate(zip(corpus.clips, corpus.num_frames, strict=True)):
        moments = np.arange(count * 640) / 16000
        tone = (np.sin(2 * np.pi * TONE_HZ * moments) * 8000).astype(np.int16)[None]
        (corpus.root / "audio" / f"{clip}.flac").write_bytes(encode_flac(tone, 16000))
        value = landmarks_of(number, count) if number == NO_FACE else whole_face(number, count)
        (corpus.root / "landmarks" / f"{clip}.landmarks").write_bytes(encode_landmarks(value))
    return corpus


def whole_face(number: int, count: int) -> FaceLandmarks:
    """Points within a picture of 40x24 px, in all frames."""
    rng = np.random.default_rng(number)
    points = (rng.uniform(0.2, 0.8, (1, 478, 3)) + rng.normal(0, 0.01, (count, 478, 3))) * (40, 24, 20)
    found = landmarks_of(number, count)
    return FaceLandmarks(
        found.indices, points.astype(np.float32), np.nan_to_num(found.blendshapes), np.nan_to_num(found.head_pose)
    )


def names_of(corpus: Corpus, *numbers: int) -> list[str]:
    return sorted(ClipId.parse(corpus.clips[number]).safe_name for number in numbers)


def is_tone(samples: np.ndarray, rate: int = 16000) -> bool:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return bool(abs(spectrum.argmax() * rate / len(samples) - TONE_HZ) < 5)


def test_latentsync_reads_aligned_videos_with_their_sound(corpus: Corpus, tmp_path: Path) -> None:
    report = export_for("latentsync", corpus.root, tmp_path / "out", TrainerSettings(size=64))
    assert (report.clips, report.written) == (4, 4)
    assert report.left_out == {
        corpus.clips[NO_FACE]: f"clip {corpus.clips[NO_FACE]}: has no face in 12 of {FRAMES + NO_FACE} frames"
    }
    samples = read_latentsync(tmp_path / "out/train")
    assert [sample["name"][:-4] for sample in samples] == names_of(corpus, 0, 1)
    assert [sample["name"][:-4] for sample in read_latentsync(tmp_path / "out/test")] == names_of(corpus, 2, 4)
    for sample, count in zip(samples, corpus.num_frames, strict=False):
        assert sample["frames"].shape == (count, 64, 64, 3)
        assert sample["fps"] == 25
        assert abs(len(sample["sound"]) - count * 640) <= 2048
        assert is_tone(sample["sound"])


BROWS_AND_NOSE = ([70, 63, 105, 66, 107], [300, 293, 334, 296, 336], [195, 48, 278, 4])


def test_faces_lie_where_latentsync_lays_them() -> None:
    """The matrix is that of ``transformation_from_points``, computed here from its definition with torch."""
    rng = np.random.default_rng(0)
    template = torch.tensor([[17.0, 20.0], [58.0, 20.0], [37.5, 40.0]], dtype=torch.float64) * 2.8
    turned = template.numpy() @ np.array([(1.5, 0.4), (-0.4, 1.5)]) + (120, 90)
    face = np.full((478, 2), 128.0)
    for places, centre in zip(BROWS_AND_NOSE, turned, strict=True):
        face[places] = centre
    aligner, bias_before = Aligner(256), None
    for _ in range(3):
        points = face + rng.normal(0, 4, (478, 2))
        three = torch.tensor(np.round([points[places].mean(0) for places in BROWS_AND_NOSE]))
        one, other = three - three.mean(0), template - template.mean(0)
        scale = torch.std(other) / torch.std(one)
        one, other = one / torch.std(one), other / torch.std(other)
        u, _, v = torch.svd(one.T @ other)
        rotation = v @ u.T
        shift = template.mean(0)[:, None] - scale * rotation @ three.mean(0)[:, None]
        bias = other[2] - one[2]
        bias = bias if bias_before is None else bias_before * 0.2 + bias * 0.8
        bias_before = bias
        expected = torch.cat([scale * rotation, shift + bias[:, None]], dim=1)
        assert np.allclose(aligner.matrix(points), expected.numpy(), atol=1e-9)
    matrix = Aligner(256).matrix(face)
    assert np.abs(turned @ matrix[:, :2].T + matrix[:, 2] - template.numpy()).max() < 1  # points are rounded to px


def test_the_68_points_are_symmetrical() -> None:
    """Outline, brows, nose, eyes and lips change sides with the mirrored picture."""
    pairs = [(i, 16 - i) for i in range(8)] + [(17 + i, 26 - i) for i in range(5)] + [(31, 35), (32, 34)]
    pairs += [(36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46), (48, 54), (49, 53), (50, 52), (60, 64)]
    assert len(set(POINTS_68)) == 68
    for left, right in pairs:
        assert MIRRORED_POINTS[POINTS_68[left]] == POINTS_68[right], (left, right)


def test_musetalk_reads_boxes_points_and_both_sounds(corpus: Corpus, tmp_path: Path) -> None:
    export_for("musetalk", corpus.root, tmp_path / "out")
    clone = tmp_path / "MuseTalk"
    (clone / "dataset").mkdir(parents=True)
    (clone / "dataset/HDTF").symlink_to(tmp_path / "out")
    samples = read_musetalk(clone, "train.txt")
    assert [Path(sample["mp4_path"]).stem for sample in samples] == names_of(corpus, 0, 1)
    assert [Path(sample["mp4_path"]).stem for sample in read_musetalk(clone, "val.txt")] == names_of(corpus, 2, 4)
    for number, sample in enumerate(samples):
        count = corpus.num_frames[number]
        assert sample["frames"] == count
        assert sample["video_size"] == [24, 40]
        assert np.abs(sample["video"][7].astype(int) - frame(number, 7)).mean() < 12  # H.264 of 40 px
        boxes, points = np.array(sample["face_list"]), np.array(sample["landmark_list"])
        assert (boxes[:, :2] <= points[:, 0]).all()  # the first point is on the outline that the box is around
        assert len(sample["sound"]) == count * 640
        assert is_tone(sample["sound"])


def test_musetalks_boxes_and_points_lie_in_the_scaled_video(corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "dataset").mkdir()
    for name, size in (("stored", None), ("twice", 48)):
        export_for("musetalk", corpus.root, tmp_path / name, TrainerSettings(size=size))
    for name in ("stored", "twice"):
        (tmp_path / "dataset/HDTF").unlink(missing_ok=True)
        (tmp_path / "dataset/HDTF").symlink_to(tmp_path / name)
        samples = read_musetalk(tmp_path, "train.txt")
        if name == "stored":
            stored = samples
    for small, large in zip(stored, samples, strict=True):
        assert (small["video_size"], large["video_size"]) == ([24, 40], [48, 80])
        for key in ("face_list", "landmark_list"):
            apart = np.array(large[key]) - 2 * np.array(small[key])
            assert np.abs(apart).max() <= 2, key  # whole px


def test_hallo3_reads_videos_with_captions(corpus: Corpus, tmp_path: Path) -> None:
    report = export_for("hallo3", corpus.root, tmp_path / "out")
    assert report.clips == 5  # it needs no landmarks
    samples = read_hallo3(tmp_path / "out/train")
    assert [sample["name"] for sample in samples] == names_of(corpus, 0, 1, NO_FACE)
    assert [sample["caption"] for sample in samples] == [f"Clip {n} says sentence 0." for n in (0, 1, NO_FACE)]
    assert len(read_hallo3(tmp_path / "out/test")) == 2
    with pytest.raises(ConfigError, match="swaps every 'images' of a path"):
        export_for("hallo3", corpus.root, tmp_path / "images/out")


def test_talkvid_reads_faces_at_24_frames_a_second(corpus: Corpus, tmp_path: Path) -> None:
    export_for("talkvid", corpus.root, tmp_path / "out", TrainerSettings(size=80))
    samples = read_talkvid(tmp_path / "out/train.json")
    assert [Path(sample["video"]).stem for sample in samples] == names_of(corpus, 0, 1)
    for sample, count in zip(samples, corpus.num_frames, strict=False):
        assert (sample["num_frames"], sample["fps"]) == (count * 24 // 25, 24)
        assert sample["size"] == (134, 80)  # 40x24 px, to even numbers
        lips = np.array(sample["lips"])
        assert (lips[:, :2] < lips[:, 2:]).all()
        assert lips.min() >= 0
        assert (lips[:, 2] < 134).all()
        assert (lips[:, 3] < 80).all()
        assert lips[:, 2].max() > 80  # in px of the scaled frames
        assert Path(sample["audio_embeds"]).parent == tmp_path / "out/train/short_clip_aud_embeds"
    assert {path.suffix for path in (tmp_path / "out/train/audios").iterdir()} == {".m4a"}


@pytest.mark.parametrize(("trainer", "shortest"), [("hallo3", 55), ("talkvid", 53)])  # 50 frames at 24 a second
def test_a_clip_is_as_long_as_its_loader_needs(trainer: str, shortest: int, tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "store", clips=2, frames=shortest - 1)
    for clip, count in zip(corpus.clips, corpus.num_frames, strict=True):
        for folder, suffix, data in (
            ("audio", "flac", encode_flac(np.ones((1, count * 640), np.int16), 16000)),
            ("landmarks", "landmarks", encode_landmarks(whole_face(0, count))),
        ):
            (corpus.root / folder).mkdir(exist_ok=True)
            (corpus.root / folder / f"{clip}.{suffix}").write_bytes(data)
    report = export_for(trainer, corpus.root, tmp_path / "out")
    assert list(report.left_out) == [corpus.clips[0]]
    assert "the trainer's loader needs" in report.left_out[corpus.clips[0]]
    out = tmp_path / "out"
    assert len(read_hallo3(out / "train") if trainer == "hallo3" else read_talkvid(out / "train.json")) == 1


def test_a_list_names_the_place_where_it_is_going_to_be_read(corpus: Corpus, tmp_path: Path) -> None:
    export_for("talkvid", corpus.root, tmp_path / "out", TrainerSettings(size=64, root="/data/faces"))
    listed = json.loads((tmp_path / "out/train.json").read_text())
    assert listed[0]["video"].startswith("/data/faces/train/videos-crop/")


def test_echomimics_preparation_reads_videos_at_24_frames_a_second(corpus: Corpus, tmp_path: Path) -> None:
    export_for("echomimic", corpus.root, tmp_path / "out")
    samples = read_echomimic(f"{tmp_path}/out/train/", "original_videos")
    assert [sample["name"][:-4] for sample in samples] == names_of(corpus, 0, 1, NO_FACE)
    assert {sample["fps"] for sample in samples} == {24}
    assert all(is_tone(sample["sound"][0]) for sample in samples)


def test_frames_at_24_a_second_are_the_nearest_in_time(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "store", clips=1, frames=50)
    content = ClipContent(StoredClip(open_store(corpus.root), corpus.clips[0]), frames_per_second=24)
    assert content.num_frames == 48
    late = content.frame_indices / 25 - np.arange(48) / 24
    assert np.abs(late).max() <= 0.5 / 25 + 1e-9
    for shown, picture in zip(content.frame_indices.tolist(), content.frames(), strict=True):
        assert np.array_equal(picture, frame(0, shown))


def test_a_stopped_export_resumes_and_equals_one_that_was_not(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    export_for("musetalk", corpus.root, whole, workers=3)

    def interrupt(part: str, more: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_for("musetalk", corpus.root, stopped, workers=1, progress=interrupt)
    assert not (stopped / "train.txt").exists()
    report = export_for("musetalk", corpus.root, stopped, workers=1)
    assert (report.kept, report.written) == (1, 3)
    assert contents(stopped) == contents(whole)
    (next(iter(sorted(stopped.glob("meta/*.json"))))).write_text("{")
    report = export_for("musetalk", corpus.root, stopped)
    assert (report.kept, report.written) == (3, 1)
    assert contents(stopped) == contents(whole)


def test_the_table_of_clips_has_their_figures(corpus: Corpus, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(corpus.root, store)
    (store / "score").mkdir()
    for number, clip in enumerate(corpus.clips[1:], 1):
        scores = ClipScores(1, {"yaw": number + 0.3, "loudness": None}, {"yaw": 1, "loudness": 1})
        (store / "score" / f"{clip}.json").write_bytes(scores.to_bytes())
    export_for("hallo3", store, tmp_path / "out")
    with (tmp_path / "out/clips.csv").open() as file:
        yaws = {row["clip_id"]: row["yaw"] for row in csv.DictReader(file)}
    assert yaws == {clip: str(number + 0.3) if number else "" for number, clip in enumerate(corpus.clips)}


def test_silent_clips_are_exported_and_named(corpus: Corpus, tmp_path: Path) -> None:
    store, out = tmp_path / "store", tmp_path / "out"
    shutil.copytree(corpus.root, store)
    quiet = np.full((1, corpus.num_frames[1] * 640), 9, np.int16)  # -71 dB of full scale
    (store / "audio" / f"{corpus.clips[1]}.flac").write_bytes(encode_flac(quiet, 16000))
    report = export_for("hallo3", store, out)
    assert report.silent == [corpus.clips[1]]
    with (out / "clips.csv").open() as file:
        silent = {row["clip_id"]: row["silent"] for row in csv.DictReader(file)}
    assert silent == {clip: "yes" if clip == corpus.clips[1] else "no" for clip in corpus.clips}
    assert export_for("hallo3", store, out).silent == report.silent, "a run that keeps all of them names them, too"


def test_what_an_earlier_version_exported_is_made_again_to_learn_whether_it_is_silent(
    corpus: Corpus, tmp_path: Path
) -> None:
    export_for("hallo3", corpus.root, tmp_path / "out")
    markers = sorted((tmp_path / "out/.mmvoxceleb/clips").glob("*.json"))
    content = json.loads(markers[0].read_text())
    del content["clip"]["is_silent"]
    markers[0].write_text(json.dumps(content))
    report = export_for("hallo3", corpus.root, tmp_path / "out")
    assert (report.written, report.kept) == (1, len(markers) - 1)


def test_only_chosen_clips_are_exported(corpus: Corpus, tmp_path: Path) -> None:
    chosen = tmp_path / "chosen.txt"
    chosen.write_text(f"{corpus.clips[1]}\n")
    assert export_for("hallo3", corpus.root, tmp_path / "out", clips=chosen).clips == 1
    with pytest.raises(IncompatibleOutputError, match=r"contains clips that are not in this selection \(1, such as"):
        export_for("hallo3", corpus.root, tmp_path / "out", clips=[corpus.clips[0]])


def test_who_is_removed_later_leaves_the_export(corpus: Corpus, tmp_path: Path) -> None:
    store, out = tmp_path / "store", tmp_path / "out"
    shutil.copytree(corpus.root, store)
    export_for("hallo3", store, out)
    add_removals(store, Removals(person_id=frozenset({"id10001"})))
    report = export_for("hallo3", store, out)
    assert report.removed == sorted(corpus.clips[:2])
    assert [sample["name"] for sample in read_hallo3(out / "train")] == names_of(corpus, NO_FACE)
    with (out / "clips.csv").open() as file:
        assert {row["person_id"] for row in csv.DictReader(file)} == {"id10271", "id11248"}


def test_nothing_is_exported_into_a_set_for_a_trainer(corpus: Corpus, tmp_path: Path) -> None:
    export_for("hallo3", corpus.root, tmp_path / "out")
    before = contents(tmp_path / "out")
    inside, says = tmp_path / "out" / "videos" / "more", f"is inside of another export, {tmp_path / 'out'}; name a"
    with pytest.raises(IncompatibleOutputError, match=says):
        export_for("hallo3", corpus.root, inside)
    with pytest.raises(IncompatibleOutputError, match=says):
        export_store(corpus.root, inside, ExportSettings(modalities=("text",)))
    assert contents(tmp_path / "out") == before


def test_the_command_that_removes_says_how_to_take_them_out_of_the_export(corpus: Corpus, tmp_path: Path) -> None:
    store, out = shutil.copytree(corpus.root, tmp_path / "store"), tmp_path / "my out"
    export_for("hallo3", store, out)
    before = contents(out)
    done = CliRunner().invoke(app, ["remove", str(out), "--person", "id10001"])
    assert isinstance(done.exception, ConfigError)
    again = f"mmvoxceleb export STORE '{out}' --for hallo3"
    assert f"was written for hallo3. Remove from the store that it was made of, then rerun `{again}`" in str(
        done.exception
    )
    assert contents(out) == before
    arguments = ["remove", str(out), str(store), "--person", "id10001"]
    planned = CliRunner().invoke(app, [*arguments, "--dry-run"])
    assert (planned.exit_code, contents(out)) == (0, before)
    assert f"{out}  to export again for hallo3" in planned.stdout
    told = json.loads(CliRunner().invoke(app, [*arguments, "--dry-run", "--json"]).stdout)["places"][str(out)]
    assert (told["trainer"], told["next"]) == ("hallo3", f"mmvoxceleb export {store} '{out}' --for hallo3")
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 1
    assert not [*(store / "video").glob("id10001*")]
    again = f"mmvoxceleb export {store} '{out}' --for hallo3"
    assert f"STILL HOLDS THEM: {out}, a set for hallo3; take them out: {again}" in done.stdout
    assert done.stdout.splitlines()[-1].removeprefix("next").strip() == again
    assert CliRunner().invoke(app, shlex.split(again)[1:]).exit_code == 0
    assert not [name for name in contents(out) if "id10001" in name]


def test_bad_input_is_one_error_or_left_out_with_its_reason(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown trainer 'wav2lip'; the known ones are latentsync"):
        export_for("wav2lip", corpus.root, tmp_path / "no")
    with pytest.raises(ConfigError, match="even number of px"):
        TrainerSettings(size=255)
    silent = make_corpus(tmp_path / "silent", frames=FRAMES)
    with pytest.raises(MissingModalityError, match="has no audio"):
        export_for("hallo3", silent.root, tmp_path / "no")
    assert not (tmp_path / "no").exists()

    odd = tmp_path / "odd"
    shutil.copytree(corpus.root, odd)
    (odd / "video" / corpus.clips[0] / "0000005.png").unlink()
    data = (odd / "audio" / f"{corpus.clips[1]}.flac").read_bytes()
    (odd / "audio" / f"{corpus.clips[1]}.flac").write_bytes(data[:3000])
    with pytest.raises(CorruptSourceError, match=f"clip {corpus.clips[1]}"):
        export_for("hallo3", odd, tmp_path / "raised")
    report = export_for("hallo3", odd, tmp_path / "skipped", on_error="skip")
    assert set(report.left_out) == {corpus.clips[0], corpus.clips[1]}
    assert "lacks 1 of its frames" in report.left_out[corpus.clips[0]]
    for damage in (b"no picture", (odd / "video" / corpus.clips[2] / "0000007.png").read_bytes()[:60]):
        (odd / "video" / corpus.clips[2] / "0000007.png").write_bytes(damage)
        with pytest.raises(CorruptSourceError, match=f"clip {corpus.clips[2]}, video/0000007.png: ") as caught:
            export_for("hallo3", odd, tmp_path / "raised", clips=[corpus.clips[2]])
        assert " object at 0x" not in str(caught.value)
    with pytest.raises(IncompatibleOutputError, match="name a new folder, or add --overwrite"):
        export_for("echomimic", corpus.root, tmp_path / "skipped")
    with pytest.raises(IncompatibleOutputError, match="is not empty"):
        export_for("echomimic", corpus.root, odd)
    report = export_for("echomimic", corpus.root, tmp_path / "skipped", overwrite=True)
    assert report.clips == 5
    assert not list((tmp_path / "skipped").rglob("*.txt"))


def test_the_command_says_what_was_left_out_and_what_comes_next(corpus: Corpus, tmp_path: Path) -> None:
    run = CliRunner().invoke
    result = run(app, ["export", str(corpus.root), str(tmp_path / "out"), "--for", "latentsync", "--size", "64"])
    assert result.exit_code == 0, result.output
    assert f"left out: 1 clip: clip {corpus.clips[NO_FACE]}: has no face in 12 of" in result.output
    assert "clips   4: 4 written" in result.output
    assert f"train_data_dir: {tmp_path}/out/train" in result.output
    result = run(app, ["export", str(corpus.root), str(tmp_path / "no"), "--for", "hallo3", "--format", "folder"])
    assert isinstance(result.exception, ConfigError)
    result = run(app, ["export", str(corpus.root), str(tmp_path / "no"), "--size", "64"])
    assert isinstance(result.exception, ConfigError)

import json
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from typer.testing import CliRunner, Result

import mmvoxceleb  # noqa: F401  lets datasets find the dataset
from mmvoxceleb.cli.main import app
from mmvoxceleb.errors import ConfigError, SourceUnavailableError, WeightsError
from tests.support.videos import face_boxes, portrait_frames, write_annotation, write_sound, write_video

PERSON, VIDEO = "id10001", "-bcdefghijk"
RULES = ["--size", "64", "--min-frames", "10", "--min-face", "60"]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("crop-inputs")
    places = [(60.0 + i % 9, 25.0) for i in range(40)]
    write_video(root / "raw" / PERSON / f"{VIDEO}.mp4", portrait_frames(places))
    write_annotation(
        root / "txt" / PERSON / VIDEO / "00001.txt", range(40), face_boxes(places), height=240, person=PERSON
    )
    write_annotation(
        root / "txt" / PERSON / "missing_aaa" / "00001.txt", range(40), face_boxes(places), height=240, person=PERSON
    )
    (root / "meta.csv").write_text(
        "video_id,start,end,bbox,fps,width,height,partition,person_id\n"
        + f"{VIDEO},0,30,60-40-260-200,25,320,240,train,{PERSON}\n" * 2
    )
    return root


def call(*arguments: object) -> Result:
    result = CliRunner().invoke(app, ["regenerate", "crop", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "meta" / "ledger.jsonl").read_text().splitlines()]


def test_annotated_videos_to_a_dataset(inputs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = call(inputs / "raw", out, "--annotations", inputs / "txt", "--boxes", "annotation", *RULES)
    assert result.exit_code == 0
    assert "rejected  1 no video" in result.stdout
    assert f"rejected:\n  {PERSON}#missing_aaa#00001.txt: no video" in result.stdout
    assert [(row["clip_id"], row["status"]) for row in rows(out)] == [
        (f"{PERSON}#{VIDEO}#00001.txt#000.mp4", "done"),
        (f"{PERSON}#missing_aaa#00001.txt", "rejected"),
    ]
    (row,) = datasets.load_dataset("mmvoxceleb", "video", data_dir=str(out), split="train")
    assert row["clip_id"] == f"{PERSON}#{VIDEO}#00001.txt#000.mp4"
    assert (row["person_id"], row["video_id"], row["utterance"], row["chunk"]) == (PERSON, VIDEO, "00001", 0)
    assert row["num_frames"] == len(row["frames"]) == 39
    assert row["frame_indices"] == list(range(39))
    assert np.asarray(row["frames"][0]).shape == (64, 64, 3)


def test_free_videos(inputs: Path, tmp_path: Path) -> None:
    result = call(inputs / "raw", tmp_path, "--detector", "haar", *RULES)
    assert result.exit_code == 0
    assert [row["clip_id"] for row in rows(tmp_path)] == [f"{PERSON}#{VIDEO}#00000.txt#000.mp4"]
    assert "1 clip, 40 frames" in result.stdout
    assert "1 in all" in result.stdout
    again = call(inputs / "raw", tmp_path, "--detector", "haar", *RULES).stdout
    assert "1 clip that an earlier run finished" in again
    assert "1 in all" in again


def test_utterances_in_files_of_their_own(inputs: Path, tmp_path: Path) -> None:
    source = inputs / "raw" / PERSON / f"{VIDEO}.mp4"
    for name in ("00001", "00002"):
        path = tmp_path / "raw" / "mp4" / "id00012" / VIDEO / f"{name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(source)
    arguments = [tmp_path / "raw", tmp_path / "out", "--detector", "haar", *RULES]
    call(*arguments)
    assert [row["clip_id"] for row in rows(tmp_path / "out")] == [
        f"id00012#{VIDEO}#00001.txt#000.mp4",
        f"id00012#{VIDEO}#00002.txt#000.mp4",
    ]
    assert "2 clips that an earlier run finished" in call(*arguments).stdout


def test_metadata(inputs: Path, tmp_path: Path) -> None:
    result = call(inputs / "raw", tmp_path, "--metadata", inputs / "meta.csv", *RULES)
    assert "2 rows, 1 of them repeats; 0 boxes beyond the picture; 1 clips wanted" in result.stderr
    assert [row["clip_id"] for row in rows(tmp_path)] == [f"{PERSON}#{VIDEO}#000000-000030.txt#000.mp4"]


def test_a_dry_run_and_limit_0_write_nothing(inputs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = [inputs / "raw", out, "--annotations", inputs / "txt", "--boxes", "annotation"]
    result = call(*arguments, "--dry-run")
    assert "2 videos with 2 utterances; 1 not there yet" in result.stdout
    assert f"missing: {PERSON}#missing_aaa" in result.stdout
    assert "stages    crop, audio\nto do     2 videos\nfinished  0 videos\n" in result.stdout
    assert result.stdout.endswith(f"results   {out}; this run has written nothing\n")
    assert call(*arguments, "--limit", "0").stdout == result.stdout
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--annotations", "a", "--metadata", "b"], "contradict each other"),
        (["--boxes", "annotation"], "--boxes annotation needs --annotations"),
        (["--smooth-box", "--metadata", "b"], "--smooth-box is for videos without annotations"),
        (["--identities", "i", "--annotations", "a"], "--identities is for videos without annotations"),
        (["--codec", "mp4", "--size", "65"], "needs an even --size"),
        (["--crf", "20"], "--crf is the quality of --codec mp4"),
        (["--codec", "mp4-lossless", "--crf", "20"], "--crf is the quality of --codec mp4"),
        (["--keyframe-every", "2"], "leave it out"),
        (["--codec", "mp4", "--crf", "77"], "0 .best. to 51"),
        (["--download"], "which name the videos"),
        (["--detector", "haar", "--weights", "w"], "takes no weights"),
        (["--detector", "haar", "--min-frames", "0"], "min_frames is 0"),
    ],
)
def test_contradictions(inputs: Path, tmp_path: Path, options: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        call(inputs / "raw", tmp_path, *options)


def test_missing_weights_name_another_way(inputs: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"absent\.onnx: there is no such weights file.*--detector haar"):
        call(inputs / "raw", tmp_path / "out", "--weights", tmp_path / "absent.onnx")
    assert not (tmp_path / "out").exists()


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailableError, match="no such folder or video"):
        call(tmp_path / "nowhere", tmp_path / "out", "--detector", "haar")


def test_bad_videos_do_not_stop_the_run(inputs: Path, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    write_sound(tmp_path / "sound.m4a").rename(raw / "sound.mp4")
    (raw / "broken.mkv").write_bytes(b"\x1a\x45\xdf\xa3 and no more")
    write_video(raw / "grey.mp4", [np.full((120, 160, 3), 80, np.uint8)] * 12)
    (raw / "z.mp4").symlink_to(inputs / "raw" / PERSON / f"{VIDEO}.mp4")
    result = call(raw, tmp_path / "out", "--detector", "haar", *RULES)
    assert result.exit_code == 0
    reasons = {row["clip_id"].split("#")[0]: row.get("reason", "").split(":")[0] for row in rows(tmp_path / "out")}
    assert reasons == {"sound": "broken video", "broken": "broken video", "grey": "no face", "z": ""}
    assert "#00000.txt: no face" in result.stdout


def test_it_says_how_to_keep_what_the_rules_rejected(inputs: Path, tmp_path: Path) -> None:
    result = call(inputs / "raw", tmp_path / "out", "--detector", "haar", *RULES, "--min-frames", "1000")
    assert "too short: " in result.stdout
    assert "to keep shorter clips or smaller faces, pass --min-frames or --min-face\n" in result.stdout
    some = call(inputs / "raw", tmp_path / "out", "--detector", "haar", *RULES, "--max-frames", "35")
    assert some.exit_code == 0, "what made no clip is no hindrance to other settings"
    assert "pass --min-frames or --min-face, and name a new output\n" in some.stdout
    assert "to keep" not in call(inputs / "raw", tmp_path / "all", "--detector", "haar", *RULES).stdout


def test_help_ends_with_examples() -> None:
    result = call("--help")
    assert "--smooth-box" in result.stdout
    assert "mmvoxceleb regenerate crop videos/ out/ --detector haar" in result.stdout

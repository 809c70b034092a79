"""A clip of all kinds at once: a video file with sound, masks, landmarks and provenance."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmvoxceleb.codecs.flac import encode_flac
from mmvoxceleb.codecs.landmarks import encode_landmarks
from mmvoxceleb.modalities.scores import ClipScores
from mmvoxceleb.schema import ATTRIBUTES
from mmvoxceleb.viewer.clip_page import label_of
from tests.support.faces import landmarks_of
from tests.support.sounds import RATE, samples_of
from tests.support.video_clips import CLIPS, make_video_store
from tests.viewer.conftest import Served, until
from tests.viewer.test_server import call

View = Callable[..., Served]
Tab = Callable[..., Any]
CLIP = CLIPS[0]
LIT = """(() => {
  const canvas = document.querySelector('.over'), pen = canvas.getContext('2d');
  return pen.getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean);
})()"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_video_store(tmp_path_factory.mktemp("media") / "store", range(75))
    for name, data in (("audio", encode_flac(samples_of(0, 75), RATE)),
                       ("landmarks", encode_landmarks(landmarks_of(0, 75, width=96, height=64)))):  # fmt: skip
        path = root / name / f"{CLIP}.{'flac' if name == 'audio' else name}"
        path.parent.mkdir()
        path.write_bytes(data)
    boxes = [[10 + 0.5 * number, 20, 210 + 0.5 * number, 220] for number in range(75)]
    meta = {"crop": {"source": {"file": "/home/someone/talk.mp4"}, "video": {"width_px": 640, "height_px": 360},
                     "crop_boxes_xyxy_px": boxes, "face_box_xyxy_px": [50, 60, 150, 180],
                     "quality": {"sharpness": 3.5}}}  # fmt: skip
    (root / "score").mkdir()
    scores = ClipScores(75, {"sharpness": 3.5, "loudness": -23.0, "sync_offset": None},
                        dict.fromkeys(("sharpness", "loudness", "sync_offset"), 1))  # fmt: skip
    (root / "score" / f"{CLIP}.json").write_bytes(scores.to_bytes())
    (root / "meta").mkdir()
    (root / "meta" / f"{CLIP}.json").write_text(json.dumps(meta))
    return root


def test_a_video_file_plays_in_step_with_its_sound_under_lines_and_curves(store: Path, view: View, tab: Tab) -> None:
    page = tab(view(store).address)
    page.click(f'[data-clip="{CLIP}"]')
    page.wait_for_selector(".strip img")
    page.wait_for_selector('[data-lines="head pose"]')
    until(page, LIT)
    page.keyboard.press("k")
    until(page, f"!{LIT}")
    page.keyboard.press("h")
    until(page, LIT)
    page.wait_for_selector(".curve >> nth=5")
    assert [text.split(",")[0] for text in page.locator(".curve .said > i").all_text_contents()] == [
        "head pose", "face", "sharpness", "motion",
        "share of the frame", "share of pixels changed since the mask before",
    ]  # fmt: skip
    box = page.locator(".curve .plot >> nth=0").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + 10)
    until(page, "document.querySelector('output.frame').textContent === '37 / 74'")  # the middle of 75 frames
    # every fifth frame, from the third on, has no face
    until(page, "document.querySelector('.curve b').textContent === '\\u2013'")
    assert page.query_selector(".cropmap canvas") is not None
    assert "talk.mp4" in page.text_content(".facts")
    assert "someone" not in page.content()
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    until(page, "document.querySelector('output.frame').textContent.split(' ')[0] > 3")
    page.keyboard.press("s")
    page.keyboard.press("Space")
    assert page.get_attribute('[aria-label="Sound"]', "aria-pressed") == "false"


def test_every_score_is_a_figure_with_a_brush(store: Path, view: View, tab: Tab) -> None:
    page = tab(view(store).address)
    page.wait_for_selector(".card img")
    page.click("aside summary:has-text('Figures')")
    page.focus('[data-figure="loudness"] canvas')
    assert "LUFS" in page.get_attribute('[data-figure="loudness"] h4', "title")
    box = page.locator('[data-figure="sharpness"] canvas').bounding_box()
    page.mouse.move(box["x"] + 1, box["y"] + 9)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 1, box["y"] + 9, steps=3)
    page.mouse.up()
    until(page, "document.querySelector('.total').textContent === '1 clip'")  # the other one has no scores
    assert "sharpness" in page.evaluate("decodeURIComponent(location.hash)")
    page.click(f'[data-clip="{CLIP}"]')
    page.wait_for_selector("dt:has-text('loudness')")
    figures = page.evaluate(
        "[...document.querySelectorAll('dt')].map((each) => `${each.textContent} ${each.nextSibling.textContent}`)"
    )
    assert {"loudness -23", "sync offset not known"} <= set(figures)


def test_lines_are_sent_to_a_fraction_of_a_pixel(store: Path, view: View) -> None:
    status, data = call(view(store), "outlines", clip=CLIP, modality="landmarks")
    assert status == 200
    (size,) = struct.unpack_from("<I", data)
    first, _ = json.loads(data[4 : 4 + size])
    indices = np.frombuffer(data, "<i4", first["rows"], 4 + size)
    points = np.frombuffer(data, "<i2", 2 * first["rows"] * first["points"], 4 + size + indices.nbytes)
    points = points.reshape(first["rows"], first["points"], 2)
    wanted = landmarks_of(0, 75, width=96, height=64).points[..., :2]
    assert indices.tolist() == list(range(75))
    assert (points[2] == -32768).all()
    known = np.isfinite(wanted)
    assert np.abs(points[known] * first["step"] - wanted[known]).max() < 1 / 32


def test_curves_leave_out_what_is_damaged_and_say_so(store: Path, view: View) -> None:
    path = store / "mask" / CLIP / "0000008.png"
    kept = path.read_bytes()
    path.write_bytes(b"no picture")
    try:
        found = json.loads(call(view(store), "curves", clip=CLIP, modality="mask")[1])
    finally:
        path.write_bytes(kept)
    assert 8 not in found["curves"][0]["indices"]
    assert found["problem"].startswith("left out: 1 picture: clip ")
    assert str(store) not in found["problem"]
    assert call(view(store), "curves", clip=CLIP, modality="nonsense")[0] == 422


def test_thresholds_are_found_as_a_list_and_by_name() -> None:
    listed = [0.5 + number / 100 for number in range(40)]
    for given in ({"settings": {"thresholds": listed}}, {"thresholds": dict(zip(ATTRIBUTES, listed, strict=True))}):
        assert label_of([0] * 40, {"label": given})["thresholds"] == dict(zip(ATTRIBUTES, listed, strict=True))

"""The player follows the sound: the frame on the screen is that of the moment that is heard."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmvoxceleb.codecs.flac import encode_flac
from tests.support.corpus import write_clip
from tests.support.sounds import RATE, samples_of
from tests.viewer.conftest import Served, until

CLIP = "id00001#video#00001.txt#000.mp4"
HOLE = range(12, 40)

# notes for each picture of the screen the frame that is shown and the frame whose sound is played at that moment
LISTEN = """(() => {
  window.steps = [];
  let played = null;
  const start = AudioBufferSourceNode.prototype.start;
  AudioBufferSourceNode.prototype.start = function (when, offset) {
    played = { context: this.context, at: this.context.currentTime, offset };
    return start.call(this, when, offset);
  };
  const stop = AudioBufferSourceNode.prototype.stop;
  AudioBufferSourceNode.prototype.stop = function () { played = null; return stop.call(this); };
  const look = () => {
    const shown = parseInt(document.querySelector("output.frame")?.textContent);
    if (played) steps.push([shown, (played.context.currentTime - played.at + played.offset) * 25]);
    requestAnimationFrame(look);
  };
  look();
})()"""


def test_sound_and_frames_stay_in_step_across_a_hole_in_time(
    tmp_path: Path, view: Callable[..., Served], tab: Callable[..., Any]
) -> None:
    write_clip(tmp_path, CLIP, 0, 60)
    for index in HOLE:
        (tmp_path / "video" / CLIP / f"{index:07d}.png").unlink()
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / f"{CLIP}.flac").write_bytes(encode_flac(samples_of(0, 60), RATE))
    page = tab(view(tmp_path).address)
    page.wait_for_selector(".card img")
    page.evaluate(LISTEN)
    page.click(".card")
    page.wait_for_selector(".stage canvas")
    page.keyboard.press("l")
    there = [index for index in range(60) if index not in HOLE]

    steps = _play_to_the_end(page)
    due = [max(at for at, index in enumerate(there) if index <= heard) for _, heard in steps]
    apart = [abs(there.index(shown) - wanted) for (shown, _), wanted in zip(steps, due, strict=True)]
    assert sorted(apart)[len(apart) * 9 // 10] <= 2, steps
    held = [heard for shown, heard in steps if shown == HOLE.start - 1]
    assert max(held) - min(held) > len(HOLE) / 2, "the last frame before the hole does not wait for the sound"

    for _ in range(9):
        page.keyboard.press("ArrowLeft")
    shown, heard = _play_to_the_end(page)[0]
    assert shown >= HOLE.stop
    assert abs(heard - shown) <= 2


def _play_to_the_end(page: Any) -> list[tuple[int, float]]:
    page.evaluate("steps.length = 0")
    page.keyboard.press("Space")
    until(page, "steps.length && document.querySelector('output.frame').textContent === '59 / 59'")
    told: list[tuple[int, float]] = page.evaluate("steps")
    return told

"""The page in a real browser."""

import json
from collections.abc import Callable
from typing import Any

from mmvoxceleb.sample import sample_path
from tests.support.corpus import Corpus, write_clip
from tests.viewer.conftest import Served, until

View = Callable[..., Served]
Tab = Callable[..., Any]


def test_filters_stand_in_the_address_and_say_what_is_left(corpus: Corpus, view: View, tab: Tab) -> None:
    page = tab(view(corpus.root).address)
    page.wait_for_selector(".card img")
    assert page.text_content(".total") == "5 clips"
    page.check('[data-filter="split:test"]')
    until(page, "document.querySelector('.total').textContent === '2 clips'")
    other = tab(page.url)
    other.wait_for_selector(".card img")
    assert other.text_content(".total") == "2 clips"
    assert other.is_checked('[data-filter="split:test"]')


def test_rejected_inputs_are_counted_apart(own_corpus: Corpus, view: View, tab: Tab) -> None:
    row = {"clip_id": "id9#video#00001", "stage": "crop", "status": "rejected", "reason": "too short"}
    (own_corpus.root / "meta").mkdir(exist_ok=True)
    (own_corpus.root / "meta" / "ledger.jsonl").write_text(json.dumps(row) + "\n")
    page = tab(view(own_corpus.root).address)
    page.wait_for_selector(".card img")
    until(page, "document.querySelector('.total').textContent === '2 clips, 1 rejected'")
    page.check('[data-filter="outcome:rejected"]')
    until(page, "document.querySelector('.total').textContent === '1 rejected'")
    page.click(".export summary")
    assert page.inner_text(".export div") == "There is no clip here to export."
    page.fill("input[type=search]", "nobody")
    until(page, "document.querySelector('.nobody').hidden === false")
    assert page.inner_text(".nobody") == "No clip passes these filters."


def test_plays_every_frame_with_the_keyboard_alone(view: View, tab: Tab) -> None:
    page = tab(view(sample_path()).address)
    page.wait_for_selector(".card img")
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    page.wait_for_selector(".chip")
    page.keyboard.press("ArrowRight")
    until(page, "document.querySelector('output.frame').textContent === '1 / 29'")
    assert page.text_content("figcaption") == "frames · mask of frame 0"
    before = page.evaluate("document.querySelector('.stage canvas').toDataURL()")
    page.click('[data-class="hair"]')
    until(page, f"document.querySelector('.stage canvas').toDataURL() !== {before!r}")
    page.keyboard.press("l")
    page.keyboard.press("Space")
    until(page, "document.querySelector('output.frame').textContent === '29 / 29'")
    page.keyboard.press("?")
    assert "one frame on" in page.text_content("dialog.keys")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.wait_for_selector(".card img")


def test_a_broken_clip_says_why_and_a_wild_name_is_only_text(own_corpus: Corpus, view: View, tab: Tab) -> None:
    wild = "<img src=x onerror=alert(1)>#video#00001.txt#000.mp4"
    write_clip(own_corpus.root, wild, 0, 4)
    clip = own_corpus.clips[0]
    (own_corpus.root / "video" / clip / "0000000.png").write_bytes(b"no picture")
    (own_corpus.root / "label" / f"{clip}.txt").write_text("1,2,3")
    page = tab(view(own_corpus.root).address)
    page.wait_for_selector(f'[data-clip="{wild}"] img')
    assert page.query_selector('img[src="x"]') is None
    assert "damaged" in page.text_content(f'[data-clip="{clip}"]')
    page.click(f'[data-clip="{clip}"]')
    page.wait_for_selector(".problem")
    assert "3 values instead of 40" in page.text_content(".problem")
    page.wait_for_selector(".screen .broken:not([hidden])")
    assert str(own_corpus.root) not in page.content()


def test_fits_narrow_and_wide_screens_in_dark_and_light(corpus: Corpus, view: View, tab: Tab) -> None:
    served, papers = view(corpus.root), []
    for width, scheme in ((400, "light"), (2000, "dark")):
        page = tab(served.address, width=width, scheme=scheme)
        page.wait_for_selector(".card img")
        page.click(".card")
        page.wait_for_selector(".stage canvas")
        assert page.evaluate("document.documentElement.scrollWidth") == width
        papers.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert papers[0] != papers[1]

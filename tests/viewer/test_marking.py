"""Marks for removal: kept on disk, seen by all windows, handed to ``remove``."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from mmvoxceleb.cli.main import app
from mmvoxceleb.files.opening import open_output
from mmvoxceleb.meta.marks import MARKS_PATH, Marks
from mmvoxceleb.meta.removal_list import add_removals
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.viewer.place import Place
from tests.support.corpus import Corpus, write_clip
from tests.viewer.conftest import Served, until
from tests.viewer.test_server import call

View = Callable[..., Served]
Tab = Callable[..., Any]


@pytest.fixture
def marks(own_corpus: Corpus) -> Marks:
    return Marks(open_output(own_corpus.root))


def test_marks_of_two_windows_are_kept_and_handed_to_remove(
    own_corpus: Corpus, marks: Marks, view: View, tab: Tab
) -> None:
    first, second = sorted(own_corpus.clips)
    person, last = "id10999", "id10999#video#00001.txt#000.mp4"
    write_clip(own_corpus.root, last, 3, 8)
    address = view(own_corpus.root, marks=marks).address
    one, other = tab(address), tab(address)
    for page in (one, other):
        page.wait_for_selector(".card img")
    one.keyboard.press("Home")
    one.keyboard.press("x")
    one.wait_for_selector(".card.gone")
    other.click(f'[data-clip="{last}"]')
    other.click('[data-mark="person_id"]')
    other.wait_for_selector(f'text="⚑ person {person}"')
    other.click("[data-marks]")
    assert f"remove STORE --list STORE/{MARKS_PATH}" in other.text_content("dialog")
    other.keyboard.press("Escape")
    other.wait_for_selector("dialog", state="detached")
    other.keyboard.press("Escape")
    until(other, "document.querySelector('.marked').textContent === '2 marked'")
    until(one, "document.querySelector('.marked').textContent === '2 marked'")
    assert marks.read() == Removals(frozenset({person}), clip_id=frozenset({first}))
    one.reload()
    one.check('[data-filter="marked:marked"]')
    until(one, "document.querySelector('.total').textContent === '2 clips'")
    one.click("button.marked")
    assert f"remove STORE --list STORE/{MARKS_PATH}" in one.text_content("dialog")
    CliRunner().invoke(
        app, ["remove", str(own_corpus.root), "--list", str(own_corpus.root / MARKS_PATH)], catch_exceptions=False
    )
    assert not (own_corpus.root / "video" / first).exists()
    until(one, "document.querySelector('.total').textContent.startsWith('0')")
    other.wait_for_selector(f'[data-clip="{second}"]')
    until(other, f"!document.querySelector('[data-clip=\"{first}\"]')")
    until(other, f"!document.documentElement.outerHTML.includes('{person}')")


def test_a_key_marks_no_clip_out_of_sight(own_corpus: Corpus, marks: Marks, view: View, tab: Tab) -> None:
    for number in range(12):
        write_clip(own_corpus.root, f"id20000#video#{number:05d}.txt#000.mp4", 3, 2)
    page = tab(view(own_corpus.root, marks=marks).address)
    page.set_viewport_size({"width": 420, "height": 420})
    page.wait_for_selector(".card img")
    page.evaluate("document.querySelector('.grid').scrollTop = 1e6")
    until(page, "!document.querySelector('[data-at=\"0\"]')")
    page.keyboard.press("x")
    page.wait_for_selector(".card.gone [data-at='0']")
    assert page.evaluate("document.querySelector('.grid').scrollTop") == 0


def test_who_only_looks_marks_nobody_and_nobody_removed_is_named(
    own_corpus: Corpus, marks: Marks, view: View, tab: Tab
) -> None:
    clip, gone = sorted(own_corpus.clips)
    marks.set(Removals(clip_id=frozenset({clip, gone})), is_marked=True)
    served = view(own_corpus.root)
    assert "mark" not in served.viewing.calls()
    page = tab(served.address)
    page.wait_for_selector(f'[data-clip="{clip}"]')
    assert page.query_selector(".markit") is None
    page.keyboard.press("x")
    assert page.text_content(f'[data-clip="{clip}"] .mark.bad') == "marked for removal"
    add_removals(own_corpus.root, Removals(clip_id=frozenset({gone})))
    until(page, "document.querySelector('.marked').textContent === '1 marked'")
    assert [mark["name"] for mark in json.loads(call(served, "marks")[1])["marks"]] == [clip]
    assert gone.encode() not in call(served, "marked")[1]


def test_a_folder_that_holds_a_store_gets_no_marks_for_they_would_hide_it(own_corpus: Corpus) -> None:
    assert Place(str(own_corpus.root)).is_root
    assert not Place(str(own_corpus.root.parent)).is_root

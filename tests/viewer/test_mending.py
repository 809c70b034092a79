"""Labels set by hand: written at once, kept, taken back, and nothing lost by two windows."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from mmvoxceleb.errors import IncompatibleOutputError
from mmvoxceleb.meta.provenance import Provenance
from mmvoxceleb.modalities import LABEL
from mmvoxceleb.processing.labels.exporting import export_labels
from mmvoxceleb.processing.labels.files import read_annotations
from mmvoxceleb.processing.labels.mending import LabelMender
from mmvoxceleb.schema import ATTRIBUTE_INDEX, ATTRIBUTES
from tests.support.corpus import Corpus
from tests.viewer.conftest import Served, until

SMILING, MALE = ATTRIBUTE_INDEX["Smiling"], ATTRIBUTE_INDEX["Male"]


def label_on_disk(corpus: Corpus, clip: str) -> list[int]:
    return LABEL.parse((corpus.root / "label" / f"{clip}.txt").read_bytes(), clip_id=clip)


def test_two_menders_lose_nothing_and_undo_brings_back_all(own_corpus: Corpus) -> None:
    clip = own_corpus.clips[0]
    before = label_on_disk(own_corpus, clip)
    one, other = LabelMender(own_corpus.root, "ann"), LabelMender(own_corpus.root, "bob")
    one.set(clip, "Smiling", 1 - before[SMILING], before[SMILING])
    other.set(clip, "Male", -1, before[MALE])
    now = label_on_disk(own_corpus, clip)
    assert (now[SMILING], now[MALE]) == (1 - before[SMILING], -1)
    with pytest.raises(IncompatibleOutputError, match="elsewhere"):
        other.set(clip, "Smiling", -1, before[SMILING])
    meta = json.loads((own_corpus.root / "meta" / f"{clip}.json").read_text())
    assert meta["label_source"] == "manual"
    assert {name: said["by"] for name, said in meta["label"]["mended"].items()} == {"Smiling": "ann", "Male": "bob"}
    with pytest.raises(IncompatibleOutputError, match="nothing was undone"):
        one.undo(clip)
    assert other.undo(clip)
    assert not other.undo(clip)
    assert label_on_disk(own_corpus, clip)[MALE] == before[MALE]


def test_undo_brings_back_the_provenance_and_a_second_click_is_no_step(own_corpus: Corpus) -> None:
    clip = own_corpus.clips[0]
    before = label_on_disk(own_corpus, clip)
    path = own_corpus.root / "meta" / f"{clip}.json"
    path.parent.mkdir()
    meta = {"label": {"label_source": "predicted:model@1", "settings": {}}, "label_source": "predicted:model@1"}
    path.write_text(json.dumps(meta))
    mender = LabelMender(own_corpus.root, "ann")
    mender.set(clip, "Smiling", -1, before[SMILING])
    once = path.read_text()
    mender.set(clip, "Smiling", -1, -1)
    assert path.read_text() == once
    mender.set(clip, "Male", -1, before[MALE])
    assert mender.undo(clip)
    assert json.loads(path.read_text())["label"]["mended"].keys() == {"Smiling"}
    assert mender.undo(clip)
    assert json.loads(path.read_text()) == {"clip_id": clip, **meta}
    assert label_on_disk(own_corpus, clip) == before
    assert not mender.undo(clip)


def test_a_mended_label_is_kept_and_the_other_window_hears_of_it(
    own_corpus: Corpus, view: Callable[..., Served], tab: Callable[..., Any]
) -> None:
    clip = own_corpus.clips[0]
    before = label_on_disk(own_corpus, clip)
    served = view(own_corpus.root, mender=LabelMender(own_corpus.root, "ann"))
    one = tab(served.address)
    one.click(f'[data-clip="{clip}"]')
    other = tab(served.address)
    other.click(f'[data-clip="{clip}"]')
    for page in (one, other):
        page.wait_for_selector('[data-name="Smiling"]')
    one.click(f'[data-set="Smiling:{1 - before[SMILING]}"]')
    until(one, f"document.querySelector('[data-set=\"Smiling:{1 - before[SMILING]}\"]').classList.contains('on')")
    assert label_on_disk(own_corpus, clip)[SMILING] == 1 - before[SMILING]
    other.click('[data-set="Smiling:-1"]')
    other.wait_for_selector(".toast.error")
    until(other, f"document.querySelector('[data-set=\"Smiling:{1 - before[SMILING]}\"]').classList.contains('on')")
    assert other.query_selector(".toast.error") is not None  # and nothing claims that it was set
    assert label_on_disk(own_corpus, clip)[SMILING] == 1 - before[SMILING]
    other.click('[data-name="Male"] span')
    other.keyboard.press("u")
    until(other, "document.querySelector('[data-set=\"Male:-1\"]').classList.contains('on')")
    one.reload()
    one.wait_for_selector(f'[data-set="Smiling:{1 - before[SMILING]}"].on')
    assert one.get_attribute('[data-set="Male:-1"]', "aria-pressed") == "true"
    assert "2 of 40 set by hand, the last by ann" in one.text_content(".facts")
    other.keyboard.press("z")
    until(other, f"document.querySelector('[data-set=\"Male:{before[MALE]}\"]').classList.contains('on')")


def test_read_only_offers_nothing_to_set(own_corpus: Corpus, view: Callable[..., Served]) -> None:
    assert not {"mend", "undo"} & view(own_corpus.root).viewing.calls().keys()


def test_the_next_doubtful_clip_comes_without_a_decision_and_a_decided_one_does_not_return(
    own_corpus: Corpus, view: Callable[..., Served], tab: Callable[..., Any]
) -> None:
    (own_corpus.root / "meta").mkdir()
    for clip, probability in zip(own_corpus.clips, (0.49, 0.7), strict=True):
        label = {"probabilities": {"Smiling": probability}, "settings": {"thresholds": [0.5] * 40}}
        (own_corpus.root / "meta" / f"{clip}.json").write_text(json.dumps({"label": label}))
    first, second = own_corpus.clips
    page = tab(view(own_corpus.root, mender=LabelMender(own_corpus.root, "ann")).address)
    page.wait_for_selector(f'[data-clip="{second}"]')
    page.click(f'[data-clip="{second}"]')
    page.wait_for_selector(".mend")
    shown = "document.querySelector('.clip h1')?.title"
    none_left = 'text="No other clip of this list has a probability; those that you have seen come again."'
    page.keyboard.press("n")
    until(page, f"{shown} === '{first}'")
    page.keyboard.press("n")  # nothing was decided here, and the other one was seen
    page.wait_for_selector(none_left)
    page.wait_for_selector('.mend .chosen[data-name="Smiling"]')
    page.keyboard.press("1")
    page.wait_for_selector('[data-set="Smiling:1"].on')
    page.keyboard.press("n")
    until(page, f"{shown} === '{second}'")
    page.keyboard.press("n")
    page.wait_for_selector(none_left)


def test_a_key_sets_no_attribute_out_of_sight(
    own_corpus: Corpus, view: Callable[..., Served], tab: Callable[..., Any]
) -> None:
    clip = own_corpus.clips[0]
    (own_corpus.root / "meta").mkdir()
    label = {"probabilities": {"Young": 0.51}, "settings": {"thresholds": [0.5] * 40}}
    (own_corpus.root / "meta" / f"{clip}.json").write_text(json.dumps({"label": label}))
    mender = LabelMender(own_corpus.root, "ann")
    before = mender.read(clip)[0]
    page = tab(view(own_corpus.root, mender=mender).address)
    page.click(f'[data-clip="{clip}"]')
    page.wait_for_selector('.mend .chosen[data-name="Young"]')
    page.keyboard.press("1")
    page.wait_for_selector('text="Chosen: Young. Press the key again."')
    assert mender.read(clip)[0] == before
    page.keyboard.press("0" if before[ATTRIBUTE_INDEX["Young"]] == 1 else "1")
    until(page, "document.querySelector('.toast')?.textContent.startsWith('Young: ')")
    assert mender.read(clip)[0] != before


def test_what_a_model_predicted_is_not_called_manual(own_corpus: Corpus) -> None:
    clip, root = own_corpus.clips[0], own_corpus.root
    before = label_on_disk(own_corpus, clip)
    Provenance(root).finish(clip, {"label": {"settings": {}}, "label_source": "predicted:model@1"})
    mender = LabelMender(root, "ann")
    mender.set(clip, "Smiling", 1 - before[SMILING], before[SMILING])
    meta = Provenance(root).read(clip)
    assert meta["label_source"] == meta["label"]["label_source"] == "predicted:model@1+manual"
    mender.set(clip, "Male", 1, before[MALE])
    assert Provenance(root).read(clip)["label_source"] == "predicted:model@1+manual"
    by_hand = [-1] * 40
    by_hand[SMILING], by_hand[MALE] = 1 - before[SMILING], 1
    report = export_labels(root, root.parent / "by_hand.csv")
    assert (report.partly, report.predicted) == ([clip], [])
    assert read_annotations(root.parent / "by_hand.csv").labels[clip] == by_hand
    report = export_labels(root, root.parent / "all.csv", include_predicted=True)
    assert (report.partly, report.predicted) == ([], [])
    assert "predicted:model@1+manual" in (root.parent / "all.csv").read_text()
    for name in ATTRIBUTES:
        mender.set(clip, name, 0, label_on_disk(own_corpus, clip)[ATTRIBUTE_INDEX[name]])
    assert Provenance(root).read(clip)["label_source"] == "manual"

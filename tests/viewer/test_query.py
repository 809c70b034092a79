"""Filters, their counts and orders over the columns of a catalog."""

from dataclasses import replace

import numpy as np
import pytest

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.meta.figures import figures_in
from mmvoxceleb.meta.ledger import LedgerRow
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.modalities import Folder
from mmvoxceleb.schema import ATTRIBUTES
from mmvoxceleb.viewer.catalog import Catalog
from mmvoxceleb.viewer.facts import ClipFacts, margins_in
from mmvoxceleb.viewer.query import Querying

CLIPS = [f"id1027{number % 3}#video#{number:05d}.txt#000.mp4" for number in range(6)]
SMILING = ATTRIBUTES.index("Smiling")


def label(value: int) -> list[int]:
    return [value if index == SMILING else 0 for index in range(40)]


@pytest.fixture
def querying() -> Querying:
    rows = [
        LedgerRow(CLIPS[0], "mask", "failed", "no face"),
        LedgerRow("id9#video#00001", "crop", "rejected", "too short: 5 frames, 64 wanted"),
    ]
    catalog = Catalog({Folder("video"): CLIPS, Folder("mask"): CLIPS[1:]}, rows)
    for number, name in enumerate(CLIPS):
        margins = np.full(40, 0.4, np.float32)
        margins[SMILING] = 0.1 - 0.03 * number
        facts = ClipFacts(10 * number, label(number % 3 - 1), "predicted:x" if number % 2 else "manual", margins,
                          {"sharpness": float(number)}, f"Sentence {number}.")  # fmt: skip
        catalog.put(catalog.position(name), facts)
    return Querying(catalog)


def names(querying: Querying, wanted: dict[str, object], sort: str = "") -> list[str]:
    return [querying.catalog.names[at] for at in querying.answer(wanted, sort).order]


def test_each_choice_is_counted_under_all_other_filters(querying: Querying) -> None:
    answer = querying.answer({"split": ["test"], "attributes": {"Smiling": [1]}})
    assert [querying.catalog.names[at] for at in answer.order] == [CLIPS[2], CLIPS[5]]
    assert answer.counts["attributes"]["Smiling"] == [2, 2, 2]  # as if nothing was asked of it
    assert dict(answer.counts["split"]) == {"test": 2}
    assert sum(answer.counts["figures"]["sharpness"]["counts"]) == 2


def test_an_input_that_became_no_clip_is_in_no_split(querying: Querying) -> None:
    everything = querying.answer({}).counts
    assert dict(everything["split"]) == {"test": 6}
    assert names(querying, {"split": ["train"]}) == []
    assert dict(everything["person"])["id9"] == 1  # but it shows a person


def test_filters_find_what_lacks_or_failed_and_why(querying: Querying) -> None:
    assert names(querying, {"lacks": ["mask"]}) == [CLIPS[0]]
    assert names(querying, {"outcome": ["rejected"]}) == ["id9#video#00001"]
    assert names(querying, {"reason": ["mask: no face"]}) == [CLIPS[0]]
    assert names(querying, {"reason": ["crop: too short"]}) == ["id9#video#00001"]  # whatever many
    assert names(querying, {"figures": {"sharpness": [2, 3]}}) == sorted(CLIPS[2:4])
    assert names(querying, {"text": "SENTENCE 4"}) == [CLIPS[4]]
    assert names(querying, {"source": ["manual"], "text": "id10271"}) == [CLIPS[4]]


def test_names_are_found_without_their_accents() -> None:
    clips = ["José Muñoz#v#00001.txt#000.mp4", "jo#v#00001.txt#000.mp4"]
    querying = Querying(Catalog({Folder("video"): clips}))
    for text in ("jose mu", "JOSÉ", "Munoz"):
        assert names(querying, {"text": text}) == clips[:1]
    assert names(querying, {"text": "jo"}) == sorted(clips)
    assert names(querying, {"text": "josé munoz"}) == []


def test_reasons_that_differ_in_the_name_of_a_file_are_one() -> None:
    rows = [
        LedgerRow("a#v#00000", "crop", "rejected", "too short: 5 frames, 64 wanted"),
        LedgerRow("b#v#00000", "crop", "rejected", "too short: 9 frames, 64 wanted; renamed from the file 'b #1.mp4'"),
    ]
    counts = Querying(Catalog({Folder("video"): CLIPS}, rows)).answer({}).counts
    assert counts["reason"] == [["crop: too short", 2]]


def test_sorts_by_figure_and_by_doubt_and_puts_the_unknown_last(querying: Querying) -> None:
    assert names(querying, {}, "-sharpness")[0] == CLIPS[5]
    assert names(querying, {}, "-sharpness")[-1] == "id9#video#00001"
    assert names(querying, {}, "doubt:Smiling")[0] == CLIPS[3]  # 0.1 - 0.09 is nearest to the threshold
    with pytest.raises(ConfigError, match="unknown figure nonsense"):
        querying.answer({}, "nonsense")


def test_a_removed_person_is_in_no_catalog() -> None:
    rows = [LedgerRow("id10270#video#00009", "crop", "rejected", "too short")]
    catalog = Catalog({Folder("video"): CLIPS}, rows, Removals(frozenset({"id10270"})))
    assert not any("id10270" in name for name in (*catalog.names, *catalog.persons))


def test_a_hand_made_value_is_no_longer_doubtful() -> None:
    section = {"probabilities": {"Smiling": 0.48, "Male": 0.9}, "thresholds": {"Smiling": 0.5}, "mended": {"Male": {}}}
    margins = margins_in({"label": section})
    assert margins is not None
    assert margins[SMILING] == pytest.approx(-0.02)
    assert np.isnan(margins[ATTRIBUTES.index("Male")])
    meta = {"crop": {"quality": {"sharpness": 3}, "fps": 25.0}, "mask": {"flicker": 0.5}}
    assert figures_in(meta) == {"sharpness": 3.0, "mask.flicker": 0.5}


def test_equal_figures_stay_in_the_order_of_names_and_negative_ones_come_first(querying: Querying) -> None:
    catalog = querying.catalog
    values = dict(zip(CLIPS, (0.0, -1.5, 0.0, 3.0, -2.0, -0.0), strict=True))
    for name, value in values.items():
        position = catalog.position(name)
        catalog.put(position, replace(catalog.facts(position), figures={"sync": value}))
    listed = [name for name in catalog.names if name in values]
    assert names(querying, {}, "sync")[:6] == sorted(listed, key=values.__getitem__)
    assert names(querying, {}, "-sync")[:6] == sorted(listed, key=lambda name: -values[name])


def test_a_new_catalog_knows_what_the_one_before_knew_of_the_same_clips(querying: Querying) -> None:
    before = querying.catalog
    before.problems[before.position(CLIPS[2])] = "damaged"
    new = "id10271#other#00001.txt#000.mp4"
    after = Catalog({Folder("video"): [*CLIPS[1:], new], Folder("mask"): CLIPS[1:5]})
    after.take_over(before)
    for name in CLIPS[1:5]:
        known, now = before.facts(before.position(name)), after.facts(after.position(name))
        assert now.margins is not None
        assert known.margins is not None
        assert np.array_equal(now.margins, known.margins)
        assert replace(now, margins=None) == replace(known, margins=None)
    assert not after.is_read[[after.position(name) for name in (CLIPS[5], new)]].any()  # other modalities; new
    assert after.problems == {after.position(CLIPS[2]): "damaged"}


def test_marks_mean_clips_persons_and_videos_whatever_their_spelling(querying: Querying) -> None:
    catalog = querying.catalog
    catalog.mark(Removals(frozenset({"ID10270"}), frozenset({"video2"}), frozenset({CLIPS[1]})))
    assert names(querying, {"marked": ["marked"]}) == sorted({CLIPS[0], CLIPS[1], CLIPS[3]})
    assert dict(querying.answer({}).counts["marked"]) == {"marked": 3}


def test_search_finds_what_came_after_the_last_search(querying: Querying) -> None:
    assert names(querying, {"text": "NEW"}) == []
    position = querying.catalog.position(CLIPS[3])
    querying.catalog.put(position, replace(querying.catalog.facts(position), sentence="A new one."))
    assert names(querying, {"text": "NEW"}) == [CLIPS[3]]

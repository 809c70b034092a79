"""The natural grammar: true to the label, complete, in correct English, and varied."""

import itertools
import re

import numpy as np
import pytest

from mmvoxceleb.processing.text import describe
from mmvoxceleb.processing.text.grammar import random_of
from mmvoxceleb.processing.text.grammar.lexicon import Phrase
from mmvoxceleb.processing.text.grammar.natural import compose
from mmvoxceleb.schema import ATTRIBUTE_INDEX, ATTRIBUTES
from tests.support.variety import measure_variety

# Words that only a line about the attribute may hold, written down apart from the grammar's own lexicon.
MARKS = {
    "5_o_Clock_Shadow": r"o'clock", "Arched_Eyebrows": r"arched", "Attractive": r"attractive|good-looking",
    "Bags_Under_Eyes": r"\bbags\b", "Bald": r"\bbald", "Bangs": r"bangs", "Big_Lips": r"(big|full) lips", "Big_Nose":
    r"(big|large)( \w+)? nose", "Black_Hair": r"black", "Blond_Hair": r"blond", "Blurry": r"blur|not sharp",
    "Brown_Hair": r"brown", "Bushy_Eyebrows": r"(bushy|thick)( \w+)? (eye)?brows", "Chubby": r"chubby|plump",
    "Double_Chin": r"double chin", "Eyeglasses": r"glasses", "Goatee": r"goatee", "Gray_Hair": r"gray",
    "Heavy_Makeup": r"makeup", "High_Cheekbones": r"cheekbones", "Male": r"\b(he|his|man|guy)\b",
    "Mouth_Slightly_Open": r"mouth", "Mustache": r"mo?ustache", "Narrow_Eyes": r"narrow eyes",
    "Oval_Face": r"\boval\b", "Pale_Skin": r"\bpale\b", "Pointy_Nose": r"pointy|pointed", "Receding_Hairline":
    r"receding", "Rosy_Cheeks": r"cheeks", "Sideburns": r"sideburns", "Smiling": r"smil", "Straight_Hair": r"straight",
    "Wavy_Hair": r"wavy", "Wearing_Earrings": r"earrings", "Wearing_Hat": r"\bhat\b", "Wearing_Lipstick": r"lipstick",
    "Wearing_Necklace": r"necklace", "Wearing_Necktie": r"\b(neck)?tie\b", "Young": r"young|youthful",
}  # fmt: skip
Composed = list[tuple[list[int], list[list[Phrase]]]]
FEMALE = r"\b(she|her|woman|lady)\b"


def marks(name: str, line: str) -> bool:
    return re.search(MARKS[name], line.lower()) is not None


def random_labels(count: int, share: float = 0.25, unknown: float = 0.0) -> list[list[int]]:
    random = np.random.default_rng(7)
    labels = (random.random((count, 40)) < share).astype(int)
    labels[random.random((count, 40)) < unknown] = -1
    return [list(map(int, label)) for label in labels]


LABELS = [*random_labels(300), *random_labels(100, 0.6), *random_labels(200, 0.3, 0.3), [0] * 40, [1] * 40, [-1] * 40]


@pytest.fixture(scope="module")
def composed() -> Composed:
    return [
        (label, [compose(label, draw) for draw in [random_of("natural", clip)] for _ in range(10)])
        for clip, label in enumerate(LABELS)
    ]


def test_no_clause_states_what_the_label_denies(composed: Composed) -> None:
    for label, lines in composed:
        for line in lines:
            for sentence in line:
                wrong = [(ATTRIBUTES[index], value) for index, value in sentence.states if label[index] != value]
                assert not wrong, f"{sentence.text!r} against {wrong}"


def test_every_attribute_that_holds_is_stated_in_every_line(composed: Composed) -> None:
    for label, lines in composed:
        holds = {index for index, value in enumerate(label) if value == 1} - {ATTRIBUTE_INDEX["No_Beard"]}
        for line in lines:
            stated = {index for sentence in line for index, _ in sentence.states}
            assert holds <= stated, [ATTRIBUTES[index] for index in holds - stated]


def test_the_words_agree_with_the_label_by_an_independent_list(composed: Composed) -> None:
    for label, lines in composed:
        for line in lines:
            text = " ".join(sentence.text for sentence in line)
            for name in MARKS:
                value = label[ATTRIBUTE_INDEX[name]]
                assert marks(name, text) == (value == 1), f"{name} is {value}, but: {text}"
            assert bool(re.search(FEMALE, text.lower())) == (label[ATTRIBUTE_INDEX["Male"]] == 0), text


def test_beard_follows_no_beard(composed: Composed) -> None:
    no_beard, male, goatee = (ATTRIBUTE_INDEX[name] for name in ("No_Beard", "Male", "Goatee"))
    for label, lines in composed:
        for line in lines:
            text = " ".join(sentence.text for sentence in line)
            assert ("a beard" in text) == (label[no_beard] == 0 and label[male] != 0), text
            denied = "no beard" in text or "clean-shaven" in text
            assert denied == (label[no_beard] == 1 and label[male] == 1 and label[goatee] != 1), text


def test_articles_agreement_and_punctuation(composed: Composed) -> None:
    for label, lines in composed:
        for line in lines:
            text = " ".join(sentence.text for sentence in line)
            assert not re.search(r"\b[Aa] [aeiouAEIOU]", text), text
            assert not re.search(r"\b[Aa]n [^aeiouAEIOU]", text), text
            assert not re.search(r"\b[Aa]n? (pair of )?(eyeglasses|lipstick|earrings\b(?<!pair of earrings))", text), (
                text
            )
            assert not re.search(r"\b[Tt]hey( also)? (is|has|wears|smiles)\b", text), text
            assert not re.search(r"\b([Hh]e|[Ss]he|man|guy|woman|lady|person)( also)? (are|have|wear|smile)\b", text), (
                text
            )
            assert not re.search(r"  | [.,]|,,|\.\.|\band and\b|\{|\}", text), text
            for sentence in line:
                assert re.fullmatch(r"[A-Z].*[a-z]\.", sentence.text), sentence.text
            if label[ATTRIBUTE_INDEX["Male"]] == -1:
                assert not re.search(r"\b(he|she|his|her|man|woman)\b", text.lower()), text


def test_clean_shaven_needs_all_facial_hair_to_be_denied() -> None:
    label = [0] * 40
    label[ATTRIBUTE_INDEX["Male"]] = label[ATTRIBUTE_INDEX["No_Beard"]] = 1
    assert any("clean-shaven" in line for line in describe(label, style="natural"))
    for name in ("Mustache", "Sideburns", "5_o_Clock_Shadow"):
        for value in (1, -1):
            changed = list(label)
            changed[ATTRIBUTE_INDEX[name]] = value
            assert not any("clean-shaven" in line for line in describe(changed, n=50, style="natural"))


def test_more_variety_than_the_original_on_the_same_labels() -> None:
    labels = random_labels(40)
    texts = {
        style: [describe(label, clip_id=str(clip), style=style) for clip, label in enumerate(labels)]
        for style in ("original", "natural")
    }
    original, natural = (measure_variety(texts[style]) for style in ("original", "natural"))
    assert natural.distinct_lines > 0.99 > original.distinct_lines
    assert all(a > 1.3 * b for a, b in zip(natural.distinct_ngrams, original.distinct_ngrams, strict=True))
    assert natural.self_bleu < 0.9 < original.self_bleu


def test_variety_of_known_lines() -> None:
    same = measure_variety([["a b c d e."] * 4])
    assert (same.distinct_lines, same.distinct_ngrams[0]) == (0.25, 0.25)
    assert same.self_bleu == pytest.approx(1.0)
    apart = measure_variety([["a b c d e f g h", "i j k l m n o p"]])
    assert (apart.distinct_lines, apart.distinct_ngrams) == (1.0, (1.0, 1.0, 1.0, 1.0))
    assert apart.self_bleu < 0.1
    with pytest.raises(ValueError, match="two lines"):
        measure_variety([["alone"]])


def test_structures_differ_between_the_lines_of_a_clip() -> None:
    label = random_labels(1)[0]
    lines = describe(label, style="natural")
    openings = {" ".join(line.split()[:4]) for line in lines}
    assert len(set(lines)) == 20
    assert len(openings) > 8
    assert all(a != b for a, b in itertools.combinations(lines, 2))

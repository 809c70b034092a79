"""Choose clips of a store: what is read, what is counted, and what chance does."""

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest

import mmvoxceleb
from mmvoxceleb.cliplists import ClipList, StoreMark
from mmvoxceleb.errors import ConfigError, MissingModalityError
from mmvoxceleb.meta.provenance import Provenance
from mmvoxceleb.meta.removal_list import add_removals
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.modalities import ClipScores, figures
from mmvoxceleb.sample import sample_path
from mmvoxceleb.schema import ATTRIBUTES, ClipId
from mmvoxceleb.select import Choice, Selected, select_clips
from mmvoxceleb.select.chance import at_most, share_of
from mmvoxceleb.select.presets import PRESETS
from tests.support.corpus import Corpus, make_corpus
from tests.support.http_server import FileServer


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Six clips of 12 to 17 frames; figures of the first four."""
    corpus = make_corpus(tmp_path_factory.mktemp("select") / "store", clips=6)
    provenance = Provenance(corpus.root)
    for number, clip in enumerate(corpus.clips[:4]):
        crop = {"source": {"file": f"{number % 2}.mp4"}, "quality": {"face_px": 100.0 * number}}
        provenance.finish(clip, {"crop": crop, "label_source": "manual" if number else "predicted:x"})
    label = corpus.root / "label" / f"{corpus.clips[5]}.txt"
    label.write_text(",".join(["-1"] * 40))
    return corpus


def chosen(store: Corpus, *where: str, **options: Any) -> list[int]:
    """Numbers of the clips that are chosen."""
    selected = select_clips(store.root, Choice(where, **options))
    return sorted(map(store.clips.index, selected.clips))


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("face_px >= 200", [2, 3]),
        ("not face_px >= 200", [0, 1]),
        ("face_px is None", [4, 5]),
        ("num_frames > 15", [4, 5]),
        ("seconds <= 0.5", [0]),
        ("split == 'test'", [2, 4]),
        ("person_id == 'id10001'", [0, 1, 5]),
        ("chunk == 2", [2, 5]),
        ("has_mask and not has_audio", [0, 1, 2, 3, 4, 5]),
        ("label_source == 'manual'", [1, 2, 3]),
        ("source == '1.mp4'", [1, 3]),
    ],
)
def test_columns(store: Corpus, where: str, expected: list[int]) -> None:
    assert chosen(store, where) == expected


def test_attributes_are_those_of_the_labels(store: Corpus) -> None:
    labels = [(store.root / "label" / f"{clip}.txt").read_text().split(",") for clip in store.clips]
    for name in ("Smiling", "Eyeglasses", "5_o_Clock_Shadow"):
        values = [label[ATTRIBUTES.index(name)] for label in labels]
        assert chosen(store, name) == [number for number, value in enumerate(values) if value == "1"]
        assert chosen(store, f"not {name}") == [number for number, value in enumerate(values) if value == "0"]
        assert chosen(store, f"{name} is None") == [5]


def test_every_condition_is_counted(store: Corpus) -> None:
    selected = select_clips(
        store.root, Choice(("face_px > 50 and num_frames < 15", "split == 'train'"), persons=["id10001", "id10271"])
    )
    assert [(step.condition, step.passed, step.unknown, step.left) for step in selected.steps] == [
        ("person_id in ('id10001', 'id10271')", 5, 0, 5),
        ("face_px > 50", 3, 2, 2),
        ("num_frames < 15", 3, 0, 2),
        ("split == 'train'", 4, 0, 1),
    ]
    listed = selected.clip_list()
    assert listed.clips == (store.clips[1],)
    assert listed.store == StoreMark.of(store.clips)
    assert listed.versions["mmvoxceleb"]
    assert listed.sha256 == selected.clip_list().sha256


def test_nothing_left_names_the_condition_that_leaves_nothing(store: Corpus) -> None:
    with pytest.raises(MissingModalityError, match=r"face_px > 1000 leaves none; it is unknown for 2 of them"):
        select_clips(store.root, Choice(("num_frames > 1", "face_px > 1000", "Smiling"))).clip_list()


def test_an_unknown_column_lists_the_known_ones(store: Corpus) -> None:
    with pytest.raises(ConfigError, match=r"no column 'face_pz'. Do you mean face_px\?$"):
        chosen(store, "face_pz > 3")
    with pytest.raises(ConfigError, match=r"no column 'beauty'. The known ones are clip_id, .*face_px"):
        chosen(store, "beauty > 3")
    with pytest.raises(ConfigError, match=r"no column 'smiling'. Do you mean Smiling\?"):
        chosen(store, "smiling")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"share": 0}, "share=0"),
        ({"share": 1.5}, "share=1.5"),
        ({"per_person": 0}, "per_person=0"),
        ({"split": "dev"}, "split='dev'; the known ones are train, test"),
        ({"preset": "wav2lip"}, "unknown preset 'wav2lip'; the known ones are latentsync, talkvid"),
    ],
)
def test_impossible_choices(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Choice(**options)


def test_a_damaged_label_is_unknown_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = make_corpus(tmp_path / "store", clips=3)
    (store.root / "label" / f"{store.clips[0]}.txt").write_text("1,2,3")
    with caplog.at_level(logging.WARNING):
        selected = select_clips(store.root, Choice(("Smiling or not Smiling",)))
    assert selected.steps[0].unknown == 1
    assert "1 of the labels cannot be read and count as unknown, such as: clip " in caplog.text


def test_the_removed_are_no_candidates(tmp_path: Path) -> None:
    store = make_corpus(tmp_path / "store")
    listed = ClipList.of(store.clips[:2])
    add_removals(store.root, Removals(clip_id=frozenset([store.clips[0]])))
    selected = select_clips(store.root, Choice())
    assert selected.clips == tuple(sorted(store.clips[1:]))
    assert selected.store.clips == 4
    among = select_clips(store.root, Choice(), clips=listed)
    assert among.clips == (store.clips[1],)
    assert among.steps[0].condition == f"on a list of sha256 {listed.sha256}"


def test_over_http(store: Corpus) -> None:
    server = FileServer(store.root)
    try:
        selected = select_clips(server.url, Choice(("face_px > 50 and not Smiling",)))
        assert selected.clips == select_clips(store.root, Choice(("face_px > 50 and not Smiling",))).clips
        assert not any(".png" in path for _, path, _ in server.requests)
    finally:
        server.close()


def test_chance_depends_on_the_clip_and_the_seed_alone() -> None:
    clips = [str(ClipId(f"id{number // 50:05d}", f"v{number}", "00001", 0)) for number in range(2000)]
    tenth = share_of(clips, 0.1, 7)
    assert 140 < len(tenth) < 260
    assert set(tenth) == set(share_of(reversed(clips), 0.1, 7))
    assert set(tenth) < set(share_of(clips, 0.2, 7))
    assert share_of(clips[:100], 0.1, 7) == [clip for clip in tenth if clip in clips[:100]]
    assert set(share_of(clips, 0.1, 8)) != set(tenth)
    balanced = at_most(tenth, 3, 7, group_of=lambda clip: clip[:7])
    assert max([clip[:7] for clip in balanced].count(clip[:7]) for clip in balanced) == 3
    assert balanced == [clip for clip in tenth if clip in set(balanced)]


def test_balance(store: Corpus) -> None:
    selected: Selected = select_clips(store.root, Choice(per_person=1, seed=3))
    assert len(selected.clips) == len({clip[:7] for clip in store.clips}) == 3
    assert selected.steps[-1].condition == "at most 1 a person, seed 3"
    assert json.loads(selected.clip_list().to_bytes())["conditions"][-1]["left"] == 3


def test_every_preset_asks_for_figures_that_there_are() -> None:
    known = {"seconds", *(figure.name for figure in figures())}
    for preset in PRESETS.values():
        words = set(re.findall(r"[a-z_]+", " ".join(preset.conditions)))
        assert words <= known, preset.name
        assert preset.source.startswith("https://")


def test_scores_are_columns(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = make_corpus(tmp_path / "store", clips=4)
    (store.root / "score").mkdir()
    version = {figure.name: figure.version for figure in figures()}["rotation_speed"]
    for number, clip in enumerate(store.clips[:3]):
        speed = None if number == 1 else 10.0 * number
        versions = {"rotation_speed": version + (number == 2), "mine": 7}
        scores = ClipScores(12, {"rotation_speed": speed, "mine": 0.7}, versions)
        (store.root / "score" / f"{clip}.json").write_bytes(scores.to_bytes())
    with caplog.at_level(logging.WARNING):
        selected = select_clips(store.root, Choice(("rotation_speed <= 30 and mine >= 0.7",)))
    assert selected.clips == (store.clips[0],)
    assert [(step.passed, step.unknown) for step in selected.steps] == [(1, 3), (3, 1)]
    told = {"scores.mine": "7", "scores.rotation_speed": str(version)}
    assert selected.clip_list().versions == {"mmvoxceleb": mmvoxceleb.__version__, **told}
    assert "no scores of 1 clip, of which only what the crop recorded is known" in caplog.text
    assert "scores of 1 clip are of earlier formulas, and are unknown" in caplog.text


def test_what_was_not_measured_is_what_the_provenance_says(tmp_path: Path) -> None:
    store = make_corpus(tmp_path / "store", clips=3)
    now = {figure.name: figure.version for figure in figures()}
    for folder in ("meta", "score"):
        (store.root / folder).mkdir()
    for number, clip in enumerate(store.clips):
        meta = {"crop": {"quality": {"sharpness": 10.0 * number, "motion": 1.0}}}
        (store.root / "meta" / f"{clip}.json").write_text(json.dumps(meta))
    before = select_clips(store.root, Choice(("sharpness > 5 and motion > 0",)))
    for clip in store.clips[:2]:  # of which only the head was measured
        scores = ClipScores(12, {"yaw": 1.0}, {"yaw": now["yaw"]})
        (store.root / "score" / f"{clip}.json").write_bytes(scores.to_bytes())
    selected = select_clips(store.root, Choice(("sharpness > 5 and motion > 0",)))
    assert selected.clips == before.clips == store.clips[1:]
    assert selected.clip_list().versions == before.clip_list().versions
    scores = ClipScores(12, {"sharpness": None, "yaw": 1.0}, {"sharpness": now["sharpness"], "yaw": now["yaw"]})
    (store.root / "score" / f"{store.clips[1]}.json").write_bytes(scores.to_bytes())  # measured, and cannot be told
    selected = select_clips(store.root, Choice(("sharpness > 5",)))
    assert selected.clips == store.clips[2:]
    assert selected.clip_list().versions["scores.sharpness"] == f"{now['sharpness']} and provenance"


def test_where_values_are_unknown_the_commands_that_make_them_are_named(store: Corpus) -> None:
    root = store.root
    with pytest.raises(ConfigError, match=rf"{root}: sharpness is not measured yet; run: .* regenerate score {root}$"):
        chosen(store, "sharpness > 1")
    selected = select_clips(root, Choice(("face_px > 99999", "Smiling", "num_frames > 1")))
    assert selected.advice == {
        "face_px > 99999": f"to measure face_px, run: mmvoxceleb regenerate score {root} --figures face_px",
        "Smiling": f"the labels leave it open; to set it by hand: mmvoxceleb view {root}",
    }
    with pytest.raises(MissingModalityError, match=r"it is unknown for 2 of them. Next step: to measure face_px"):
        selected.clip_list()
    with pytest.raises(MissingModalityError, match=r"leaves none. Next step: loosen the conditions"):
        select_clips(root, Choice(("num_frames > 99999",))).clip_list()


def test_what_a_figure_is_computed_from_comes_first(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "store", clips=1)
    (corpus.root / "score").mkdir()
    scores = ClipScores(12, {"sync_confidence": None}, {"sync_confidence": 1})
    (corpus.root / "score" / f"{corpus.clips[0]}.json").write_bytes(scores.to_bytes())
    (command,) = select_clips(corpus.root, Choice(("sync_confidence > 3",))).advice.values()
    made = ["landmarks", "audio", "score"]
    options = {"audio": " --raw VIDEOS"}
    commands = [f"mmvoxceleb regenerate {what} {corpus.root}{options.get(what, '')}" for what in made]
    assert command == f"to measure sync_confidence, run: {', then '.join(commands)} --figures sync_confidence"


def test_clips_without_a_label_get_one(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "store", clips=2)
    (corpus.root / "label" / f"{corpus.clips[0]}.txt").unlink()
    (command,) = select_clips(corpus.root, Choice(("Smiling",))).advice.values()
    assert command == f"to predict attributes, run: mmvoxceleb regenerate label {corpus.root}"


def test_scores_that_are_null_say_why(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "store", clips=1)
    (corpus.root / "score").mkdir()
    scores = ClipScores(12, {"sharpness": None}, {"sharpness": 1}, {"sharpness": "no frame could be decoded"})
    (corpus.root / "score" / f"{corpus.clips[0]}.json").write_bytes(scores.to_bytes())
    advice = select_clips(corpus.root, Choice(("sharpness > 3",))).advice
    assert advice == {"sharpness > 3": "the scores say why, for example sharpness: no frame could be decoded"}


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("split == test", "split == test: there is no column 'test'; a text is put into quotes: split == 'test'"),
        ("train != split", "a text is put into quotes: split == 'train'"),
        ("label_source == predicted", "there is no column 'predicted'; a text is put into quotes: label_source =="),
        ("seconds > pich", "there is no column 'pich'. Do you mean"),
        ("smiling", "there is no column 'smiling'. Do you mean Smiling?"),
        ("hat", "there is no column 'hat'. Do you mean Wearing_Hat?"),
        ("hair", "there is no column 'hair'. Do you mean Black_Hair or Blond_Hair or Brown_Hair?"),
        ("clip_num_frames > 3", "there is no column 'clip_num_frames'. Do you mean num_frames?"),
        ("qqq > 3", "there is no column 'qqq'. The known ones are clip_id"),
        ("Smiling == 'yes'", "Smiling == 'yes': Smiling is yes or no; write Smiling, or not Smiling"),
        ("'yes' == Smiling", "Smiling is yes or no; write Smiling, or not Smiling"),
        ("Smiling in ('yes',)", "Smiling is yes or no; write Smiling, or not Smiling"),
        ("seconds > '3'", "seconds > '3': seconds is a number, and '3' is not"),
        ("split == 3", "split is a text, and 3 is not; put what it is compared with into quotes"),
    ],
)
def test_what_a_condition_got_wrong_is_named(tmp_path: Path, condition: str, message: str) -> None:
    corpus = make_corpus(tmp_path / "store", clips=1)
    with pytest.raises(ConfigError, match=re.escape(message)):
        select_clips(corpus.root, Choice((condition,)))


def test_a_list_of_which_all_clips_were_removed_is_named(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "store", clips=3)
    listed = tmp_path / "list.txt"
    listed.write_text(f"{corpus.clips[0]}\n")
    add_removals(corpus.root, Removals(clip_id=frozenset({corpus.clips[0]})))
    with pytest.raises(MissingModalityError, match=r"every clip of .*list\.txt was removed from there; use a list of"):
        select_clips(corpus.root, Choice(), clips=listed)


def test_the_bundled_sample_is_copied_before_anything_is_written_to_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        select_clips(sample_path(), Choice(("face_px > 3",)))
    assert "run: mmvoxceleb copy sample my-sample, then mmvoxceleb regenerate score my-sample" in str(caught.value)
    store = make_corpus(tmp_path / "my store", clips=1)
    with pytest.raises(ConfigError, match=re.escape(f"run: mmvoxceleb regenerate score '{store.root}'")):
        select_clips(store.root, Choice(("face_px > 3",)))

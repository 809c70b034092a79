"""Annotation files in all their forms, into a store and out of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from mmvoxceleb.errors import ConfigError, CorruptSourceError, MissingModalityError, SourceUnavailableError
from mmvoxceleb.meta.provenance import Provenance
from mmvoxceleb.processing.labels.exporting import export_labels
from mmvoxceleb.processing.labels.files import contradictions, read_annotations
from mmvoxceleb.processing.labels.importing import import_labels
from mmvoxceleb.schema import ATTRIBUTES, SENSITIVE_ATTRIBUTES
from mmvoxceleb.schema.attributes import drop_sensitive
from tests.support.corpus import Corpus

A, B = "id10001#-video_0000#00001.txt#000.mp4", "id10001#-video_0001#00002.txt#001.mp4"


def label_of(*names: object, other: int = 0) -> list[int]:
    return [1 if name in names else other for name in ATTRIBUTES]


def open_label(**values: Any) -> list[int]:
    return [values.get(name, -1) for name in ATTRIBUTES]


def labels_in(root: Path) -> dict[str, list[int]]:
    return {
        path.name.removesuffix(".txt"): [int(value) for value in path.read_text().split(",")]
        for path in (root / "label").iterdir()
        if not path.name.startswith(".")
    }


@pytest.fixture
def store(own_corpus: Corpus) -> Path:
    for path in (own_corpus.root / "label").iterdir():
        path.unlink()
    return own_corpus.root


def write(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("parsed.txt", f"{A},Smiling,Wearing Hat\n\n{B},5 o'clock shadow\r\n"),
        ("parsed.csv", f"\ufeff{A},smiling,wearing_hat,\n{B},5_O_CLOCK_SHADOW"),
        ("lists.json", {A: ["Smiling", "wearing hat"], B: ["5_o_Clock_Shadow"]}),
        ("numbers.json", {A: label_of("Smiling", "Wearing_Hat"), B: label_of("5_o_Clock_Shadow")}),
        ("celeba.json", {A: label_of("Smiling", "Wearing_Hat", other=-1), B: label_of("5_o_Clock_Shadow", other=-1)}),
        (
            "mapping.json",
            {A: dict(zip(ATTRIBUTES, label_of("Smiling", "Wearing_Hat"), strict=True)),
             B: {name.upper().replace("_", " "): name == "5_o_Clock_Shadow" for name in ATTRIBUTES}},
        ),
        (
            "records.json",
            [{"clip_id": A, "attributes": ["Smiling", "Wearing_Hat"]},
             {"Clip": B, **dict.fromkeys(ATTRIBUTES, 0), "5_o_Clock_Shadow": 1}],
        ),
        (
            "table.csv",
            "\n".join([
                ",".join(["Clip_ID", *(name.replace("_", " ") for name in ATTRIBUTES)]),
                ",".join([A, *map(str, label_of("Smiling", "Wearing_Hat"))]),
                ",".join([B, *("yes" if v else "No" for v in label_of("5_o_Clock_Shadow"))]),
            ]),
        ),
        (
            "semicolons.csv",
            "\n".join([
                ";".join(["clip_id", *ATTRIBUTES]),
                ";".join([A, *map(str, label_of("Smiling", "Wearing_Hat"))]),
                ";".join([B, *map(str, label_of("5_o_Clock_Shadow"))]),
            ]),
        ),
        (
            "excel.csv",
            "\n".join([
                "sep=;\r",
                ";".join(["clip_id", *ATTRIBUTES]),
                ";".join([A, *map(str, label_of("Smiling", "Wearing_Hat"))]),
                ";".join([B, *map(str, label_of("5_o_Clock_Shadow"))]),
            ]),
        ),
        (
            "tabs.txt",
            "\n".join([
                "\t".join(["clip_id", *ATTRIBUTES]),
                "\t".join([A, *map(str, label_of("Smiling", "Wearing_Hat"))]),
                "\t".join([B, *map(str, label_of("5_o_Clock_Shadow"))]),
            ]),
        ),
        (
            "celeba.csv",
            "\n".join([
                ",".join(["clip", *ATTRIBUTES]),
                ",".join([A, *map(str, label_of("Smiling", "Wearing_Hat", other=-1))]),
                ",".join([B, *map(str, label_of("5_o_Clock_Shadow", other=-1))]),
            ]),
        ),
    ],
)  # fmt: skip
def test_every_form_gives_the_same_labels(tmp_path: Path, store: Path, name: str, content: object) -> None:
    report = import_labels(write(tmp_path / name, content), store)
    assert report.written == [A, B]
    assert labels_in(store) == {A: label_of("Smiling", "Wearing_Hat"), B: label_of("5_o_Clock_Shadow")}
    assert (store / "label" / f"{A}.txt").read_bytes() == ",".join(
        map(str, label_of("Smiling", "Wearing_Hat"))
    ).encode()
    meta = Provenance(store).read(A)
    assert meta["label_source"] == meta["label"]["label_source"] == "manual"
    assert meta["label"]["annotation_file"] == name


def test_what_is_not_said_stays_unknown(tmp_path: Path, store: Path) -> None:
    import_labels(write(tmp_path / "a.csv", f"clip_id,Smiling,Young,Male\n{A},1,0,\n{B},0,1,-1\n"), store)
    assert labels_in(store) == {A: open_label(Smiling=1, Young=0), B: open_label(Smiling=0, Young=1)}
    import_labels(write(tmp_path / "a.json", {A: {"Smiling": True, "Young": None, "Male": False}}), store)
    assert labels_in(store)[A] == open_label(Smiling=1, Male=0)


def test_a_dropped_label_of_a_record_is_not_taken_for_celeba(tmp_path: Path, store: Path) -> None:
    dropped = drop_sensitive(label_of("Smiling", "Young"))
    import_labels(write(tmp_path / "a.json", [{"clip_id": A, "label": dropped}]), store)
    assert labels_in(store)[A] == dropped


@pytest.mark.parametrize("suffix", [".txt", ".csv", ".json"])
def test_import_export_import(tmp_path: Path, store: Path, suffix: str) -> None:
    first = write(tmp_path / "first.txt", f"{A},Smiling,Wearing Hat\n{B},Young,5 o clock shadow\n")
    import_labels(first, store)
    before = labels_in(store)
    exported = tmp_path / f"exported{suffix}"
    assert export_labels(store, exported).written == [A, B]
    again = import_labels(exported, store)
    assert (again.written, again.unchanged) == ([], [A, B])
    for path in (store / "label").iterdir():
        path.unlink()
    import_labels(exported, store)
    assert labels_in(store) == before
    twice = tmp_path / f"twice{suffix}"
    export_labels(store, twice)
    assert twice.read_bytes() == exported.read_bytes()


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_unknown_values_survive_the_round_trip(tmp_path: Path, store: Path, suffix: str) -> None:
    import_labels(write(tmp_path / "a.csv", f"clip_id,Smiling,Young\n{A},1,0\n"), store)
    export_labels(store, tmp_path / f"out{suffix}")
    assert read_annotations(tmp_path / f"out{suffix}").labels == {A: open_label(Smiling=1, Young=0)}


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_sensitive_attributes_can_be_left_out(tmp_path: Path, store: Path, suffix: str) -> None:
    import_labels(write(tmp_path / "a.txt", f"{A},Smiling,Male,Young\n"), store)
    report = export_labels(store, tmp_path / f"out{suffix}", drop_sensitive=True)
    assert set(report.left_out) == SENSITIVE_ATTRIBUTES
    text = (tmp_path / f"out{suffix}").read_text()
    assert not any(name in text for name in ("Male", "Young", "Attractive"))
    (label,) = read_annotations(tmp_path / f"out{suffix}").labels.values()
    assert label == drop_sensitive(label_of("Smiling"))


def test_predicted_labels_never_become_manual(tmp_path: Path, store: Path) -> None:
    import_labels(write(tmp_path / "a.txt", f"{A},Smiling\n{B},Young\n"), store)
    meta = store / "meta" / f"{B}.json"
    meta.write_text(json.dumps({**json.loads(meta.read_text()), "label_source": "predicted:model@abc"}))
    report = export_labels(store, tmp_path / "manual.csv")
    assert (report.written, report.predicted) == ([A], [B])
    with pytest.raises(ConfigError, match="parsed form cannot say"):
        export_labels(store, tmp_path / "all.txt", include_predicted=True)
    for name in ("all.csv", "all.json"):
        assert export_labels(store, tmp_path / name, include_predicted=True).written == [A, B]
        again = import_labels(tmp_path / name, store)
        assert (again.predicted, again.unchanged) == ([B], [A])
    assert Provenance(store).read(B)["label_source"] == "predicted:model@abc"


def test_manual_replaces_what_was_there_and_says_so(tmp_path: Path, own_corpus: Corpus) -> None:
    report = import_labels(write(tmp_path / "a.txt", f"{A},Smiling\n"), own_corpus.root)
    assert report.replaced == {"of unknown origin": 1}
    assert report.forgotten == {}
    assert labels_in(own_corpus.root)[A] == label_of("Smiling")


def test_a_table_of_one_attribute_forgets_or_keeps_the_others(tmp_path: Path, store: Path) -> None:
    import_labels(write(tmp_path / "all.json", {A: label_of("Smiling", "Young"), B: label_of("Young")}), store)
    file = write(tmp_path / "one.csv", f"clip_id,Eyeglasses,Young\n{A},1,\n{B},0,0\n")
    for dry_run in (True, False):
        report = import_labels(file, store, keep_others=True, dry_run=dry_run)
        assert (report.written, report.unchanged, report.forgotten) == ([A, B], [], {})
    assert labels_in(store) == {A: label_of("Smiling", "Young", "Eyeglasses"), B: label_of()}
    meta = Provenance(store).read(A)
    assert meta["label_source"] == "manual"
    assert {name: said["value"] for name, said in meta["label"]["mended"].items()} == {"Eyeglasses": 1}
    assert import_labels(file, store, keep_others=True).unchanged == [A, B]
    assert import_labels(write(tmp_path / "open.csv", f"clip_id,Bald\n{A},\n"), store, keep_others=True).empty == [A]
    assert import_labels(file, store, dry_run=True).forgotten == {A: 39}
    with pytest.raises(CorruptSourceError, match=rf"{A} leaves 39 known values open"):
        import_labels(file, store, strict=True)
    import_labels(file, store)
    assert labels_in(store)[A] == open_label(Eyeglasses=1)


def test_minus_one_that_means_absent_is_counted(tmp_path: Path, store: Path) -> None:
    assert import_labels(write(tmp_path / "a.json", {A: {"Smiling": 1, "Young": -1}}), store).negative == 1
    assert labels_in(store)[A] == open_label(Smiling=1, Young=0)
    assert import_labels(write(tmp_path / "b.json", {A: {"Smiling": 0, "Young": -1}}), store).negative == 0


def test_a_name_in_another_form_of_unicode_is_found(tmp_path: Path) -> None:
    clip = "Zo\u00eb#v#00001.txt#000.mp4"
    (tmp_path / "store" / "label").mkdir(parents=True)
    (tmp_path / "store" / "label" / f"{clip}.txt").write_text(",".join(["0"] * 40))
    file = write(tmp_path / "a.csv", "clip_id,Smiling\nZoe\u0308#v#00001.txt#000,1\n")
    assert import_labels(file, tmp_path / "store").written == [clip]
    twice = write(tmp_path / "b.csv", f"clip_id,Smiling\nZoe\u0308#v#00001.txt#000,1\n{clip},0\n")
    with pytest.raises(CorruptSourceError, match=r"b\.csv: clip .* appears twice, in two spellings"):
        import_labels(twice, tmp_path / "store", allow_empty=True)


def test_unknown_names_are_an_error_with_a_suggestion(tmp_path: Path, store: Path) -> None:
    file = write(tmp_path / "a.txt", f"{A},Smilling,Smiling\n{B},Smilling,Tall\n")
    with pytest.raises(ConfigError, match=r"a\.txt: .*'Smilling' \(2 times; did you mean Smiling\?\), 'Tall'"):
        import_labels(file, store)
    assert not labels_in(store)
    report = import_labels(file, store, ignore_unknown=True)
    assert report.unknown_names == {"Smilling": 2, "Tall": 1}
    assert labels_in(store) == {A: label_of("Smiling")}
    assert report.empty == [B]


def test_unknown_clips_are_left_out_and_reported(tmp_path: Path, store: Path) -> None:
    short = A.removesuffix(".mp4")
    report = import_labels(write(tmp_path / "a.txt", f"{short},Smiling\nid1#x#1.txt#000.mp4,Young\n"), store)
    assert report.unknown_clips == ["id1#x#1.txt#000.mp4"]
    assert report.written == [A]


def test_all_zeros_are_left_out_unless_asked_for(tmp_path: Path, store: Path) -> None:
    file = write(tmp_path / "a.json", {A: [0] * 40, B: []})
    assert import_labels(file, store).empty == [A, B]
    assert not labels_in(store)
    assert import_labels(file, store, allow_empty=True).written == [A, B]
    assert labels_in(store) == {A: [0] * 40, B: [0] * 40}


def test_contradictions_are_reported_and_imported_as_annotated(tmp_path: Path, store: Path) -> None:
    file = write(tmp_path / "a.json", {A: ["Black Hair", "Blond Hair", "Smiling"], B: [1] * 40})
    report = import_labels(file, store)
    assert report.contradictions[A] == ["Black_Hair and Blond_Hair"]
    assert "Straight_Hair and Wavy_Hair" in report.contradictions[B]
    assert "Bald and Bangs" in report.contradictions[B]
    assert labels_in(store)[A] == label_of("Black_Hair", "Blond_Hair", "Smiling")
    assert contradictions(label_of("Smiling", "No_Beard", "Black_Hair")) == []
    with pytest.raises(CorruptSourceError, match=rf"doubtful entries \(2\), so .*{A} has Black_Hair and Blond_Hair"):
        import_labels(file, store, strict=True)


def test_dry_run_writes_nothing(tmp_path: Path, store: Path) -> None:
    assert import_labels(write(tmp_path / "a.txt", f"{A},Smiling\n"), store, dry_run=True).written == [A]
    assert not labels_in(store)
    assert not (store / "meta").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", {A: [1] * 39}, f"clip {A}: holds 39 values where 40 were expected"),
        ("a.json", {A: [2] * 40}, "5_o_Clock_Shadow is 2; expected 1, 0"),
        ("a.json", {A: "Smiling"}, "holds 'Smiling' where attributes were expected"),
        ("a.json", "{", r"a\.json: is not JSON"),
        ("a.json", "7", "holds int where a mapping or list"),
        ("a.json", ["Smiling"], "record 0: is not a mapping"),
        ("a.json", [{"attributes": ["Smiling"]}], "record 0: names no clip"),
        ("a.csv", f"clip_id,Smiling\n{A},maybe\n", r"a\.csv, line 2: Smiling is 'maybe'"),
        ("a.csv", f"clip_id,Smiling\n{A},1,0\n", "line 2: has 3 cells under 2 columns"),
        ("a.csv", f"{A},1,0\n", "line 1: has values and the file names no columns"),
        ("a.txt", f"{A},Smiling\n{A},Young\n", r"a\.txt, line 2: clip .* appears twice"),
        ("a.txt", "\n\n", "is empty"),
        ("a.csv", "clip_id,Smiling\n", r"a\.csv: names no clip"),
        ("a.json", "{}", r"a\.json: names no clip"),
        ("a.csv", "clip_id,Smiling\nid1#x#00001.txt#000.mp4,1\n", "none of its clips, such as id1#x.*, is in .*"),
        ("a.csv", f'{A},"Smiling\n', "is not a line of a table"),
    ],
)
def test_broken_files(tmp_path: Path, store: Path, name: str, content: object, message: str) -> None:
    with pytest.raises(CorruptSourceError, match=message):
        import_labels(write(tmp_path / name, content), store)
    assert not labels_in(store)


def test_other_mistakes(tmp_path: Path, store: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"\xff\xfe\xe9")
    with pytest.raises(CorruptSourceError, match=r"latin\.txt: cannot be read as text in UTF-8"):
        import_labels(tmp_path / "latin.txt", store)
    with pytest.raises(CorruptSourceError, match=r"absent\.txt: cannot be read"):
        import_labels(tmp_path / "absent.txt", store)
    with pytest.raises(SourceUnavailableError, match="no such folder"):
        import_labels(tmp_path / "a.txt", tmp_path / "nowhere")
    with pytest.raises(ConfigError, match=r"https://example\.org/data: .* folder on this machine only"):
        import_labels(write(tmp_path / "a.txt", f"{A},Smiling"), "https://example.org/data")
    with pytest.raises(ConfigError, match=r"must end in \.txt"):
        export_labels(store, tmp_path / "out.xlsx")
    with pytest.raises(MissingModalityError, match="has no labels to export"):
        export_labels(store, tmp_path / "out.csv")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "clip_id,Smiling,Young\n{clip},1,0\n{short},0,1\n"),
        ("a.json", '{{"{clip}": {{"Smiling": 1}}, "{short}": {{"Smiling": 0}}}}'),
        ("a.csv", "clip_id,Smiling,smiling\n{clip},1,0\n"),
        ("a.csv", "clip_id,Smiling,Smiling\n{clip},1,0\n"),
    ],
)
def test_what_is_said_twice_and_differently_is_an_error(tmp_path: Path, name: str, text: str) -> None:
    clip = "id10001#AbCdEfGhIj1#00001.txt#000.mp4"
    path = tmp_path / name
    path.write_text(text.format(clip=clip, short=clip.removesuffix(".mp4")))
    with pytest.raises(CorruptSourceError, match=r"appears twice|contradicts itself"):
        read_annotations(path)

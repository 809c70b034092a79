"""The stages for labels and text, run by the engine over stores."""

import json
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import load_dataset

import mmvoxceleb  # noqa: F401  makes load_dataset know the name
from mmvoxceleb.errors import ConfigError, CorruptSourceError, IncompatibleOutputError, MissingModalityError
from mmvoxceleb.meta.provenance import Provenance
from mmvoxceleb.processing.detectors import HaarDetector
from mmvoxceleb.processing.engines.local import run_local
from mmvoxceleb.processing.engines.outcomes import Summary
from mmvoxceleb.processing.engines.work import Work
from mmvoxceleb.processing.labels import AttributePredictor
from mmvoxceleb.processing.labels.importing import ImportReport, import_labels
from mmvoxceleb.processing.labels.stage import LabelStage, spread_evenly
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.processing.source import StoredClips
from mmvoxceleb.processing.stage import Clip, Stage
from mmvoxceleb.processing.text import describe
from mmvoxceleb.processing.text.stage import TextStage
from mmvoxceleb.schema import ATTRIBUTES, Folder
from mmvoxceleb.stores import open_store
from tests.support.attribute_model import BrightFaces, save_classifier
from tests.support.corpus import Corpus, frame, label_of, png

pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"transformers:{save_classifier(tmp_path_factory.mktemp('models') / 'tiny')}"


def label_stage(classifier: str, **options: Any) -> LabelStage:
    return LabelStage(AttributePredictor(classifier, device="cpu"), num_frames=4, **options)


def run(
    root: Path,
    stages: Sequence[Stage],
    *,
    overwrite: bool = False,
    source: StoredClips | None = None,
    clips: Sequence[str] | None = None,
) -> Summary:
    source = source or StoredClips(open_store(root))
    return run_local(Work(source, StoreWriter(root), stages, overwrite=overwrite), clips)


def files_of(root: Path, *folders: str) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for folder in folders
        for path in sorted((root / folder).glob("*.*"))
        if not path.name.startswith(".")
    }


@pytest.fixture
def frames_only(own_corpus: Corpus) -> Corpus:
    """A store of two clips with frames alone."""
    for folder in ("label", "txt"):
        for path in (own_corpus.root / folder).iterdir():
            path.unlink()
    return own_corpus


def test_labels_and_text_of_a_store_load_with_their_source(frames_only: Corpus, classifier: str) -> None:
    root = frames_only.root
    stage = label_stage(classifier)
    run(root, [stage, TextStage()]).raise_if_failed()
    import_labels_of_second_clip(frames_only)
    run(root, [TextStage()], source=StoredClips(open_store(root), with_frames=False), overwrite=True).raise_if_failed()
    rows = load_dataset("mmvoxceleb", data_dir=str(root), modalities=("label", "text"), split="train")
    rows = {row["clip_id"]: row for row in rows}
    first, second = (rows[clip] for clip in frames_only.clips)
    sha256 = stage.predictor.settings()["weights_sha256"]
    assert first["label_source"] == f"predicted:transformers:tiny@{sha256}"
    assert second["label_source"] == "manual"
    assert second["label"] == [int(name in ("Smiling", "Young")) for name in ATTRIBUTES]
    for row in (first, second):
        assert row["text"] == describe(row["label"], clip_id=row["clip_id"])
    assert 0 < sum(first["label"]) < 40


def import_labels_of_second_clip(corpus: Corpus) -> ImportReport:
    annotations = corpus.root / "annotations.txt"
    annotations.write_text(f"{corpus.clips[1]},smiling,Young\n")
    return import_labels(annotations, corpus.root)


def test_files_have_the_original_form(frames_only: Corpus, classifier: str) -> None:
    root, clip = frames_only.root, frames_only.clips[0]
    run(root, [label_stage(classifier), TextStage(num_lines=3)]).raise_if_failed()
    label = (root / "label" / f"{clip}.txt").read_bytes()
    assert label.decode().count(",") == 39
    assert not label.endswith(b"\n")
    text = (root / "txt" / f"{clip}.txt").read_bytes()
    assert text.count(b"\n") == 2
    meta = json.loads((root / "meta" / f"{clip}.json").read_text())
    assert meta["label"]["frames_used"] == [1, 4, 7, 10]
    assert list(meta["label"]["probabilities"]) == list(ATTRIBUTES)
    frames = np.stack([frame(0, index) for index in (1, 4, 7, 10)])
    means = AttributePredictor(classifier, device="cpu")(frames).mean(0)
    np.testing.assert_allclose(list(meta["label"]["probabilities"].values()), means, atol=2e-5)
    decided = [int(value > 0.5) for value in meta["label"]["probabilities"].values()]
    assert label.decode() == ",".join(map(str, decided))
    assert meta["text"]["input"]["label"] == decided


def test_bytes_do_not_depend_on_other_clips_or_order(tmp_path: Path, own_corpus: Corpus, classifier: str) -> None:
    outputs = []
    for name, clips in (("a", own_corpus.clips), ("b", own_corpus.clips[::-1]), ("c", own_corpus.clips[1:])):
        out = tmp_path / name
        work = Work(StoredClips(open_store(own_corpus.root)), StoreWriter(out), [label_stage(classifier), TextStage()])
        run_local(work, clips).raise_if_failed()
        outputs.append(files_of(out, "label", "txt"))
    assert outputs[0] == outputs[1]
    assert outputs[2].items() < outputs[0].items()


def test_manual_labels_stay_until_asked(frames_only: Corpus, classifier: str) -> None:
    root, (first, second) = frames_only.root, frames_only.clips
    run(root, [label_stage(classifier)]).raise_if_failed()
    import_labels_of_second_clip(frames_only)
    manual = (root / "label" / f"{second}.txt").read_bytes()
    before = (root / "label" / f"{first}.txt").read_bytes()
    changed = label_stage(classifier, threshold=0.0)
    with pytest.raises(IncompatibleOutputError, match=f"thresholds was.*{first}"):
        run(root, [changed])
    summary = run(root, [changed], overwrite=True)
    assert (summary.done, summary.skipped) == (1, 1)
    assert (root / "label" / f"{second}.txt").read_bytes() == manual
    assert (root / "label" / f"{first}.txt").read_bytes() != before
    assert run(root, [label_stage(classifier, threshold=0.0, overwrite_manual=True)], overwrite=True).done == 1
    assert (root / "label" / f"{second}.txt").read_bytes() != manual
    assert Provenance(root).read(second)["label_source"].startswith("predicted:")


def test_labels_of_unknown_origin_are_not_overwritten(own_corpus: Corpus, classifier: str) -> None:
    with pytest.raises(IncompatibleOutputError, match="label: files of unknown origin"):
        run(own_corpus.root, [label_stage(classifier)])
    assert (own_corpus.root / "label" / f"{own_corpus.clips[0]}.txt").read_text() == ",".join(map(str, label_of(0)))


def test_a_changed_label_makes_text_out_of_date(frames_only: Corpus, classifier: str) -> None:
    root, (_, second) = frames_only.root, frames_only.clips
    run(root, [label_stage(classifier), TextStage()]).raise_if_failed()
    old = (root / "txt" / f"{second}.txt").read_bytes()
    report = import_labels_of_second_clip(frames_only)
    assert report.stale_text == [second]
    summary = run(root, [TextStage()], source=StoredClips(open_store(root), with_frames=False))
    assert list(summary.failed) == [second]
    assert "label was {" in summary.failed[second]
    assert "..." not in summary.failed[second]
    assert "--overwrite" in summary.failed[second]
    assert (root / "txt" / f"{second}.txt").read_bytes() == old
    summary = run(root, [TextStage()], source=StoredClips(open_store(root), with_frames=False), overwrite=True)
    assert (summary.done, summary.skipped) == (1, 1)
    assert (root / "txt" / f"{second}.txt").read_bytes() != old


def test_text_of_other_settings_is_refused_and_same_settings_skipped(own_corpus: Corpus) -> None:
    root = own_corpus.root
    (root / "txt").rename(root / "old_txt")
    source = StoredClips(open_store(root), with_frames=False)
    assert run(root, [TextStage()], source=source).done == 2
    assert run(root, [TextStage()], source=source).skipped == 2
    with pytest.raises(IncompatibleOutputError, match="style was"):
        run(root, [TextStage(style="natural")], source=source)


def test_text_needs_labels_and_not_frames(tmp_path: Path, own_corpus: Corpus) -> None:
    for folder in ("video", "mask", "draw"):
        (own_corpus.root / folder).rename(tmp_path / folder)
    out = tmp_path / "out"
    work = Work(StoredClips(open_store(own_corpus.root), with_frames=False), StoreWriter(out), [TextStage()])
    assert run_local(work).done == 2
    with pytest.raises(MissingModalityError, match="holds no label/<clip>"):
        StoredClips(open_store(tmp_path), with_frames=False).units()


def test_a_clip_without_a_label_gets_no_text(frames_only: Corpus) -> None:
    summary = run(frames_only.root, [TextStage()])
    assert len(summary.failed) == 2
    assert "has no label to describe" in next(iter(summary.failed.values()))
    assert not files_of(frames_only.root, "txt")


def test_a_clip_without_a_face_has_no_label_and_a_reason(tmp_path: Path) -> None:
    weights = tmp_path / "weights.pt"
    weights.write_bytes(b"never read")
    stage = LabelStage(AttributePredictor(weights, device="cpu"), BrightFaces([[1, 1]] * 5))
    with pytest.raises(CorruptSourceError, match="clip dark has no label: bright found no face in any of the 3 frames"):
        stage.process(Clip("dark", range(3)), np.zeros((3, 24, 40, 3), np.uint8))
    # a face whose landmarks are all in one place is no usable face
    with pytest.raises(CorruptSourceError, match="found no face"):
        stage.process(Clip("flat", range(3)), np.full((3, 24, 40, 3), 9, np.uint8))
    with pytest.raises(CorruptSourceError, match="it has no frames"):
        stage.process(Clip("none", ()), np.empty((0, 0, 0, 3), np.uint8))


def test_no_face_is_recorded_in_the_ledger_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unused(AttributePredictor):
        def setup(self) -> None:
            """The clip has no face, so no weights are needed."""

    weights = tmp_path / "weights.pt"
    weights.write_bytes(b"never read")
    clip = "id10001#video#00001.txt#000.mp4"
    files = [(f"{index:07d}.png", png(np.zeros((24, 40, 3), np.uint8))) for index in range(3)]
    StoreWriter(tmp_path / "store").write(Folder("video"), clip, files)
    stage = LabelStage(Unused(weights, device="cpu"), BrightFaces([[1, 1]] * 5))
    summary = run(tmp_path / "store", [stage, TextStage()])
    assert "found no face" in summary.failed[clip]
    rows = {row.stage: row for row in Provenance(tmp_path / "store").rows()}
    assert rows["label"].status == rows["text"].status == "failed"
    assert "found no face" in rows["label"].reason
    assert not files_of(tmp_path / "store", "label", "txt")


def test_a_detector_without_landmarks_is_an_error_that_names_another(tmp_path: Path) -> None:
    weights = tmp_path / "weights.pt"
    weights.write_bytes(b"never read")
    predictor = AttributePredictor(weights, device="cpu")
    stage = LabelStage(predictor, BrightFaces(None))
    with pytest.raises(ConfigError, match=r"bright gives no landmarks.*choose --detector yunet"):
        stage.process(Clip("clip", range(1)), np.full((1, 24, 40, 3), 9, np.uint8))
    with pytest.raises(ConfigError, match="choose yunet"):
        LabelStage(predictor)
    assert LabelStage(predictor, HaarDetector()).detector is not None


def test_unknown_attributes_stay_unknown_in_file_record_and_text(tmp_path: Path, frames_only: Corpus) -> None:
    model = save_classifier(tmp_path / "two", ["Smiling", "Male"])
    run(frames_only.root, [label_stage(f"transformers:{model}"), TextStage()]).raise_if_failed()
    clip = frames_only.clips[0]
    values = (frames_only.root / "label" / f"{clip}.txt").read_text().split(",")
    assert values.count("-1") == 38
    (row,) = load_dataset(
        "mmvoxceleb", data_dir=str(frames_only.root), modalities=("label", "text"), clips=[clip], split="train"
    )
    assert row["label"].count(-1) == 38
    assert not any("beard" in line for line in row["text"])


def test_frames_are_spread_evenly() -> None:
    assert spread_evenly(range(100), 4) == [12, 37, 62, 87]
    assert spread_evenly([3, 7, 9], 16) == [3, 7, 9]
    assert spread_evenly([], 4) == []
    for length in range(1, 60):
        for count in range(1, 20):
            chosen = spread_evenly(range(length), count)
            assert len(set(chosen)) == min(length, count)
            assert chosen == sorted(chosen)


def test_stages_can_be_sent_to_another_process_also_after_use(classifier: str, tmp_path: Path) -> None:
    stage = label_stage(classifier)
    clip, frames = Clip("clip", range(2)), np.full((2, 24, 40, 3), 9, np.uint8)
    expected = stage.process(clip, frames)[1]
    sent = pickle.loads(pickle.dumps([stage, TextStage(style="natural")]))
    assert len(pickle.dumps(stage)) < 10_000
    np.testing.assert_array_equal(sent[0].process(clip, frames)[1], expected)
    assert sent[1].settings() == TextStage(style="natural").settings()

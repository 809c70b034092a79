"""Stores are copied, merged and split with all that belongs to their clips."""

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from datasets import load_dataset
from typer.testing import CliRunner

import mmvoxceleb
from mmvoxceleb.cli.main import app
from mmvoxceleb.cliplists.clip_list import ClipList
from mmvoxceleb.errors import ConfigError, IncompatibleOutputError, MissingModalityError, ProcessingError
from mmvoxceleb.meta.ledger import LedgerRow, parse_ledger
from mmvoxceleb.meta.provenance import Provenance
from mmvoxceleb.meta.removal_list import add_removals, read_removals
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.meta.videos import records_of
from mmvoxceleb.modalities import VIDEO as VIDEO_KIND
from mmvoxceleb.processing import Pipeline
from mmvoxceleb.processing.convert import ConvertStage
from mmvoxceleb.processing.copying import copy_stores, split_persons
from mmvoxceleb.processing.crop.stage import CropStage
from mmvoxceleb.processing.frame_codec import FrameCodec
from mmvoxceleb.processing.labels.mending import LabelMender
from mmvoxceleb.schema import ATTRIBUTES
from mmvoxceleb.stores import open_store
from tests.support.corpus import Corpus, label_of, make_corpus, zip_corpus
from tests.support.http_server import FileServer
from tests.support.raw_videos import CROP, make_raw_videos, videos_of
from tests.support.trees import contents, tree

VIDEO = VIDEO_KIND.folder()

assert mmvoxceleb


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    corpus = make_corpus(tmp_path / "store")
    provenance = Provenance(corpus.root)
    for clip in corpus.clips:
        provenance.finish(clip, {"crop": {"settings": {"size": 40}}, "mask": {"settings": {"stride": 4}}})
        provenance.record([LedgerRow(clip, "crop", "done"), LedgerRow(clip, "mask", "done")])
    provenance.record([LedgerRow("id10001#lost", "crop", "failed", "is no video")])
    provenance.compact()
    return corpus


def files_of(root: Path) -> dict[str, bytes]:
    return {path: data for path, data in contents(root).items() if "/." not in path}


def test_a_copy_is_the_store_with_other_names_of_the_same_files(corpus: Corpus, tmp_path: Path) -> None:
    report = copy_stores([corpus.root], tmp_path / "out")
    assert files_of(tmp_path / "out") == files_of(corpus.root)
    assert (report.clips, report.kept, report.copied) == (5, 0, 0)
    frame = f"video/{corpus.clips[0]}/0000000.png"
    assert os.path.samefile(corpus.root / frame, tmp_path / "out" / frame)
    again = copy_stores([corpus.root], tmp_path / "out")
    assert (again.clips, again.kept, again.linked) == (5, 5, 0)
    own = copy_stores([corpus.root], tmp_path / "own", link=False)
    assert files_of(tmp_path / "own") == files_of(corpus.root)
    assert not os.path.samefile(corpus.root / frame, tmp_path / "own" / frame)
    assert own.linked == 0
    assert own.bytes > 0


def test_what_is_mended_in_a_copy_stays_as_it_was_in_the_store(corpus: Corpus, tmp_path: Path) -> None:
    before = files_of(corpus.root)
    copy_stores([corpus.root], tmp_path / "out")
    number = label_of(0).index(1)
    LabelMender(tmp_path / "out", "a test").set(corpus.clips[0], ATTRIBUTES[number], 0, 1)
    assert files_of(corpus.root) == before
    for lost in corpus.clips[1:]:
        shutil.rmtree(tmp_path / "out" / "video" / lost)
    left = files_of(tmp_path / "out")
    with pytest.raises(IncompatibleOutputError, match="exists with other content, and nothing was copied"):
        copy_stores([corpus.root], tmp_path / "out")
    assert files_of(tmp_path / "out") == left
    copy_stores([corpus.root], tmp_path / "out", overwrite=True)
    ledger = {"meta/ledger.jsonl"}  # which tells that the label was set
    assert {k: v for k, v in files_of(tmp_path / "out").items() if k not in ledger} == {
        k: v for k, v in before.items() if k not in ledger
    }


def test_zips_and_urls_are_copied_as_folders_and_folders_packed(
    corpus: Corpus, tmp_path: Path, serve: Callable[..., FileServer]
) -> None:
    zip_corpus(corpus, tmp_path / "zips")
    copy_stores([serve(tmp_path / "zips").url], tmp_path / "out")
    pictures = {path: data for path, data in files_of(corpus.root).items() if not path.startswith("meta/")}
    assert {path: data for path, data in files_of(tmp_path / "out").items() if not path.startswith("meta/")} == pictures
    copy_stores([corpus.root], tmp_path / "packed", layout="packed")
    with zipfile.ZipFile(tmp_path / f"packed/video/{corpus.clips[1]}.zip") as archive:
        assert len(archive.namelist()) == corpus.num_frames[1]
    again = copy_stores([corpus.root], tmp_path / "packed", layout="packed")
    assert again.kept == 5


def test_only_listed_clips_come_with_their_rows_of_the_ledger(corpus: Corpus, tmp_path: Path) -> None:
    chosen = ClipList.of(corpus.clips[:2], name="list.json")
    copy_stores([corpus.root], tmp_path / "out", clips=chosen)
    assert open_store(tmp_path / "out").clips(open_store(tmp_path / "out").folders()[0]) == sorted(corpus.clips[:2])
    rows = parse_ledger((tmp_path / "out/meta/ledger.jsonl").read_bytes(), "")
    assert {row.clip_id for row in rows} == set(corpus.clips[:2])
    with pytest.raises(ConfigError, match="lacks 1 of the 1 clips"):
        copy_stores([corpus.root], tmp_path / "no", clips=ClipList.of(["id1#v#00001.txt#000.mp4"], name="other.json"))
    with pytest.raises(IncompatibleOutputError, match="holds 1 other clips than those that are copied now"):
        copy_stores([corpus.root], tmp_path / "out", clips=ClipList.of(corpus.clips[:1]))


def test_stores_are_merged_by_clip_and_by_modality(corpus: Corpus, tmp_path: Path) -> None:
    """One store has all clips without masks, the other three clips and all masks."""
    one, two, both = tmp_path / "one", tmp_path / "two", tmp_path / "both"
    shutil.copytree(corpus.root, one)
    shutil.rmtree(one / "mask")
    shutil.copytree(corpus.root, two)
    for clip in corpus.clips[3:]:
        shutil.rmtree(two / "video" / clip)
    for path in one.glob("meta/*.json"):
        content = json.loads(path.read_text())
        content["crop"]["computation"] = {"device": "another"}
        del content["mask"]
        path.write_text(json.dumps(content))
    report = copy_stores([one, two], both)
    assert (report.clips, report.shared) == (5, 5)
    found = files_of(both)
    expected = files_of(corpus.root)
    assert {k: v for k, v in found.items() if "meta/id" not in k} == {
        k: v for k, v in expected.items() if "meta/id" not in k
    }
    meta = json.loads(found[f"meta/{corpus.clips[0]}.json"])
    assert meta["mask"] == {"settings": {"stride": 4}}
    assert meta["crop"]["computation"] == {"device": "another"}
    rows = load_dataset("mmvoxceleb", data_dir=str(both), modalities=("video", "mask"), split="train")
    assert len(rows) + 2 == 5


@pytest.mark.parametrize("kind", ["picture", "size", "names", "label", "meta"])
def test_contradictions_are_refused_before_anything_is_written(corpus: Corpus, tmp_path: Path, kind: str) -> None:
    other, clip = tmp_path / "other", corpus.clips[2]
    shutil.copytree(corpus.root, other)
    frame = other / "video" / clip / "0000003.png"
    data = frame.read_bytes()
    if kind == "picture":
        frame.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif kind == "size":
        frame.write_bytes(data + b"\0")
    elif kind == "names":
        frame.unlink()
    elif kind == "label":
        (label,) = (path for path in (other / "label").iterdir() if clip in path.name)
        text = label.read_bytes()
        label.write_bytes(text.replace(b"1", b"2", 1).replace(b"0", b"1", 1))
    else:
        Provenance(other).finish(clip, {"mask": {"settings": {"stride": 8}}})
    with pytest.raises(IncompatibleOutputError, match=f"contradict each other in 1 clip: {clip}: ") as raised:
        copy_stores([corpus.root, other], tmp_path / "both")
    assert {
        "picture": "video, 0000003.png differs", "size": "video, 0000003.png differs",
        "names": "files of other names", "label": "label, ",
        "meta": "meta tells two things of mask (stride is 4 and 8)",
    }[kind] in str(raised.value)  # fmt: skip
    assert not (tmp_path / "both").exists()
    others = ClipList.of(set(corpus.clips) - {clip})
    assert copy_stores([corpus.root, other], tmp_path / "both", clips=others).clips == 4


def test_a_contradiction_names_the_models_that_cause_it(corpus: Corpus, tmp_path: Path) -> None:
    other, clip = tmp_path / "other", corpus.clips[2]
    shutil.copytree(corpus.root, other)
    mask = next((other / "mask" / clip).iterdir())
    mask.write_bytes(mask.read_bytes() + b"\0")
    for root, model in ((corpus.root, "bisenet"), (other, "open-parser")):
        Provenance(root).finish(clip, {"mask": {"settings": {"model": model, "stride": 4, "classes": len(model)}}})
    with pytest.raises(IncompatibleOutputError, match=rf'{mask.name} differs \(model is "bisenet" and "open-parser"\)'):
        copy_stores([corpus.root, other], tmp_path / "both")


def test_whoever_is_removed_from_one_store_stays_out_of_all(corpus: Corpus, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(corpus.root, other)
    add_removals(other, Removals(person_id=frozenset({"id10001"})))
    report = copy_stores([corpus.root, other], tmp_path / "both")
    assert (report.clips, report.removed) == (3, 2)
    assert "id10001" in read_removals(tmp_path / "both").person_id
    ledger = (tmp_path / "both/meta/ledger.jsonl").read_text()
    assert "id10001" not in ledger
    assert not list((tmp_path / "both").rglob("*id10001*"))
    add_removals(corpus.root, Removals(person_id=frozenset({"id10271", "id11248"})))
    with pytest.raises(MissingModalityError, match="all are on the removal list"):
        copy_stores([corpus.root, other], tmp_path / "none")


def test_a_damaged_clip_leaves_nothing_and_ends_no_copy(corpus: Corpus, tmp_path: Path) -> None:
    copy_stores([corpus.root], tmp_path / "packed", layout="packed")
    damaged = tmp_path / f"packed/video/{corpus.clips[1]}.zip"
    damaged.write_bytes(damaged.read_bytes()[:900])
    report = copy_stores([tmp_path / "packed"], tmp_path / "out")
    assert (report.clips, list(report.failed)) == (4, [corpus.clips[1]])
    assert not [path for path in files_of(tmp_path / "out") if corpus.clips[1] in path]
    assert corpus.clips[1] not in (tmp_path / "out/meta/ledger.jsonl").read_text()
    result = CliRunner().invoke(app, ["copy", str(tmp_path / "packed"), str(tmp_path / "other")])
    assert isinstance(result.exception, ProcessingError)
    assert "clips  4\n" in result.output
    assert "1 clip could not be copied" in str(result.exception)


def test_places_that_no_store_can_be_copied_to(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is inside the store to be copied"):
        copy_stores([corpus.root], corpus.root / "inner")
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="file"):
        copy_stores([corpus.root], tmp_path / "file")


def test_a_stopped_copy_resumes(corpus: Corpus, tmp_path: Path) -> None:
    def stop(what: str, more: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_stores([corpus.root], tmp_path / "out", workers=1, progress=stop)
    report = copy_stores([corpus.root], tmp_path / "out")
    assert 0 < report.kept < 5
    assert files_of(tmp_path / "out") == files_of(corpus.root)


def test_parts_share_no_person(corpus: Corpus) -> None:
    parts = split_persons(open_store(corpus.root), 2)
    assert sorted(clip for part in parts for clip in part) == sorted(corpus.clips)
    persons = [{clip.partition("#")[0] for clip in part} for part in parts]
    assert not persons[0] & persons[1]
    assert sorted(map(len, parts)) == [2, 3]


def test_the_commands(corpus: Corpus, tmp_path: Path) -> None:
    run = CliRunner().invoke
    result = run(app, ["split", str(corpus.root), str(tmp_path / "splits")])
    assert result.exit_code == 0, result.output
    assert "splits/train\nclips  3\n" in result.output
    assert "pass --parts" not in result.output
    result = run(app, ["split", str(tmp_path / "splits" / "train"), str(tmp_path / "again")])
    assert "no test store: no clip is of a test identity" in result.output
    assert [path.name for path in (tmp_path / "again").iterdir()] == ["train"]
    result = run(app, ["split", str(corpus.root), str(tmp_path / "parts"), "--parts", "3"])
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "parts").iterdir()) == [f"part-{n}-of-3" for n in range(3)]
    lost = [
        part for part in (tmp_path / "parts").iterdir() if "id10001#lost" in (part / "meta/ledger.jsonl").read_text()
    ]
    assert len(lost) == 1, "what failed goes where its person goes"
    parts = [str(tmp_path / "parts" / f"part-{n}-of-3") for n in range(3)]
    result = run(app, ["merge", *parts, str(tmp_path / "whole")])
    assert result.exit_code == 0, result.output
    assert files_of(tmp_path / "whole") == files_of(corpus.root)
    result = run(app, ["copy", str(corpus.root), str(corpus.root)])
    assert isinstance(result.exception, ConfigError)
    result = run(app, ["merge", str(corpus.root), str(tmp_path / "alone")])
    assert "two or more stores" in str(result.exception)


def test_a_crop_into_a_copy_resumes_and_refuses_other_settings(tmp_path: Path) -> None:
    raw, out = make_raw_videos(tmp_path / "in", 2), tmp_path / "out"
    Pipeline([CROP]).run(videos_of(raw), out)
    larger = CropStage(replace(CROP.settings, size_px=96))
    one, both, mp4 = tmp_path / "copy", tmp_path / "both", tmp_path / "mp4"
    copy_stores([out], one)
    first, *_, last = open_store(out).clips(VIDEO)
    copy_stores([out], tmp_path / "a", clips=ClipList.of([first]))
    copy_stores([out], tmp_path / "b", clips=ClipList.of([last]))
    copy_stores([tmp_path / "a", tmp_path / "b"], both)
    Pipeline([ConvertStage(FrameCodec("mp4"))]).run(str(out), mp4)
    for place in (one, both, mp4):
        before = tree(place / "video")
        with pytest.raises(IncompatibleOutputError, match="size_px was 64 and is 96"):
            Pipeline([larger]).run(videos_of(raw), place)
        strict = CropStage(replace(CROP.settings, min_frames=50))
        with pytest.raises(IncompatibleOutputError, match="min_frames was 10 and is 50"):
            Pipeline([strict]).run(videos_of(raw), place)
        assert tree(place / "video") == before
    assert Pipeline([CROP]).run(videos_of(raw), one, limit=0).skipped == 4
    assert Pipeline([CROP]).run(videos_of(raw), both).clips == 4
    assert tree(both / "video") == tree(out / "video")
    with pytest.raises(IncompatibleOutputError, match="its frames were converted since, and are not stored as png"):
        Pipeline([CROP]).run(videos_of(raw), mp4)


def test_records_of_videos_of_which_two_stores_tell_different_things_are_left_out(tmp_path: Path) -> None:
    raw = make_raw_videos(tmp_path / "in", 1)
    for place, size in ((tmp_path / "a", 64), (tmp_path / "b", 96)):
        Pipeline([CropStage(replace(CROP.settings, size_px=size))]).run(videos_of(raw), place)
    first, last = open_store(tmp_path / "a").clips(VIDEO)
    copy_stores([tmp_path / "a"], tmp_path / "a1", clips=ClipList.of([first]))
    copy_stores([tmp_path / "b"], tmp_path / "b1", clips=ClipList.of([last]))
    assert len(records_of(str(tmp_path / "a1"))) == 1
    copy_stores([tmp_path / "a1", tmp_path / "b1"], tmp_path / "both", mixed=True)
    assert records_of(str(tmp_path / "both")) == []


def test_stores_of_different_settings_are_merged_only_if_wanted(corpus: Corpus, tmp_path: Path) -> None:
    first, *_, last = corpus.clips
    for name, clip, stride in (("a", first, 4), ("b", last, 2)):
        copy_stores([corpus.root], tmp_path / name, clips=ClipList.of([clip]))
        Provenance(tmp_path / name).finish(
            clip, {"mask": {"settings": {"stride": stride}}, "score": {"settings": {"of": name}}}
        )
    told = rf"different settings: mask \(stride is 4 and 2 in {tmp_path}/a and {tmp_path}/b\)"
    with pytest.raises(IncompatibleOutputError, match=told):
        copy_stores([tmp_path / "a", tmp_path / "b"], tmp_path / "both")
    assert not (tmp_path / "both").exists()
    done = CliRunner().invoke(app, ["merge", *(str(tmp_path / name) for name in ("a", "b", "both")), "--mixed"])
    assert done.exit_code == 0
    assert open_store(tmp_path / "both").clips(VIDEO) == sorted([first, last])


def test_a_store_that_is_a_mixture_already_is_copied_and_merged(corpus: Corpus, tmp_path: Path) -> None:
    first, *_, last = corpus.clips
    Provenance(corpus.root).finish(first, {"mask": {"settings": {"stride": 2}}})
    assert copy_stores([corpus.root], tmp_path / "copy").clips == len(corpus.clips)
    copy_stores([corpus.root], tmp_path / "part", clips=ClipList.of([last]))
    assert copy_stores([tmp_path / "part", tmp_path / "copy"], tmp_path / "both").clips == len(corpus.clips)

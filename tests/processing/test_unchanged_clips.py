"""A run that goes on after another looks at no finished clip of which nothing has changed, and at all others."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mmvoxceleb.errors import IncompatibleOutputError
from mmvoxceleb.meta import provenance_index
from mmvoxceleb.meta.provenance import Provenance
from mmvoxceleb.meta.provenance_table import INDEX_STAMP_PATH
from mmvoxceleb.modalities import META
from mmvoxceleb.processing.clip import Clip
from mmvoxceleb.processing.engines.local import run_local
from mmvoxceleb.processing.engines.work import Work
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.processing.source import StoredClips
from mmvoxceleb.processing.stage import Stage
from mmvoxceleb.stores import open_store
from tests.stores.test_open_store import pack
from tests.support.corpus import Corpus, zip_corpus
from tests.support.stages import Grey, Text


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a table of few clips, and believe files that were written a moment ago."""
    monkeypatch.setattr(provenance_index, "FEWEST_NEW", 1)
    monkeypatch.setattr(provenance_index, "_SETTLED_NS", 0)


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    clip = StoredClips.clip

    def counted(self: StoredClips, clip_id: str, **options: Any) -> Clip:
        found.append(clip_id)
        return clip(self, clip_id, **options)

    monkeypatch.setattr(StoredClips, "clip", counted)
    return found


def run(source: Path, out: Path, looked_at: list[str], *stages: Stage, **options: Any) -> tuple[list[str], int, int]:
    """Run, and return the clips that were looked at, how many were done, and how many were skipped."""
    looked_at.clear()
    stages = stages or (Grey(),)
    with_frames = any(stage.reads_frames for stage in stages)
    clips = StoredClips(open_store(source), with_frames=with_frames)
    summary = run_local(Work(clips, StoreWriter(out, "packed"), stages, **options), lanes=1)
    assert not summary.failed
    assert summary.units == summary.clips
    return sorted(looked_at), summary.done, summary.skipped


@pytest.mark.parametrize("layout", ["packed", "zips", "one place"])
def test_the_next_run_looks_at_none(own_corpus: Corpus, tmp_path: Path, layout: str, looked_at: list[str]) -> None:
    make = zip_corpus if layout == "zips" else pack
    source = make(own_corpus, tmp_path / "in")
    out = source if layout == "one place" else tmp_path / "out"
    clips = [*own_corpus.clips]
    assert run(source, out, looked_at) == (clips, len(clips), 0)
    assert run(source, out, looked_at) == ([], 0, len(clips))
    (out / INDEX_STAMP_PATH).unlink()
    assert run(source, out, looked_at) == (clips, 0, len(clips))
    assert run(source, out, looked_at) == ([], 0, len(clips))


def test_clips_in_folders_are_always_looked_at(own_corpus: Corpus, tmp_path: Path, looked_at: list[str]) -> None:
    clips = [*own_corpus.clips]
    for done in (len(clips), 0, 0):
        assert run(own_corpus.root, tmp_path / "out", looked_at) == (clips, done, len(clips) - done)


def touched(source: Path, out: Path, clip: str) -> None:
    os.utime(source / "video" / f"{clip}.zip", ns=(1, 1))


def provenance_of_source(source: Path, out: Path, clip: str) -> None:
    (source / "meta").mkdir(exist_ok=True)
    (source / "meta" / f"{clip}.json").write_text("{}")


def rewritten(source: Path, out: Path, clip: str) -> None:
    """Write the same provenance again, as another file."""
    path = out / "meta" / f"{clip}.json"
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    other.replace(path)


@pytest.mark.parametrize("change", [touched, provenance_of_source, rewritten])
def test_what_may_have_changed_is_looked_at_once(
    own_corpus: Corpus, tmp_path: Path, change: Callable[[Path, Path, str], None], looked_at: list[str]
) -> None:
    source, out, clips = pack(own_corpus, tmp_path / "in"), tmp_path / "out", [*own_corpus.clips]
    run(source, out, looked_at)
    change(source, out, clips[1])
    assert run(source, out, looked_at) == ([clips[1]], 0, len(clips))
    assert run(source, out, looked_at) == ([], 0, len(clips))


def gone(source: Path, out: Path, clip: str) -> None:
    (out / "draw" / "grey" / f"{clip}.zip").unlink()


def forgotten(source: Path, out: Path, clip: str) -> None:
    gone(source, out, clip)
    (out / "meta" / f"{clip}.json").unlink()


def killed(source: Path, out: Path, clip: str) -> None:
    """Leave what a run leaves that is killed while it writes a clip."""
    Provenance(out).begin(clip, ["draw/grey"])


def other_frames(source: Path, out: Path, clip: str) -> None:
    """Let a clip have the frames of another one, which are fewer."""
    other = next(path for path in (source / "video").iterdir() if path.stem != clip)
    (source / "video" / f"{clip}.zip").write_bytes(other.read_bytes())


@pytest.mark.parametrize("change", [gone, forgotten, killed, other_frames])
def test_what_is_not_finished_is_done(
    own_corpus: Corpus, tmp_path: Path, change: Callable[[Path, Path, str], None], looked_at: list[str]
) -> None:
    source, out, clips = pack(own_corpus, tmp_path / "in"), tmp_path / "out", [*own_corpus.clips]
    run(source, out, looked_at)
    change(source, out, clips[1])
    options = {"overwrite": True} if change is other_frames else {}
    assert run(source, out, looked_at, **options) == ([clips[1]], 1, len(clips) - 1)
    assert run(source, out, looked_at) == ([], 0, len(clips))


def test_other_settings_are_refused(own_corpus: Corpus, tmp_path: Path, looked_at: list[str]) -> None:
    source, out = pack(own_corpus, tmp_path / "in"), tmp_path / "out"
    run(source, out, looked_at)
    with pytest.raises(IncompatibleOutputError, match="gain was 1 and is 2"):
        run(source, out, looked_at, Grey(2))


def test_a_stage_added_to_finished_ones_looks_at_all(own_corpus: Corpus, tmp_path: Path, looked_at: list[str]) -> None:
    source, clips = pack(own_corpus, tmp_path / "in"), [*own_corpus.clips]
    out = tmp_path / "out"
    assert run(source, out, looked_at, Text()) == (clips, len(clips), 0)
    assert run(source, out, looked_at, Text()) == ([], 0, len(clips))
    (source / "label" / f"{clips[1]}.txt").write_text(",".join(["0"] * 40))
    assert run(source, out, looked_at, Text(), overwrite=True) == ([clips[1]], 1, len(clips) - 1)
    assert run(source, out, looked_at, Grey(), Text()) == (clips, len(clips), 0)
    assert run(source, out, looked_at, Grey(), Text()) == ([], 0, len(clips))


class Told(Grey):
    """Has inputs of which nothing is said."""

    def inputs(self, clip: Clip) -> dict[str, Any]:
        return {"crop": clip.meta.get("crop")}


class Declared(Told):
    """Says where they come from."""

    inputs_from: ClassVar = (META.folder(),)


def test_inputs_of_which_nothing_is_said_are_looked_at(
    own_corpus: Corpus, tmp_path: Path, looked_at: list[str]
) -> None:
    source, clips = pack(own_corpus, tmp_path / "in"), [*own_corpus.clips]
    for stage, expected in ((Told(), clips), (Declared(), [])):
        out = tmp_path / type(stage).__name__
        run(source, out, looked_at, stage)
        assert run(source, out, looked_at, stage)[0] == expected

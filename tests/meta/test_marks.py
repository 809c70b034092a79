"""Who is marked for removal: kept on disk, handed to ``remove``, and named by nothing after that."""

import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mmvoxceleb.cli.main import app
from mmvoxceleb.errors import CorruptSourceError, MissingModalityError
from mmvoxceleb.files.opening import open_output
from mmvoxceleb.meta.marks import MARKS_PATH, Marks
from mmvoxceleb.meta.removals import Removals
from tests.support.corpus import Corpus


def of_clip(*names: str) -> Removals:
    return Removals(clip_id=frozenset(names))


def test_those_who_mark_at_once_lose_nothing(own_corpus: Corpus) -> None:
    menders = [Marks(open_output(own_corpus.root)) for _ in range(2)]

    def work(marks: Marks, clips: list[str]) -> None:
        for clip in clips:
            marks.set(of_clip(clip), is_marked=True)

    halves = (own_corpus.clips[:3], own_corpus.clips[3:])
    threads = [threading.Thread(target=work, args=pair) for pair in zip(menders, halves, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert menders[0].read() == of_clip(*own_corpus.clips)
    assert menders[1].set(of_clip(own_corpus.clips[0]), is_marked=False) == of_clip(*own_corpus.clips[1:])


def test_the_list_is_handed_to_remove_and_nothing_names_them_afterwards(own_corpus: Corpus) -> None:
    root, (first, *_, last) = own_corpus.root, sorted(own_corpus.clips)
    person = last.partition("#")[0]
    marks = Marks(open_output(root))
    marks.set(of_clip(first), is_marked=True)
    marks.set(Removals(frozenset({person}), clip_id=frozenset({last})), is_marked=True)
    command = ["remove", str(root), "--list", str(root / MARKS_PATH)]
    assert first in CliRunner().invoke(app, [*command, "--dry-run"]).output
    assert (root / "video" / first).exists()
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert not (root / "video" / first).exists()
    assert not any(person in path.name for path in root.rglob("*"))
    assert (root / MARKS_PATH).read_bytes() == b""
    with pytest.raises(MissingModalityError):
        marks.set(of_clip(last), is_marked=True)
    again = CliRunner().invoke(app, command)
    assert (again.exit_code, "names nobody, so nothing is removed" in again.stdout) == (0, True)


def test_marks_of_others_stay_when_somebody_is_removed(own_corpus: Corpus) -> None:
    root, (first, second, *_) = own_corpus.root, sorted(own_corpus.clips)
    marks = Marks(open_output(root))
    marks.set(of_clip(first, second), is_marked=True)
    CliRunner().invoke(app, ["remove", str(root), "--clip", first], catch_exceptions=False)
    assert marks.read() == of_clip(second)


def test_a_damaged_file_of_marks_is_told_and_not_overwritten(own_corpus: Corpus) -> None:
    path = own_corpus.root / MARKS_PATH
    path.parent.mkdir(exist_ok=True)
    path.write_text('{"clip": 1}\n')
    with pytest.raises(CorruptSourceError, match="line 1"):
        Marks(open_output(own_corpus.root)).set(of_clip(own_corpus.clips[0]), is_marked=True)
    assert path.read_text() == '{"clip": 1}\n'


def test_a_list_that_is_not_there_is_one_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["remove", str(tmp_path), "--list", str(tmp_path / "absent")])
    assert "cannot be read" in str(result.exception)

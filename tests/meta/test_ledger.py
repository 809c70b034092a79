"""The ledger: a line that was cut or is odd costs itself alone, and is told."""

from pathlib import Path

import fsspec
import pytest

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.files.opening import open_output
from mmvoxceleb.meta.ledger import LEDGER_PATH, LedgerRow
from mmvoxceleb.meta.provenance import Provenance
from mmvoxceleb.processing.source import StoredClips
from mmvoxceleb.stores import open_store
from tests.support.corpus import make_corpus

FIRST, SECOND = LedgerRow("a", "mask", "done"), LedgerRow("b", "mask", "failed", "why")
CUT = b'{"clip_id": "c", "stage": "ma'

ODD = {
    "cut": CUT,
    "list": b"[]",
    "clip as list": b'{"clip_id": ["c"], "stage": "mask", "status": "done"}',
    "stage as object": b'{"clip_id": "c", "stage": {}, "status": "done"}',
    "status as number": b'{"clip_id": "c", "stage": "mask", "status": 1}',
    "unknown status": b'{"clip_id": "c", "stage": "mask", "status": "lost"}',
    "reason as null": b'{"clip_id": "c", "stage": "mask", "status": "done", "reason": null}',
    "empty clip": b'{"clip_id": "", "stage": "mask", "status": "done"}',
    "empty stage": b'{"clip_id": "c", "stage": "", "status": "done"}',
    "unknown key": b'{"clip_id": "c", "stage": "mask", "status": "done", "who": 1}',
    "nested": b'{"clip_id": ' + b"[" * 50_000,
    "not UTF-8": b'{"clip_id": "\xff", "stage": "mask", "status": "done"}',
    "half a pair": rb'{"clip_id": "\ud800", "stage": "mask", "status": "done"}',
    "zeros": b"\0" * 100,
}


@pytest.mark.parametrize("line", ODD.values(), ids=list(ODD))
def test_an_odd_line_costs_itself_alone_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, line: bytes
) -> None:
    provenance = Provenance(tmp_path)
    provenance.record([FIRST])
    path = tmp_path / LEDGER_PATH
    path.write_bytes(path.read_bytes() + line + b"\n")
    provenance.record([SECOND])
    assert provenance.rows() == [FIRST, SECOND]
    assert "1 of its lines are no rows (line 2)" in caplog.text
    provenance.compact()
    assert path.read_bytes() == FIRST.line() + SECOND.line()


@pytest.mark.parametrize("where", ["disk", "memory"])
def test_a_line_that_was_cut_does_not_swallow_the_next_row(tmp_path: Path, where: str) -> None:
    place = tmp_path if where == "disk" else "memory://cut-ledger"
    try:
        tree, provenance = open_output(place), Provenance(place)
        tree.write(LEDGER_PATH, FIRST.line() + CUT)
        provenance.record([SECOND])
        assert provenance.rows() == [FIRST, SECOND]
    finally:
        if where == "memory":
            fsspec.filesystem("memory").rm("/cut-ledger", recursive=True)


def test_a_reason_may_quote_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    provenance = Provenance(tmp_path)
    provenance.record([LedgerRow("a", "crop", "failed", "raw/\udcff.mp4: is no video")])
    assert [row.reason for row in provenance.rows()] == ["raw/?.mp4: is no video"]


@pytest.mark.parametrize(
    "data",
    [b"[" * 50_000, b"\xff", b"[]", b'{"a": 1e999}', b'{"pending": 3}', b'{"pending": [["mask"]]}'],
)
def test_damaged_provenance_is_one_error_that_names_the_file(tmp_path: Path, data: bytes) -> None:
    corpus = make_corpus(tmp_path, clips=1, frames=2)
    path = tmp_path / "meta" / f"{corpus.clips[0]}.json"
    path.parent.mkdir()
    path.write_bytes(data)
    provenance = Provenance(tmp_path)
    for use in (provenance.read, lambda clip: provenance.begin(clip, ["mask"])):
        with pytest.raises(CorruptSourceError, match=rf"{path.name}\b.*; delete it"):
            use(corpus.clips[0])
    if b"pending" not in data:
        with pytest.raises(CorruptSourceError, match=rf"{path.name}\b.*; delete it"):
            StoredClips(open_store(tmp_path)).clip(corpus.clips[0])
    assert path.read_bytes() == data

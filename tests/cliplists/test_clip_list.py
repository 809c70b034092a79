"""The file of a clip list: the same on any machine, and refused where it was changed."""

import json
from pathlib import Path

import pytest

from mmvoxceleb.cliplists import ChoiceStep, ClipList, StoreMark, as_clip_list, read_clip_list
from mmvoxceleb.errors import ConfigError, CorruptSourceError, SourceUnavailableError
from tests.support.corpus import clip_id_of
from tests.support.http_server import FileServer

CLIPS = tuple(sorted(clip_id_of(number) for number in range(4)))
LIST = ClipList(
    CLIPS,
    (ChoiceStep("face_px > 200", 4, 1, 4),),
    StoreMark.of([*CLIPS, clip_id_of(4)]),
    {"mmvoxceleb": "0.1.0"},
    "2026-11-26T22:00:00Z",
)


def test_the_file_says_all_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_bytes(LIST.to_bytes())
    read = read_clip_list(path)
    assert read == LIST
    assert read.name == "mine.json"
    assert read.store == StoreMark(5, LIST.store.sha256 if LIST.store else "")
    assert str(tmp_path) not in path.read_text()
    assert list(json.loads(path.read_bytes())) == [
        "format", "version", "sha256", "created", "conditions", "store", "versions", "clips",
    ]  # fmt: skip


def test_the_hash_is_that_of_version_1_for_ever_and_knows_no_time_and_no_order() -> None:
    later = ClipList.of(reversed(CLIPS), steps=LIST.steps, store=LIST.store, versions=LIST.versions, created="2030")
    assert later.sha256 == LIST.sha256
    plain = ClipList.of(["id1#v#00001.txt#000.mp4"])
    assert plain.sha256 == "da897107298e6907cb66061cbbcdc0a4f58d8e16a005b82b62dda977997b3293"
    assert ClipList.of(CLIPS[:3]).sha256 != ClipList.of(CLIPS).sha256


def test_a_plain_list_is_read_and_hashed_by_its_names(tmp_path: Path) -> None:
    path = tmp_path / "clips.txt"
    path.write_text("\ufeff" + "\r\n".join([CLIPS[2], "", f"  {CLIPS[0]} ", CLIPS[2]]), encoding="utf-8")
    assert read_clip_list(path) == ClipList.of([CLIPS[0], CLIPS[2]])
    path.write_text(f"{CLIPS[0]}\nnot a clip\n")
    with pytest.raises(CorruptSourceError, match=r"clips.txt, line 2: 'not a clip' is not the name of a clip"):
        read_clip_list(path)
    path.write_text("\n")
    with pytest.raises(CorruptSourceError, match=r"clips.txt: names no clip"):
        read_clip_list(path)


def test_what_clips_takes(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(LIST.to_bytes())
    assert as_clip_list(None) is None
    assert as_clip_list(LIST) is LIST
    assert as_clip_list(CLIPS[0]) == ClipList.of([CLIPS[0]])
    assert as_clip_list(str(tmp_path / "a.json")) == as_clip_list(tmp_path / "a.json") == LIST
    server = FileServer(tmp_path)
    try:
        assert as_clip_list(f"{server.url}/a.json?v=1") == LIST
    finally:
        server.close()
    with pytest.raises(SourceUnavailableError, match=r"b\.json"):
        as_clip_list(tmp_path / "b.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clips": list(CLIPS[1:])}, "was changed after it was made: its hash is"),
        ({"versions": {"mmvoxceleb": "9"}}, "was changed after it was made"),
        ({"sha256": None}, "was changed after it was made"),
        ({"format": "playlist"}, "is JSON, but no clip list"),
        ({"version": 2}, "of version 2; this mmvoxceleb reads 1: update it"),
        ({"version": None}, "has no version"),
    ],
)
def test_a_changed_list_is_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = tmp_path / "list.json"
    path.write_text(json.dumps(json.loads(LIST.to_bytes()) | change))
    with pytest.raises((CorruptSourceError, ConfigError), match=message):
        read_clip_list(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clips": []}, "no list of names as 'clips'"),
        ({"clips": [*reversed(CLIPS)]}, "its clips are not sorted"),
        ({"clips": ["../../x"]}, "'../../x' is not the name of a clip"),
        ({"store": {"clips": "5"}}, "'store' does not say"),
        ({"conditions": {}}, "'conditions' is no list"),
        ({"conditions": [{"condition": "a", "passed": -1, "unknown": 0, "left": 0}]}, "are no numbers"),
        ({"versions": {"scores": 1}}, "'versions' are no texts"),
    ],
)
def test_a_list_that_another_program_hashed_is_checked_all_the_same(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    from mmvoxceleb.cliplists.clip_list import digest_of

    content = json.loads(LIST.to_bytes()) | change
    path = tmp_path / "list.json"
    path.write_text(json.dumps(content | {"sha256": digest_of(content)}))
    with pytest.raises(CorruptSourceError, match=message):
        read_clip_list(path)

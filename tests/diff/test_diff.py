"""``mmvoxceleb diff``: two clip lists, two stores."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mmvoxceleb.cli.main import app
from mmvoxceleb.cliplists import ChoiceStep, ClipList, StoreMark
from mmvoxceleb.diff import diff_lists, diff_stores
from mmvoxceleb.errors import ConfigError
from mmvoxceleb.meta.removal_list import add_removals
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.stores import open_store
from tests.support.corpus import Corpus, clip_id_of, make_corpus, zip_corpus
from tests.support.http_server import FileServer

CLIPS = [clip_id_of(number) for number in range(5)]
LIST = ClipList.of(
    CLIPS[:4],
    steps=(ChoiceStep("face_px > 200", 4, 0, 4),),
    store=StoreMark.of(CLIPS),
    versions={"mmvoxceleb": "1"},
    created="2026",
)


def diff(*arguments: object, code: int) -> str:
    done = CliRunner().invoke(app, ["diff", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.stdout


def test_lists(tmp_path: Path) -> None:
    a, b = tmp_path / "a.json", tmp_path / "b.json"
    a.write_bytes(LIST.to_bytes())
    b.write_bytes(replace(LIST, created="2030").to_bytes())
    assert "the same\n" in diff(a, b, code=0)
    other = ClipList.of(CLIPS[1:], steps=(ChoiceStep("face_px > 100", 4, 0, 4),), versions={"scores": "2"})
    b.write_bytes(other.to_bytes())
    said = diff(a, b, code=1)
    assert f"only in A: 1 clip\n  {CLIPS[0]}\nonly in B: 1 clip\n  {CLIPS[4]}\nin both: 3 clips\n" in said
    assert "only A has the condition face_px > 200\nonly B has the condition face_px > 100\n" in said
    assert "chosen from stores of other clips: 5 clips and an unknown number" in said
    assert "version of mmvoxceleb: 1 and none\nversion of scores: none and 2\n" in said
    told = json.loads(diff(a, b, "--json", code=1))
    assert (told["same"], told["only_a"], told["in_both"]) == (False, [CLIPS[0]], 3)
    with pytest.raises(ConfigError, match=r"compare stores, but these are clip lists"):
        diff(a, b, "--deep", code=2)
    with pytest.raises(ConfigError, match=r"a.json is a clip list, but the other is not"):
        diff(a, tmp_path, code=2)


def test_lists_of_the_same_clips() -> None:
    steps = (ChoiceStep("face_px > 200", 4, 1, 4),)
    assert diff_lists(LIST, replace(LIST, steps=steps)).others == (
        "face_px > 200: fulfilled by 4 and unknown of 0 clips of A, by 4 and of 1 of B",
    )
    two = (*LIST.steps, ChoiceStep("Smiling", 4, 0, 4))
    found = diff_lists(replace(LIST, steps=two), replace(LIST, steps=two[::-1]))
    assert found.others == ("the conditions are in another order",)
    assert found.only_a == found.only_b == ()


def test_a_folder_and_its_zips_are_the_same(corpus: Corpus, tmp_path: Path) -> None:
    zips = zip_corpus(corpus, tmp_path, prefix="x/")
    for deep in (False, True):
        found = diff_stores(open_store(corpus.root), open_store(zips), deep=deep)
        assert found.is_same
        assert {name: folder.compared for name, folder in found.folders.items()} == dict.fromkeys(
            ("video", "mask", "draw/style1", "txt", "label"), 5
        )


def test_over_http_sizes_may_be_untold(own_corpus: Corpus, tmp_path: Path) -> None:
    server = FileServer(own_corpus.root)
    try:
        assert "--deep compares bytes" in diff(own_corpus.root, server.url, "--modality", "label", code=0)
        assert diff(own_corpus.root, server.url, "--modality", "label", "--deep", code=0).endswith("the same\n")
    finally:
        server.close()


def test_stores_that_differ(tmp_path: Path) -> None:
    a = make_corpus(tmp_path / "a", clips=4)
    shutil.copytree(a.root, tmp_path / "b")
    b = tmp_path / "b"
    (b / "label" / f"{a.clips[0]}.txt").unlink()
    text = b / "txt" / f"{a.clips[1]}.txt"
    text.write_text(text.read_text().replace("Clip", "Clap"))
    (b / "mask" / a.clips[2] / "0000000.png").unlink()
    (b / "mask" / a.clips[3] / "0000000.png").write_bytes(b"short")
    shutil.copytree(b / "video" / a.clips[0], b / "video" / clip_id_of(9))

    said = diff(a.root, b, code=1)
    assert said.startswith(f"A: {a.root}\nB: {b}\n")
    assert f"label, only in A, of clips that both have: 1\n  {a.clips[0]}\n" in said
    assert f"only in B: 1 clip\n  {clip_id_of(9)}\n" in said
    assert said.count(f"  {clip_id_of(9)}\n") == 1
    assert f"  {a.clips[2]}: other files: 1 only in A, such as 0000000.png\n" in said
    assert f"  {a.clips[3]}: other sizes: 1 of 4 files, such as 0000000.png\n" in said
    assert "txt, different" not in said
    assert f"txt, different:\n  {a.clips[1]}: other bytes: 1 of 1 file" in diff(a.root, b, "--deep", code=1)
    told = json.loads(diff(a.root, b, "--json", "--modality", "mask", code=1))
    assert [*told["folders"]] == ["mask"]
    assert [*told["folders"]["mask"]["differing"]] == sorted(a.clips[2:4])

    only = tmp_path / "only.txt"
    only.write_text(a.clips[1])
    assert "the same, by names and sizes" in diff(a.root, b, "--clips", only, code=0)
    only.write_text(clip_id_of(7))
    with pytest.raises(ConfigError, match="nothing to compare"):
        diff(a.root, b, "--clips", only, code=2)


def test_removal_lists_are_compared_and_nobody_is_named(own_corpus: Corpus, tmp_path: Path) -> None:
    shutil.copytree(own_corpus.root, tmp_path / "b")
    add_removals(tmp_path / "b", Removals(person_id=frozenset(["id99999"])))
    said = diff(own_corpus.root, tmp_path / "b", code=1)
    assert "the removal lists differ" in said
    assert "id99999" not in said

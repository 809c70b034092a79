from pathlib import Path

import pytest

from mmvoxceleb.errors import UnsafeArchiveError
from mmvoxceleb.files.inside import check_inside, inside


@pytest.mark.parametrize(
    "path",
    [
        "../victim", "a/../../victim", "/etc/passwd", "//server/share", "C:/x", "c:x", "a\\..\\..\\x", "\\x", "..", ".",
        "", "a//b", "./a", "a/.", "a\0b", "x" * 256, "a/" + "\u00e9" * 128, None, 7, ["a"], b"a",
    ],
)  # fmt: skip
def test_paths_that_leave_or_are_none_are_refused(path: object, tmp_path: Path) -> None:
    for check in (lambda: check_inside(path, "notes.json"), lambda: inside(tmp_path, path, "notes.json")):
        with pytest.raises(UnsafeArchiveError, match=r"notes\.json: names"):
            check()


def test_plain_paths_come_back(tmp_path: Path) -> None:
    for path in ("data/all/train-00000-of-00001.parquet", "video/id1#a#00001.txt#000.mp4", "a..b/...", "ab:c"):
        assert check_inside(path, "notes.json") == path
        assert inside(tmp_path, path) == tmp_path / path


def test_links_may_lead_about_the_folder_and_not_out_of_it(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "data").mkdir(parents=True)
    outside.mkdir()
    (outside / "victim").write_text("x")
    (root / "out").symlink_to(outside)
    (root / "data" / "file").symlink_to(outside / "victim")
    (root / "data" / "dangling").symlink_to("../../outside/absent")
    (root / "about").symlink_to("data")
    for path in ("out/victim", "out", "data/file", "data/dangling", "about/file"):
        with pytest.raises(UnsafeArchiveError, match="through a link"):
            inside(root, path)
    (root / "data" / "own").write_text("y")
    assert inside(root, "about/own").read_text() == "y"
    # the folder itself may be reached by a link, as /tmp is on macOS
    (tmp_path / "link").symlink_to(root)
    assert inside(tmp_path / "link", "data/own").read_text() == "y"


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises((UnsafeArchiveError, OSError)):  # from Python 3.13 on it is the system that says so
        inside(tmp_path, "a/x").read_bytes()

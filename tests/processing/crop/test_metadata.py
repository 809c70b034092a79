import os
from pathlib import Path

import pytest

from mmvoxceleb.errors import CorruptSourceError, SourceUnavailableError
from mmvoxceleb.processing.crop.metadata import read_metadata
from mmvoxceleb.processing.crop.sources import metadata_videos

SHARED = Path(os.environ.get("MMVOXCELEB_SHARED", Path(__file__).resolve().parents[4] / "shared"))
HEAD = "video_id,start,end,bbox,fps,width,height,partition,person_id\n"
ROWS = (
    "WMh3ye5tBsE,3657,3994,624-48-1018-553,25,1280,720,train,id10005\n"
    "WMh3ye5tBsE,1426,1546,522-49-931-580,25,1280,720,train,id10005\n"
    "WMh3ye5tBsE,3657,3994,624-48-1018-553,25,1280,720,train,id10005\n"  # once more
    "hgB5ziAudzU,8914,9055,100-50-450-420,25,640,360,train,id10282\n"  # 60 px below the picture
    "hgB5ziAudzU,8914,9055,100-50-450-420,25,640,360,test,id10282\n"  # in both splits
    "hgB5ziAudzU,8914,9055,10-50-350-320,25,640,360,test,id10282\n"  # another face at the same time
)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "vox-metadata.csv"
    path.write_text(text)
    return path


def test_repeats_and_boxes_beyond_the_picture_are_counted(tmp_path: Path) -> None:
    table = read_metadata(write(tmp_path, HEAD + ROWS))
    assert (table.num_rows, table.num_duplicates, table.num_in_both_splits, table.num_beyond_frame) == (6, 1, 1, 2)
    assert [(row.person_id, row.utterance, row.chunk) for row in table.rows] == [
        ("id10005", "001426-001546", 0),
        ("id10005", "003657-003994", 0),
        ("id10282", "008914-009055", 0),
        ("id10282", "008914-009055", 1),
    ]
    assert table.rows[1].box_xyxy_px == (624, 48, 1018, 553)
    assert [row.is_beyond_frame for row in table.rows] == [False, False, False, True]


def test_both_dialects_give_the_same(tmp_path: Path) -> None:
    with_column = read_metadata(write(tmp_path, HEAD + ROWS)).rows
    lines = []
    for line in ROWS.splitlines():
        video_id, *middle, person_id = line.split(",")
        lines.append(",".join([f"{video_id}#{person_id}", *middle]))
    without = read_metadata(write(tmp_path, HEAD.replace(",person_id", "") + "\r\n".join(lines))).rows
    assert without == with_column


def test_negative_edges(tmp_path: Path) -> None:
    rows = read_metadata(write(tmp_path, HEAD + "v,0,70,-5-48--1-553,25,1280,720,train,id1\n")).rows
    assert rows[0].box_xyxy_px == (-5, 48, -1, 553)
    assert rows[0].is_beyond_frame


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lacks the column video_id, start"),
        (HEAD.replace(",bbox", ""), "lacks the column bbox"),
        (HEAD + "v,0,70,1-2-3,25,1280,720,train,id1\n", "line 2: .*expected a box left-top-right-bottom, got '1-2-3'"),
        (HEAD + "v,zero,70,1-2-3-4,25,1280,720,train,id1\n", "line 2: this is not a row"),
        (HEAD + "v,0\n", "line 2: this is not a row"),
        (HEAD + "v,70,70,1-2-3-4,25,1280,720,train,id1\n", r"line 2: it ends \(70\) before it starts"),
        (
            HEAD + "v,0,9999999999999,1-2-3-4,25,1280,720,train,id1\n",
            "line 2: its frames, box or frame rate",
        ),
        (HEAD + "v,0,70,1-2-1e300-4,25,1280,720,train,id1\n", "line 2: its frames, box or frame rate"),
        (HEAD + "v,0,70,1-2-3-4,inf,1280,720,train,id1\n", "line 2: its frames, box or frame rate"),
        (HEAD + "v,0,70,3-2-1-4,25,1280,720,train,id1\n", "line 2: its box 3-2-1-4"),
        (HEAD + "v,0,70,1-2-3-4,25,1280,720,train,\n", "line 2: it names no person"),
        (HEAD + "v,0,70,1-2-3-4,25,1280,720,train,id\ufeff1\n", r"line 2: 'v' and 'id\\ufeff1' cannot be names"),
        (HEAD + "../v,0,70,1-2-3-4,25,1280,720,train,id1\n", "line 2: '../v' and 'id1' cannot be names"),
    ],
)
def test_bad_files(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CorruptSourceError, match=rf"vox-metadata\.csv.*{message}"):
        read_metadata(write(tmp_path, text))


def test_an_absent_file(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailableError, match=r"nowhere\.csv"):
        read_metadata(tmp_path / "nowhere.csv")


@pytest.mark.skipif(not (SHARED / "data" / "vox-metadata.csv").is_file(), reason="the published file is not here")
def test_the_published_file(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    videos, table = metadata_videos(tmp_path / "videos", SHARED / "data" / "vox-metadata.csv")
    assert table.num_rows == 20_075
    assert table.num_duplicates == 308
    assert table.num_in_both_splits == 3
    assert table.num_beyond_frame == 866
    assert len(table.rows) == 20_075 - 308 - 3
    assert {row.fps for row in table.rows} == {25}
    assert min(row.end - row.start for row in table.rows) == 64
    assert max(row.end - row.start for row in table.rows) == 1024
    # the boxes have grown by a fifth already: no longer side under 1.2 * 256, but for the rounding
    sides = [max(r - left, b - t) for left, t, r, b in (row.box_xyxy_px for row in table.rows)]
    assert min(sides) == 306
    assert len({(video.person_id, video.video_id) for video in videos}) == len(videos)
    assert sum(len(video.utterances) for video in videos) == len(table.rows)
    assert len({video.video_id for video in videos}) == 3_442
    assert len({video.person_id for video in videos}) == 435
    assert all(video.path is None for video in videos)

"""A wrong row of a list is rejected by itself, with its line; the others go on, and it can be corrected."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import av
import pytest
from av.video import VideoStream

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.meta.removal_list import add_removals
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.processing.crop.settings import CropSettings
from mmvoxceleb.processing.crop.sources import LISTS, free_videos, metadata_videos
from mmvoxceleb.processing.crop.sources.table import table_videos
from mmvoxceleb.processing.crop.stage import CropStage
from mmvoxceleb.processing.decoders import open_decoder
from mmvoxceleb.processing.engines.outcomes import Summary
from mmvoxceleb.processing.pipeline import Pipeline
from tests.support.videos import numbered, with_matrix, write_video

ID = "M2Ohb0FAaJU"
HEAD = "file,person_id,start,end,left,top,right,bottom"
GOOD = "v.mp4,ann,0,0.6,0,0,96,96"
BAD = {
    "v.mp4,ann,2,1,0,0,96,96": "it ends (1.0 s) before it starts (2.0 s)",
    "v.mp4,ann,nan,1,0,0,96,96": "not finite",
    "v.mp4,ann,0,inf,0,0,96,96": "not finite",
    "v.mp4,ann,-1,1,0,0,96,96": "it starts at -1.0 s",
    "v.mp4,ann,0,1,96,0,0,96": "is empty; expected left, top, right, bottom",
    "v.mp4,ann,0,1,0,,96,96": "its top is '', no number",
    "v.mp4,ann,zero,1,0,0,96,96": "its start is 'zero', no number",
    "v.mp4,ann,0,1": "it has 4 cells, and the header 8",
    "v.mp4,ann,0,1,0,0,96,96,7": "it has 9 cells, and the header 8",
    '"v.mp4,ann,0,1,0,0,96,96': "it cannot be read",
    ",ann,0,1,0,0,96,96": "neither a file nor a url",
    ",,0,1,0,0,96,96": "neither a file nor a url",
}


def crop(table: Path, out: Path, **options: Any) -> Summary:
    stage = CropStage(CropSettings.for_metadata(size_px=32, min_frames=5))
    return Pipeline([stage]).run(table_videos(table.parent, table), out, **options)


def ledger(out: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (out / "meta" / "ledger.jsonl").read_text().splitlines()]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    write_video(tmp_path / "raw" / "v.mp4", (numbered(i, 96, 96) for i in range(30)))
    return tmp_path / "raw" / "mine.csv"


@pytest.mark.parametrize("workers", [1, 2])
def test_bad_rows_cost_no_other(table: Path, tmp_path: Path, workers: int) -> None:
    table.write_text("\n".join([HEAD, *BAD, "", GOOD, "v.mp4,ann,0.6,1.2,0,0,96,96,,"]))
    summary = crop(table, tmp_path / "out", workers=workers)
    assert (summary.done, dict(summary.rejected), summary.is_complete) == (2, {"bad row": len(BAD)}, True)
    rejected = {row["reason"]: row["clip_id"] for row in ledger(tmp_path / "out") if row["status"] == "rejected"}
    for line, (text, why) in enumerate(BAD.items(), 2):
        (name,) = [name for told, name in rejected.items() if told.startswith(f"bad row: mine.csv, line {line}: ")]
        (reason,) = [told for told in rejected if f"line {line}: " in told]
        assert why in reason
        known = {"v": f"ann#v#line {line}.txt", '"': f"mine.csv, line {line}", ",": f"ann#line {line}#line {line}.txt"}
        assert name == (f"mine.csv, line {line}" if text.startswith(",,") else known[text[0]])
    assert crop(table, tmp_path / "out").as_dict()["rejected"] == {"bad row": len(BAD)}


def test_a_corrected_row_is_made_and_the_others_stay(table: Path, tmp_path: Path) -> None:
    table.write_text(f"{HEAD}\n{GOOD}\nv.mp4,ann,0.6,x,0,0,96,96\n")
    out = tmp_path / "out"
    assert crop(table, out).rejected["bad row"] == 1
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    table.write_text(f"{HEAD}\n{GOOD}\nv.mp4,ann,0.6,1.2,0,0,96,96\n")
    summary = crop(table, out)
    assert (summary.done, summary.skipped, dict(summary.rejected)) == (1, 1, {})
    assert before.items() <= {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}.items()
    assert [row["status"] for row in ledger(out)] == ["done", "done"]


def test_the_ledger_keeps_the_bad_rows_of_another_list_and_forgets_who_is_removed(table: Path, tmp_path: Path) -> None:
    other = table.with_name("other.csv")
    other.write_text(f"{HEAD}\nv.mp4,bob,0,x,0,0,96,96\n{GOOD.replace('ann', 'eve')}\n")
    table.write_text(f"{HEAD}\n{GOOD}\nv.mp4,ann,0,x,0,0,96,96\n")
    out = tmp_path / "out"
    for each in (table, other, table):
        crop(each, out)
    told = [row["clip_id"] for row in ledger(out) if row["status"] == "rejected"]
    assert told == ["ann#v#line 3.txt", "bob#v#line 2.txt"]
    add_removals(out, Removals(person_id=frozenset({"bob"})))
    assert dict(crop(other, out).rejected) == {}
    assert "bob" not in (out / "meta" / "ledger.jsonl").read_text()


def test_a_row_that_repeats_another_gives_no_second_clip(table: Path) -> None:
    table.write_text("\n".join([HEAD, GOOD, GOOD, GOOD.replace("96,96", "64,64"), GOOD]))
    videos = table_videos(table.parent, table)
    assert [len({each.name for each in video.utterances}) for video in videos] == [2]
    assert [(row.clip_id, row.reason) for row in videos.refused] == [
        (f"ann#v#line {line}.txt", f"bad row: mine.csv, line {line}: it repeats mine.csv, line 2; correct the row")
        for line in (3, 5)
    ]


@pytest.mark.parametrize("row", ['"v.mp4,ann', "v.mp4,ann,x", "v.mp4"])
def test_a_wrong_row_of_identities_ends_the_run(table: Path, row: str) -> None:
    table.write_text(f"file,person_id\nv.mp4,ann\n{row}\n")
    with pytest.raises(CorruptSourceError, match=r"mine\.csv, line 3: it"):
        free_videos(table.parent, table)


def celebv(**changes: Any) -> dict[str, Any]:
    bbox = {"top": 0.0, "bottom": 0.75, "left": 0.25, "right": 0.75}
    return {"ytb_id": ID, "duration": {"start_sec": 0.4, "end_sec": 1.2}, "bbox": bbox, **changes}


def talkvid(**changes: Any) -> dict[str, Any]:
    about = {"Person ID": "7", "Video Link": f"https://youtu.be/{ID}"}
    return {"id": f"x{ID}-1", "start-time": 0.2, "end-time": 0.8, "info": about, **changes}


def write_celebv(root: Path) -> int:
    bbox = celebv()["bbox"]
    bad: list[Any] = [
        celebv(duration={"start_sec": 2, "end_sec": 1}), celebv(duration={"start_sec": float("nan"), "end_sec": 1}),
        celebv(bbox={**bbox, "left": 0.9}), celebv(bbox={}), celebv(ytb_id=None), celebv(ytb_id=""), [], None,
        celebv(duration={"start_sec": -1, "end_sec": float("inf")}), celebv(bbox={**bbox, "top": "x"}),
    ]  # fmt: skip
    clips = {f"{ID}_{number}": record for number, record in enumerate([celebv(), *bad])}
    (root / "list").write_text(json.dumps({"clips": clips}))
    return len(bad)


def write_talkvid(root: Path) -> int:
    bad = [
        talkvid(**{"start-time": float("inf")}), talkvid(**{"end-time": 0}), talkvid(**{"end-time": "x"}),
        talkvid(info={}), talkvid(info=None), talkvid(id=None), 7,
        talkvid(info={"Person ID": None, "Video Link": f"https://youtu.be/{ID}"}),
    ]  # fmt: skip
    (root / "list").write_text(json.dumps([talkvid(), *bad]))
    return len(bad)


def write_hdtf(root: Path) -> int:
    folder = root / "list"
    folder.mkdir()
    names = ["Good1", "End1", "Text1", "Empty1", "Good1", "Box1", "Size1", "Url1"]
    times = ["00:01-00:02", "00:02-00:01", "zero-00:01 nan-00:01", "", "00:03-00:04", *["00:01-00:02"] * 3]
    lines = [f"{name}.mp4 {time}" for name, time in zip(names, times, strict=True)]
    (folder / "RD_annotion_time.txt").write_text("\n".join(lines))
    (folder / "RD_crop_wh.txt").write_text("Box1_0.mp4 0 x 0 9\nSize1_0.mp4 0 9 0 9\n")
    (folder / "RD_resolution.txt").write_text("Box1.mp4 720\nSize1.mp4 0\n")
    (folder / "RD_video_url.txt").write_text("Url1 file:///etc/passwd\n")
    return 8


def write_vfhq(root: Path) -> int:
    folder = root / "list"
    folder.mkdir()
    good = "H 192\nW 320\nFPS 25\nCROP 80 0 240 160\n"
    bad = [
        good.replace("H 192\n", ""), good.replace("25", "0"), good.replace("25", "nan"), good.replace("192", "0"),
        good.replace("240", "20"), good.replace("FPS 25", "FPS"), good.replace("80 0", "x"), "\x00",
    ]  # fmt: skip
    for number, text in enumerate([good, *bad]):
        (folder / f"Clip+{ID}+P0+C{number}+F20-40.txt").write_text(text)
    (folder / "Clip+odd.txt").write_text(good)
    (folder / "README.txt").write_text("a list of clips")
    return len(bad) + 1


WRITERS: dict[str, Callable[[Path], int]] = {
    "celebv-hq": write_celebv, "talkvid": write_talkvid, "hdtf": write_hdtf, "vfhq": write_vfhq,
}  # fmt: skip


@pytest.mark.parametrize("form", sorted(WRITERS))
def test_bad_rows_of_published_lists(tmp_path: Path, form: str) -> None:
    count = WRITERS[form](tmp_path)
    videos = LISTS[form](tmp_path, tmp_path / "list")
    assert sum(len(video.utterances) for video in videos) == 1
    assert len({row.clip_id for row in videos.refused}) == len(videos.refused) == count
    assert all(row.reason.startswith("bad row: ") and row.reason.isprintable() for row in videos.refused)


def test_bad_rows_of_the_metadata(tmp_path: Path) -> None:
    path = tmp_path / "vox-metadata.csv"
    head = "video_id,start,end,bbox,fps,width,height,partition,person_id"
    good = "v,0,70,1-2-30-40,25,1280,720,train,id1"
    bad = ["v,x,70,1-2-30-40,25,1280,720,train,id1", "v,0,70,1-2,25,1280,720,train,id1", "v,0", good[:-3] + '"']
    path.write_text("\n".join([head, *bad, good]))
    videos, table = metadata_videos(tmp_path, path)
    assert [len(video.utterances) for video in videos] == [1]
    assert [row.line for row in table.bad] == [2, 3, 4, 5]
    assert [row.clip_id for row in videos.refused][:2] == ["id1#v#line 2.txt", "id1#v#line 3.txt"]
    assert videos.refused[0].reason.startswith("bad row: vox-metadata.csv, line 2: this is not a row of the metadata")


@pytest.mark.parametrize(
    "text", ["file;start\nv.mp4;0\n", "file,start,start\nv.mp4,0,1\n", f"{HEAD}\nv.mp4,,x\n", b"\xff"]
)
def test_no_list_at_all_is_one_error(table: Path, text: str | bytes) -> None:
    table.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(CorruptSourceError, match=r"mine\.csv"):
        table_videos(table.parent, table)


def test_only_renamed_clips_say_so_and_name_their_row(table: Path, tmp_path: Path) -> None:
    table.write_text(
        f"{HEAD}\n{GOOD}\nv.mp4,ann,0,0.6,0,0,64,64\nv.mp4,b*b,0.6,1.2,0,0,96,96\nv.mp4,ann,0.6,1.2,0,0,96,96\n"
    )
    crop(table, tmp_path / "out")
    reasons = {row["clip_id"].split("#")[2]: row.get("reason", "") for row in ledger(tmp_path / "out")}
    told = sorted(reason for reason in reasons.values() if reason)
    assert told == [
        "renamed from mine.csv, line 3 ('ann#v#000000-000015'): another row has this name",
        "renamed from mine.csv, line 4 ('b*b#v#000015-000030'): this name is not valid in a clip id, "
        "which cannot have *",
    ]


def test_files_of_unknown_endings_are_told_once(tmp_path: Path) -> None:
    write_video(tmp_path / "raw" / "ann.mp4", (numbered(i, 96, 96) for i in range(12)))
    for name in ("b.gif", "noending", "x.mp4.part", "ann.txt", "ann.JPG", "sub/ann.json", ".hidden"):
        (tmp_path / "raw" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "raw" / name).touch()
    summary = Pipeline([CropStage(CropSettings.for_cropped(size_px=32))]).run(tmp_path / "raw", tmp_path / "out")
    assert summary.done == 1
    (note,) = summary.as_dict()["notes"]
    assert note.startswith(
        "not taken, for their endings: 'b.gif', 'noending', 'x.mp4.part', and 3 other files (.jpg, .json, .txt)"
    )
    assert free_videos(tmp_path / "raw" / "ann.mp4").not_taken == ""
    write_video(tmp_path / "raw" / "odd.video.mp4", (numbered(i, 96, 96) for i in range(12))).rename(
        tmp_path / "raw" / "odd"
    )
    (tmp_path / "mine.csv").write_text("file,left,top,right,bottom\nodd,0,0,96,96\n")
    (video,) = table_videos(tmp_path / "raw", tmp_path / "mine.csv")
    assert video.path == tmp_path / "raw" / "odd"


def test_a_turn_that_is_not_made_is_told_in_the_ledger(tmp_path: Path) -> None:
    upright = write_video(tmp_path / "upright.mp4", (numbered(i, 96, 96) for i in range(12)))
    (tmp_path / "raw").mkdir()
    with_matrix(upright, tmp_path / "raw" / "v.mp4", 0.7, 0.7, -0.7, 0.7)
    out = tmp_path / "out"
    Pipeline([CropStage(CropSettings.for_cropped(size_px=32))]).run(tmp_path / "raw", out)
    (row,) = ledger(out)
    assert (row["status"], row["reason"]) == ("done", "not turned: its video is to be shown turned by 45 degrees")
    assert (
        json.loads((out / "meta" / f"{row['clip_id']}.json").read_text())["crop"]["video"]["ignored_turn_degrees"] == 45
    )


@pytest.mark.parametrize(
    ("suffix", "form", "codec"),
    [
        ("h264", "h264", "libx264"), ("hevc", "hevc", "libx265"), ("m2v", "mpeg2video", "mpeg2video"),
        ("m1v", "mpeg1video", "mpeg1video"), ("3g2", "3g2", "mpeg4"), ("ivf", "ivf", "libvpx"),
        ("mk3d", "matroska", "mpeg4"), ("y4m", "yuv4mpegpipe", "wrapped_avframe"),
        ("nut", "nut", "mpeg4"), ("ogv", "ogv", "libvpx"), ("m2p", "vob", "mpeg2video"), ("tp", "mpegts", "mpeg2video"),
        ("qt", "mov", "mpeg4"), ("wtv", "wtv", "mpeg2video"), ("rm", "rm", "rv10"),
    ],
)  # fmt: skip
def test_videos_of_these_endings_are_taken(tmp_path: Path, suffix: str, form: str, codec: str) -> None:
    path = tmp_path / f"v.{suffix}"
    with av.open(str(path), "w", form) as container:
        stream = cast(VideoStream, container.add_stream(codec, rate=25))
        stream.width, stream.height, stream.pix_fmt = 176, 144, "yuv420p"
        for _ in range(30):
            container.mux(stream.encode(av.VideoFrame(176, 144, "yuv420p")))
        container.mux(stream.encode())
    (video,) = free_videos(tmp_path)
    assert video.path is not None
    with open_decoder(video.path) as opened:
        assert 28 <= len(list(opened.frames(0, 100))) <= 31

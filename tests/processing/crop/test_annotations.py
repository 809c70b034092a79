from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmvoxceleb.errors import CorruptSourceError, SourceUnavailableError
from mmvoxceleb.processing.crop.annotations import Annotation, annotation_files, read_annotation

VOX1 = (
    "Identity  : \tid10661\nReference : \tlSI69L4DidQ\nOffset    : \t-1\nFV Conf   : \t17.997\nASD Conf  : \t6.338\n\n"
    "FRAME \tX \tY \tW \tH\n"
    "002316 \t223 \t80 \t130 \t130\n002317 \t225 \t81 \t130 \t130\n002320 \t231 \t84 \t136 \t136\n"
)
VOX2 = (
    "Identity  : \tid00012\nReference : \t_raOc3-IRsw\nOffset    : \t2\nFV Conf   : \t20.230\t(1)\n"
    "ASD Conf  : \t2.765\n\n"
    "FRAME \tX \tY \tW \tH \n000349 \t0.319 \t0.067 \t0.424 \t0.753\n000350 \t0.320 \t0.070 \t0.424 \t0.753\n"
)


def read(tmp_path: Path, text: str) -> Annotation:
    path = tmp_path / "00001.txt"
    path.write_bytes(text.encode())
    return read_annotation(path)


def test_voxceleb1_is_pixels_at_360(tmp_path: Path) -> None:
    annotation = read(tmp_path, VOX1)
    assert (annotation.identity, annotation.reference, annotation.is_fraction) == ("id10661", "lSI69L4DidQ", False)
    assert annotation.header["Offset"] == "-1"
    assert annotation.header["FV Conf"] == "17.997"
    assert annotation.frames.tolist() == [2316, 2317, 2320]
    assert annotation.boxes_px(1280, 720)[0].tolist() == [446, 160, 706, 420]
    assert annotation.boxes_px(480, 908)[0].tolist() == pytest.approx([562.456, 201.778, 890.344, 529.667], abs=1e-3)


def test_voxceleb2_is_fractions(tmp_path: Path) -> None:
    annotation = read(tmp_path, VOX2)
    assert annotation.is_fraction
    assert annotation.header["FV Conf"] == "20.230\t(1)"
    assert annotation.boxes_px(1000, 500)[0].tolist() == pytest.approx([319, 33.5, 743, 410])


def test_gaps_are_interpolated(tmp_path: Path) -> None:
    boxes = read(tmp_path, VOX1).boxes_on_every_frame(640, 360)
    assert boxes.shape == (5, 4)
    assert boxes[:, 0].tolist() == [223, 225, 227, 229, 231]
    assert boxes[3].tolist() == [229, 83, 229 + 134, 83 + 134]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace(" \t", "\t").replace("\t ", "\t"),
        lambda text: text.replace(" \t", " "),
        lambda text: "\ufeff" + text.split("\n\n")[1],
        lambda text: text + "\n\n",
        lambda text: text.replace("H\n", "H \tSCORE\n"),
    ],
    ids=["crlf", "unpadded", "blanks", "no header", "blank lines", "more columns"],
)
def test_forms_that_are_met(tmp_path: Path, change: Callable[[str], str]) -> None:
    annotation = read(tmp_path, change(VOX1))
    assert annotation.frames.tolist() == [2316, 2317, 2320]
    assert annotation.boxes_xywh[2].tolist() == [231, 84, 136, 136]


def test_rows_out_of_order_or_repeated(tmp_path: Path) -> None:
    head, rows = VOX1.split("H\n")
    lines = rows.splitlines()
    annotation = read(tmp_path, head + "H\n" + "\n".join([lines[2], lines[0], lines[1], lines[0]]))
    assert annotation.frames.tolist() == [2316, 2317, 2320]
    assert annotation.boxes_xywh[0].tolist() == [223, 80, 130, 130]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        (" \r\n\r\n", "is empty"),
        ("<html>404</html>", "no line that begins with FRAME"),
        (VOX1.split("002316")[0], "a header and no frames"),
        (VOX1.replace("\tW", ""), r"lacks the column W \(it has FRAME, X, Y, H\)"),
        (VOX1.replace("225 \t81", "225 \tx"), "line 9 is not a frame and a box"),
        (VOX1.replace(" \t130 \t130\n002317", "\n002317"), "line 8 is not a frame and a box"),
        (VOX1.replace("225 \t81", "225 \tnan"), "line 9 has an impossible"),
        (VOX1.replace("136 \t136", "-136 \t136"), "line 10 has an impossible"),
        (VOX1.replace("002317", "1e300"), "line 9 has an impossible"),
        (VOX1.replace("002317", "2317.5"), "line 9 has an impossible"),
        (VOX1.replace("225 \t81", "1e300 \t81"), "line 9 has an impossible"),
    ],
)
def test_what_is_no_annotation(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CorruptSourceError, match=rf"00001\.txt: .*{message}"):
        read(tmp_path, text)


def test_an_absent_file(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailableError, match=r"00009\.txt"):
        read_annotation(tmp_path / "00009.txt")


def test_folders_are_listed_in_order_wherever_they_begin(tmp_path: Path) -> None:
    for name in ("id2/-x/00002.txt", "id2/-x/00001.txt", "id1/b/00001.txt", "__MACOSX/id1/b/._00001.txt"):
        path = tmp_path / "dev" / "txt" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(VOX1)
    (tmp_path / "dev" / "readme.txt").write_text("hello")
    wanted = [("id1", "b", "00001"), ("id2", "-x", "00001"), ("id2", "-x", "00002")]
    assert [(p, v, path.stem) for p, v, path in annotation_files(tmp_path / "dev" / "txt")] == wanted
    found = [(p, v, path.stem) for p, v, path in annotation_files(tmp_path)]
    assert [each for each in found if each[0] != tmp_path.name] == wanted
    with pytest.raises(SourceUnavailableError, match="no such folder"):
        list(annotation_files(tmp_path / "nowhere"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceUnavailableError, match="holds no annotation"):
        list(annotation_files(tmp_path / "empty"))


def test_boxes_do_not_change_with_the_number_of_frames(tmp_path: Path) -> None:
    annotation = read(tmp_path, VOX2)
    assert np.array_equal(annotation.boxes_px(640, 360), annotation.boxes_on_every_frame(640, 360))

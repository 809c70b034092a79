import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.stores import open_store
from mmvoxceleb.validation import Report, problem_titles, validate_store
from mmvoxceleb.validation.checks import ranges
from tests.fuzz.mutations.png import chunks_of, join_chunks
from tests.support.corpus import Corpus, png, zip_corpus
from tests.support.http_server import FileServer


def as_folders(corpus: Corpus, folder: Path) -> Path:
    return corpus.root


def as_zips(corpus: Corpus, folder: Path) -> Path:
    return zip_corpus(corpus, folder / "zips", deflate=True, prefix="any/where/")


def as_packed(corpus: Corpus, folder: Path) -> Path:
    store, writer = open_store(corpus.root), StoreWriter(folder / "packed", "packed")
    for part in store.folders():
        for clip in store.clips(part):
            names = [entry.name for entry in store.entries(part, clip)]
            writer.write(part, clip, list(zip(names, store.read(part, clip), strict=True)))
    return folder / "packed"


LAYOUTS = [as_folders, as_zips, as_packed]
Layout = Callable[[Corpus, Path], Path]


def check(corpus: Corpus, *, deep: bool = False) -> Report:
    return validate_store(open_store(corpus.root), deep)


def only(report: Report, kind: str) -> str:
    """The message of the one problem there is."""
    assert report.problem_counts == {kind: 1}, report.problems
    assert kind in problem_titles()
    return str(report.problems[0])


def test_the_guide_explains_every_kind_of_problem() -> None:
    guide = (Path(__file__).parents[1] / "docs" / "checking-and-looking.md").read_text(encoding="utf-8")
    assert [kind for kind in problem_titles() if f"`{kind}`" not in guide] == []


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_sound_store_passes_in_every_layout(corpus: Corpus, tmp_path: Path, layout: Layout) -> None:
    report = validate_store(open_store(layout(corpus, tmp_path)), deep=True)
    assert report.ok, report.problems
    assert report.clips == {"train": 3, "test": 2}
    assert report.persons == {"train": 2, "test": 1}
    assert report.frames_per_clip == (12, 14, 16)
    assert report.folders["video"].files == sum(corpus.num_frames)
    assert report.folders["mask"].files == report.folders["draw/style1"].files == 3 + 4 + 4 + 4 + 4
    assert report.pictures_decoded == sum(corpus.num_frames) + 2 * 19


@pytest.mark.parametrize("layout", LAYOUTS)
def test_damage_is_found_in_every_layout(own_corpus: Corpus, tmp_path: Path, layout: Layout) -> None:
    root, (first, second) = own_corpus.root, own_corpus.clips
    (root / "video" / first / "0000003.png").unlink()
    (root / "video" / first / "0000007.png").write_bytes(b"no picture")
    (root / "mask" / second / "0000004.png").write_bytes(png(np.full((48, 64, 3), 7, np.uint8)))
    (root / "label" / f"{first}.txt").write_text(",".join("0" * 39))
    (root / "txt" / f"{second}.txt").write_text("\n \r\n")
    shutil.rmtree(root / "draw" / "style1" / second)
    report = validate_store(open_store(layout(own_corpus, tmp_path)), deep=True)
    assert report.problem_counts == dict.fromkeys(("missing", "gap", "picture", "colour", "label", "text"), 1)
    told = {problem.kind: str(problem) for problem in report.problems}
    assert told["gap"] == f"{first} video: frame 3 is missing"
    assert told["picture"].startswith(f"{first} video/0000007.png: neither PNG nor JPEG")
    assert told["colour"].startswith(f"{second} mask/0000004.png: colour RGB (7, 7, 7)")
    assert told["label"].startswith(f"{first} label: its label has 39 values instead of 40")
    assert told["text"] == f"{second} txt: has no sentence"
    assert told["missing"] == f"{second}: is not in draw/style1"


@pytest.mark.parametrize(
    ("label", "said"),
    [
        (",".join("0" * 41), "41 values"),
        (",".join(["2"] + ["0"] * 39), "'2' for 5_o_Clock_Shadow"),
        (",".join(["x"] + ["0"] * 39), "'x'"),
        ("", "1 values"),
    ],
)
def test_labels_are_read_always(own_corpus: Corpus, label: str, said: str) -> None:
    (own_corpus.root / "label" / f"{own_corpus.clips[0]}.txt").write_text(label)
    assert said in only(check(own_corpus), "label")


def test_a_text_that_is_not_utf8(own_corpus: Corpus) -> None:
    (own_corpus.root / "txt" / f"{own_corpus.clips[0]}.txt").write_bytes(b"caf\xe9")
    assert "not UTF-8" in only(check(own_corpus), "text")


def test_windows_line_ends_and_blank_lines_are_no_problem(own_corpus: Corpus) -> None:
    (own_corpus.root / "txt" / f"{own_corpus.clips[0]}.txt").write_bytes(b"\xef\xbb\xbfShe smiles.\r\n\r\nShe is.\r\n")
    assert check(own_corpus).ok


def test_clips_that_video_lacks_are_extra_and_those_that_others_lack_missing(own_corpus: Corpus) -> None:
    root, (first, second) = own_corpus.root, own_corpus.clips
    shutil.rmtree(root / "video" / first)
    (root / "label" / f"{second}.txt").unlink()
    report = check(own_corpus)
    assert report.folders["label"].missing == 1
    assert [report.folders[name].extra for name in ("label", "txt", "mask", "draw/style1")] == [1, 1, 1, 1]
    assert report.problem_counts == {"missing": 1, "extra": 4}
    assert {problem.clip_id for problem in report.of_kind("extra")} == {first}


def test_masks_without_a_frame(own_corpus: Corpus) -> None:
    clip = own_corpus.clips[0]
    for index in (16, 17, 18, 40):
        shutil.copy(
            own_corpus.root / "mask" / clip / "0000000.png", own_corpus.root / "mask" / clip / f"{index:07d}.png"
        )
    assert only(check(own_corpus), "unmatched") == f"{clip} mask: frames 16-18, 40 are not in the video"


def test_two_names_for_one_frame(own_corpus: Corpus) -> None:
    folder = own_corpus.root / "video" / own_corpus.clips[0]
    shutil.copy(folder / "0000002.png", folder / "2.png")
    assert "several files for frame 2" in only(check(own_corpus), "repeat")


def test_files_that_are_no_pictures_and_empty_files(own_corpus: Corpus) -> None:
    folder = own_corpus.root / "video" / own_corpus.clips[0]
    (folder / "notes.md").write_text("?")
    (folder / "0000005.png").write_bytes(b"")
    report = check(own_corpus)
    assert report.problem_counts == {"stray": 1, "empty": 1}
    assert "video/notes.md" in str(report.of_kind("stray")[0])
    assert "video/0000005.png: has 0 bytes" in str(report.of_kind("empty")[0])


def test_a_clip_without_pictures(own_corpus: Corpus) -> None:
    folder = own_corpus.root / "mask" / own_corpus.clips[0]
    shutil.rmtree(folder)
    folder.mkdir()
    assert only(check(own_corpus), "empty") == f"{own_corpus.clips[0]} mask: has no pictures"


def test_a_bit_that_flipped_is_found_by_decoding(own_corpus: Corpus) -> None:
    path = own_corpus.root / "video" / own_corpus.clips[0] / "0000006.png"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    assert check(own_corpus).ok
    assert "video/0000006.png" in only(check(own_corpus, deep=True), "picture")


def test_a_damaged_entry_of_a_zip_is_named(own_corpus: Corpus, tmp_path: Path) -> None:
    zips = zip_corpus(own_corpus, tmp_path / "zips")
    with zipfile.ZipFile(zips / "video.zip") as archive:
        info = archive.infolist()[5]
    with open(zips / "video.zip", "r+b") as file:
        file.seek(info.header_offset + 30 + len(info.filename) + info.file_size // 2)
        file.write(b"\x00\xff\x00")
    report = validate_store(open_store(zips), deep=True)
    assert f"video/{info.filename.rsplit('/')[-1]}" in only(report, "picture")
    assert report.pictures_decoded == sum(own_corpus.num_frames) - 1 + 2 * (3 + 4)


def test_a_truncated_zip_is_reported(own_corpus: Corpus, tmp_path: Path) -> None:
    zips = zip_corpus(own_corpus, tmp_path / "zips")
    data = (zips / "mask.zip").read_bytes()
    (zips / "mask.zip").write_bytes(data[: len(data) // 2])
    assert "mask.zip" in only(validate_store(open_store(zips)), "archive")


def test_pictures_of_several_sizes(own_corpus: Corpus) -> None:
    path = own_corpus.root / "video" / own_corpus.clips[0] / "0000001.png"
    path.write_bytes(png(np.zeros((20, 20, 3), np.uint8)))
    assert "40x24 (0000000.png), 20x20 (0000001.png)" in only(check(own_corpus, deep=True), "size")


@pytest.mark.parametrize("zipped", [False, True])
def test_names_that_are_no_clips(own_corpus: Corpus, tmp_path: Path, zipped: bool) -> None:
    root = own_corpus.root
    shutil.copytree(root / "video" / own_corpus.clips[0], root / "video" / "id10001-some-clip")
    shutil.copytree(root / "mask" / own_corpus.clips[0], root / "draw" / "style1" / "another")
    (root / "label" / "all.csv").write_text("1,0")
    report = validate_store(open_store(as_zips(own_corpus, tmp_path) if zipped else root))
    assert report.problem_counts == {"name": 3}
    files = [problem.file.removeprefix("any/where/") for problem in report.problems]
    assert sorted(files) == ["draw/style1/another", "label/all.csv", "video/id10001-some-clip"]


def test_names_in_a_zip_that_only_its_own_name_explains(own_corpus: Corpus, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "videos.zip", "w") as archive:
        for clip in (own_corpus.clips[0], "a clip"):
            for index in range(2):
                archive.writestr(f"some/folder/{clip}/{index}.png", png(np.zeros((4, 6, 3), np.uint8)))
        archive.writestr("LICENSE", "of the files")
    assert only(validate_store(open_store(tmp_path), deep=True), "name").startswith("some/folder/a clip:")


def test_a_store_behind_a_url(corpus: Corpus, tmp_path: Path, serve: Callable[..., FileServer]) -> None:
    server = serve(as_zips(corpus, tmp_path))
    report = validate_store(open_store(server.url), deep=True)
    assert report.ok, report.problems
    assert report.folders == validate_store(open_store(corpus.root)).folders


def leaks(root: Path, *clips: str) -> list[str]:
    for clip in clips:
        (root / "label").mkdir(exist_ok=True)
        (root / "label" / f"{clip}.txt").write_text(",".join("0" * 40))
    return [str(problem) for problem in validate_store(open_store(root)).of_kind("leak")]


def test_a_video_in_both_splits_is_a_leak(tmp_path: Path) -> None:
    (leak,) = leaks(tmp_path, "id10270#shared#1.txt#000.mp4", "id10001#shared#2.txt#000.mp4")
    assert leak == "video shared is in train and in test: id10001, id10270"


def test_a_person_under_two_names_is_a_leak(tmp_path: Path) -> None:
    (leak,) = leaks(tmp_path, "id10270#one#1.txt#000.mp4", "ID010270#two#2.txt#000.mp4")
    assert "ID010270, id10270" in leak


def test_several_persons_of_one_split_in_one_video_are_no_leak(tmp_path: Path) -> None:
    assert leaks(tmp_path, "id10270#same#1.txt#000.mp4", "id10271#same#2.txt#000.mp4") == []


def test_long_lists_are_cut_and_counted(own_corpus: Corpus) -> None:
    for index in range(30):
        (own_corpus.root / "video" / own_corpus.clips[0] / f"x{index}.tmp").write_text("")
    report = validate_store(open_store(own_corpus.root), most_kept=7)
    assert report.problem_counts == {"stray": 30}
    assert len(report.problems) == 7
    assert report.num_problems == 30


def test_the_report_survives_json(own_corpus: Corpus) -> None:
    (own_corpus.root / "video" / own_corpus.clips[0] / "0000003.png").unlink()
    found = json.loads(json.dumps(check(own_corpus).to_json()))
    assert found["ok"] is False
    assert found["problem_counts"] == {"gap": 1}
    assert found["problems"][0]["clip_id"] == own_corpus.clips[0]


def test_progress_counts_the_clips(corpus: Corpus) -> None:
    seen: list[tuple[int, int]] = []
    validate_store(open_store(corpus.root), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(number, 5) for number in range(1, 6)]


def test_the_result_does_not_depend_on_the_number_of_workers(own_corpus: Corpus) -> None:
    for name in ("0000002.png", "0000009.png"):
        (own_corpus.root / "video" / own_corpus.clips[1] / name).write_bytes(b"?")
    reports = [validate_store(open_store(own_corpus.root), True, workers=workers) for workers in (1, 4)]
    assert reports[0].problems == reports[1].problems
    assert len(reports[0].problems) == 2


def test_numbers_are_written_shortly() -> None:
    assert ranges([3, 7, 8, 9, 12]) == "3, 7-9, 12"
    assert ranges(range(0, 40, 2)) == "0, 2, 4, 6 and 16 more"


def test_a_png_that_pillow_stumbles_over_is_a_problem(own_corpus: Corpus) -> None:
    path = own_corpus.root / "mask" / own_corpus.clips[0] / "0000004.png"
    chunks = [(b"abCd" if kind == b"IDAT" else kind, body) for kind, body in chunks_of(path.read_bytes())]
    path.write_bytes(join_chunks(chunks))
    report = validate_store(open_store(own_corpus.root), deep=True)
    assert [problem.file for problem in report.problems] == ["mask/0000004.png"]

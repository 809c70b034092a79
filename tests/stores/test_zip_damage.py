"""Damaged zips: the right record, or an error that says so; nothing in between."""

import random
import struct
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from mmvoxceleb.cliplists.selection import choose
from mmvoxceleb.errors import CorruptSourceError, MMVoxCelebError, UnsafeArchiveError
from mmvoxceleb.files.ranges import LocalSource
from mmvoxceleb.loading.record import RecordOptions, read_record
from mmvoxceleb.modalities import TEXT
from mmvoxceleb.registration import load_dataset
from mmvoxceleb.schema import Folder
from mmvoxceleb.stores import open_store
from mmvoxceleb.stores.interface import frame_index_of
from mmvoxceleb.stores.numbering import doubtful_positions
from mmvoxceleb.stores.zip_cache import load_index
from mmvoxceleb.stores.zip_index import read_index
from mmvoxceleb.validation import validate_store
from tests.support.corpus import Corpus, frame, make_corpus, png, zip_corpus, zip_folder

FOLDERS = (Folder("video"), Folder("mask"), Folder("drawing", "style1"), Folder("text"), Folder("label"))
MASK = Folder("mask")


def records(location: Path, options: RecordOptions) -> dict[str, dict[str, object]]:
    store = open_store(location)
    return {clip: read_record(store, clip, options) for clip in choose(store, FOLDERS).clips}


def damage(path: Path, change: Callable[[bytearray, int], None]) -> None:
    """Change the zip in place; ``change`` gets its bytes and where the directory starts."""
    data = bytearray(path.read_bytes())
    change(data, struct.unpack_from("<L", data, len(data) - 6)[0])
    path.write_bytes(data)


def rename_in_directory(path: Path, before: bytes, after: bytes) -> None:
    def change(data: bytearray, start: int) -> None:
        at = data.index(before, start)
        data[at : at + len(before)] = after

    assert len(before) == len(after)
    damage(path, change)


@pytest.mark.parametrize("seed", range(4))
def test_a_mutated_directory_gives_the_right_record_or_one_error(tmp_path: Path, seed: int) -> None:
    zips = zip_corpus(make_corpus(tmp_path / "corpus", clips=3, frames=9), tmp_path / "zips")
    options = [RecordOptions(), RecordOptions(frame_stride=4), RecordOptions(aligned=True)]
    expected = [records(zips, chosen) for chosen in options]
    whole = {path: path.read_bytes() for path in sorted(zips.iterdir())}
    rng, outcomes = random.Random(seed), Counter[str]()
    for turn in range(60):
        path = rng.choice(list(whole))
        data = bytearray(whole[path])
        at = rng.randrange(data.index(b"PK\1\2"), len(data) - 4)
        mutation = rng.choice(
            [
                bytes([data[at] ^ 1 << rng.randrange(8)]),
                rng.randbytes(1),
                b"\0",
                b"\xff\xff",
                rng.randbytes(4),
                b"\0" * 4,
            ]
        )
        data[at : at + len(mutation)] = mutation
        path.write_bytes(data)
        try:
            found = records(zips, options[turn % 3])
        except MMVoxCelebError:
            outcomes["error"] += 1
        else:
            assert found == expected[turn % 3], f"turn {turn}: {path.name}, byte {at} is {mutation!r}"
            outcomes["right"] += 1
        path.write_bytes(whole[path])
    assert outcomes["error"] > 15, outcomes
    assert outcomes["right"] > 5, outcomes


@pytest.mark.parametrize("options", [RecordOptions(), RecordOptions(frame_stride=4), RecordOptions(aligned=True)])
@pytest.mark.parametrize("after", [b"0000005.png", b"0000000.png", b"000000t.png", b"0000012.png", b"000000/.png"])
def test_a_frame_renamed_by_damage_is_an_error(
    own_corpus: Corpus, tmp_path: Path, options: RecordOptions, after: bytes
) -> None:
    zips = zip_corpus(own_corpus, tmp_path / "zips")
    rename_in_directory(zips / "mask.zip", b"0000004.png", after)
    with pytest.raises(CorruptSourceError, match=r"mask\.zip"):
        records(zips, options)
    report = validate_store(open_store(zips), deep=True)
    assert not report.ok
    assert {problem.kind for problem in report.problems} & {"archive", "picture"}


def test_a_renamed_frame_of_a_packed_clip_is_an_error(tmp_path: Path) -> None:
    clip = "id10001#v#00001.txt#000.mp4"
    path = tmp_path / "mask" / f"{clip}.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        for index in (0, 4, 8):
            archive.writestr(f"{index:07d}.png", b"x")
    rename_in_directory(path, b"0000004.png", b"0000005.png")
    with pytest.raises(CorruptSourceError, match=rf"clip {clip}, mask.*'0000005\.png'.*of '0000004\.png'"):
        open_store(tmp_path).entries(MASK, clip)


@pytest.mark.parametrize("position", [0, -1])
def test_a_frame_that_fell_out_of_its_clip_is_an_error(own_corpus: Corpus, tmp_path: Path, position: int) -> None:
    """The first and the last frame leave no gap in the numbers."""
    zips = zip_corpus(own_corpus, tmp_path / "zips")
    clip = own_corpus.clips[0]
    with zipfile.ZipFile(zips / "video.zip") as archive:
        name = [name for name in archive.namelist() if clip in name][position].encode()
    rename_in_directory(zips / "video.zip", name, name.replace(b"-video", b"-vmdeo"))
    with pytest.raises(CorruptSourceError, match=r"-vmdeo.*the local header there is of '.*-video"):
        open_store(zips).clips(Folder("video"))


@pytest.mark.parametrize(("before", "after"), [(b"-video", b"-vmdeo"), (b".mp4.txt", b".mp4.tyt")])
def test_a_label_whose_name_is_damaged_is_an_error(
    own_corpus: Corpus, tmp_path: Path, before: bytes, after: bytes
) -> None:
    zips = zip_corpus(own_corpus, tmp_path / "zips")
    rename_in_directory(zips / "label.zip", before, after)
    with pytest.raises(CorruptSourceError, match=rf"label\.zip.*{after.decode()}.*local header there is of"):
        records(zips, RecordOptions())


def test_a_name_that_is_there_twice_is_an_error(own_corpus: Corpus, tmp_path: Path) -> None:
    zips = zip_corpus(own_corpus, tmp_path / "zips")
    first, second = own_corpus.clips
    for name, copied in (
        (f"mask/{first}/0000004.png", f"mask/{first}/0000008.png"),
        (f"label/{first}.txt", f"label/{second}.txt"),
    ):
        with zipfile.ZipFile(zips / f"{name.split('/')[0]}.zip", "a") as archive:
            content = archive.read(copied)
            with pytest.warns(UserWarning, match="Duplicate name"):
                archive.writestr(name, content)
    store = open_store(zips)
    with pytest.raises(CorruptSourceError, match=rf"clip {first}, mask: file '0000004\.png' exists twice"):
        store.entries(MASK, first)
    with pytest.raises(CorruptSourceError, match=rf"clip {first}, label: exists twice, in label and in label"):
        store.read(Folder("label"), first)
    assert len(store.read(MASK, second)) == 4


def test_a_clip_in_two_folders_of_a_zip_is_an_error(own_corpus: Corpus, tmp_path: Path) -> None:
    path = zip_folder(own_corpus.root / "mask", tmp_path / "mask.zip")
    clip = own_corpus.clips[0]
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"old/mask/{clip}/0000000.png", b"x")
        archive.writestr(f"old/mask/{clip}/0000004.png", b"x")
    with pytest.raises(CorruptSourceError, match=r"exists twice, in mask/.* and in old/mask/"):
        open_store(path).entries(MASK, clip)


def off_by_one(data: bytearray, start: int) -> None:
    struct.pack_into("<L", data, len(data) - 6, start - 1)


def one_too_far(data: bytearray, start: int) -> None:
    struct.pack_into("<L", data, len(data) - 6, start + 1)


def zip64_start(data: bytearray, start: int) -> None:
    count, size = struct.unpack_from("<H", data, len(data) - 12)[0], struct.unpack_from("<L", data, len(data) - 10)[0]
    end = len(data) - 22
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, 2**64 - 1)
    data[end:] = record + struct.pack("<4sLQL", b"PK\6\7", 0, end, 1) + data[end:-6] + b"\xff\xff\xff\xff\0\0"


def far_offset(data: bytearray, start: int) -> None:
    struct.pack_into("<L", data, start + 42, len(data) - 10)


def overlapping(data: bytearray, start: int) -> None:
    struct.pack_into("<L", data, start + 42, 10)


def slack_before(data: bytearray, start: int) -> None:
    """Eight bytes before the directory, which the end record takes for its beginning."""
    data[start:start] = bytes(8)


def emptied(data: bytearray, start: int) -> None:
    data[-14:-6] = bytes(8)


def other_count(data: bytearray, start: int) -> None:
    data[-14] ^= 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (off_by_one, r"places entry .*outside of.*moved by 1"),
        (one_too_far, "its directory should start at byte"),
        (zip64_start, "its directory should start at byte 18,446,744,073,709,551,615"),
        (far_offset, r"places entry 'mask/.*outside of"),
        (overlapping, "overlap the entry behind"),
        (slack_before, "its entries are not where its end record says"),
        (emptied, "counts no entries, and .* bytes stand before"),
        (other_count, "its end record counts"),
    ],
)
def test_a_directory_that_contradicts_itself(
    own_corpus: Corpus, tmp_path: Path, change: Callable[[bytearray, int], None], message: str
) -> None:
    path = zip_folder(own_corpus.root / "mask", tmp_path / "mask.zip")
    damage(path, change)
    with pytest.raises(CorruptSourceError, match=rf"mask\.zip: .*{message}"):
        open_store(path).folders()


@pytest.mark.parametrize(
    ("layout", "name"), [("folders", "2147483648.png"), ("zips", "2147483648.png"), ("zips", "9" * 5000 + ".png")]
)
def test_numbers_that_no_frame_has(own_corpus: Corpus, tmp_path: Path, layout: str, name: str) -> None:
    first, second = own_corpus.clips
    if layout == "folders":
        (own_corpus.root / "mask" / first / name).write_bytes(png(frame(0, 0)))
        location = own_corpus.root
    else:
        location = zip_corpus(own_corpus, tmp_path / "zips")
        with zipfile.ZipFile(location / "mask.zip", "a") as archive:
            archive.writestr(f"mask/{first}/{name}", b"x")
    with pytest.raises(CorruptSourceError, match=rf"clip {first}, mask.*no frame has such a number"):
        open_store(location).entries(MASK, first)
    rows = load_dataset(data_dir=str(location), split="train", streaming=True, on_error="skip")
    assert [row["clip_id"] for row in rows] == [second]
    assert any("no frame has" in problem.message for problem in validate_store(open_store(location)).problems)


def test_the_largest_frame_number_is_int32() -> None:
    assert frame_index_of("002147483647.png") == 2**31 - 1


@pytest.mark.parametrize(
    ("indices", "doubtful"),
    [
        ([0, 1, 2, 3], []),
        ([0, 4, 8], []),
        ([0, 3, 6], []),
        ([0, 4], []),
        ([0], []),
        ([5], [0]),
        ([0, 5], [0, 1]),
        ([0, 5, 8, 12, 16], [0, 1, 2, 4]),
        ([0, 4, 12, 16], [0, 1, 2, 3]),  # 8 became 16: nothing but the last number can be wrong here
        ([1, 2, 3, 4], [0, 3]),
    ],
)
def test_which_numbers_are_doubtful(indices: list[int], doubtful: list[int]) -> None:
    assert doubtful_positions(indices) == doubtful


def test_missing_frames_are_told_once(own_corpus: Corpus, caplog: pytest.LogCaptureFixture) -> None:
    clip = own_corpus.clips[0]
    for index in (3, 5, 6):
        (own_corpus.root / "video" / clip / f"{index:07d}.png").unlink()
    (own_corpus.root / "mask" / clip / "0000004.png").unlink()
    for _ in range(2):
        record = read_record(open_store(own_corpus.root), clip, RecordOptions())
    assert record["frame_indices"] == [0, 1, 2, 4, 7, 8, 9, 10, 11]
    told = [message for message in caplog.messages if "is missing" in message]
    assert len(told) == 1, "masks 0 and 8 alone may be every eighth"
    assert f"clip {clip}, video: frame 3, 5 to 6 is missing" in told[0]


def bomb(path: Path, entries: int, megabytes: int) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for index in range(entries):
            archive.writestr(f"mask/id10001#v#00001.txt#000.mp4/{index:07d}.png", bytes(megabytes << 20))
    return path


def test_many_entries_that_are_a_bomb_together_are_refused(tmp_path: Path) -> None:
    store = open_store(bomb(tmp_path / "mask.zip", entries=5, megabytes=16))
    with pytest.raises(UnsafeArchiveError, match=r"clip id10001.*5 entries .* to 83,886,080 bytes; refused"):
        store.read(MASK, "id10001#v#00001.txt#000.mp4")


def test_a_clip_of_over_a_gigabyte_is_refused_before_it_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "mask" / "id10001#v#00001.txt#000.mp4"
    folder.mkdir(parents=True)
    for index in range(9):
        with (folder / f"{index:07d}.png").open("wb") as file:
            file.truncate(128 << 20)
    with pytest.raises(UnsafeArchiveError, match=r"clip id10001.*9 files of 1,207,959,552 bytes; refused"):
        open_store(tmp_path).read(MASK, folder.name)
    assert len(open_store(tmp_path).entries(MASK, folder.name)) == 9


@pytest.mark.parametrize("layout", ["folders", "zips"])
def test_a_text_of_many_megabytes_is_refused(own_corpus: Corpus, tmp_path: Path, layout: str) -> None:
    clip = own_corpus.clips[0]
    (own_corpus.root / "txt" / f"{clip}.txt").write_bytes(b"word\n" * (1 << 20))
    location = own_corpus.root if layout == "folders" else zip_corpus(own_corpus, tmp_path / "zips", deflate=True)
    with pytest.raises(UnsafeArchiveError, match=rf"clip {clip}.*5,242,880 bytes; refused, the limit is 4 MB"):
        read_record(open_store(location), clip, RecordOptions(modalities=("text",)))
    with pytest.raises(UnsafeArchiveError, match="the limit is 4 MB"):
        TEXT.parse(b"word\n" * (1 << 20), clip_id=clip)


def test_a_kept_index_is_checked_before_it_is_used(
    own_corpus: Corpus, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = LocalSource(zip_folder(own_corpus.root / "mask", tmp_path / "mask.zip"))
    expected = read_index(source)

    def same() -> bool:
        index = load_index(source)
        at = range(len(index.folders))
        return index.folders == expected.folders and all(index.entries(i) == expected.entries(i) for i in at)

    assert same()
    load_index(LocalSource(zip_folder(own_corpus.root / "video", tmp_path / "video.zip")))
    kept = {path: path.read_bytes() for path in sorted((tmp_path / "mmvoxceleb-cache" / "zip-index").iterdir())}
    ours = [path for path in kept if path.stem.split(".")[0] == kept_key(source)]
    assert len(ours) == 2
    assert not caplog.records
    rng = random.Random(0)
    for path in ours:
        others = [data for other, data in kept.items() if other != path]
        whole = kept[path]
        flipped = []
        for at in rng.sample(range(len(whole)), 60):
            data = bytearray(whole)
            data[at] ^= 1 << rng.randrange(8)
            flipped.append(bytes(data))
        for content in (*others, *flipped, b"", whole[:100], whole[:-1], whole + b"x", b"ARROW1\0\0" * 40):
            path.write_bytes(content)
            caplog.clear()
            assert same()
            assert "cannot be used" in caplog.text
            assert "rebuilt" in caplog.text
            assert path.read_bytes() == whole


def kept_key(source: LocalSource) -> str:
    """Tell by its age which index in the cache is of ``source``, which was the first."""
    folder = Path(source.location).parent / "mmvoxceleb-cache" / "zip-index"
    return min(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns).name.split(".")[0]

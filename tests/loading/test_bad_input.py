"""What goes wrong with real files: one clear error that names the clip, or a skip that is counted."""

import io
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import load_dataset
from PIL import Image

import mmvoxceleb
from mmvoxceleb.errors import CorruptSourceError, MissingModalityError, SourceUnavailableError, UnsafeArchiveError
from mmvoxceleb.files import retry
from tests.support.corpus import Corpus, make_corpus, png, zip_corpus
from tests.support.http_server import FileServer

Damage = Callable[[Corpus], Path]


def _first(corpus: Corpus, *folders: str) -> Path:
    return corpus.root.joinpath(*folders, corpus.clips[0])


def truncated_png(corpus: Corpus) -> Path:
    path = _first(corpus, "video") / "0000005.png"
    path.write_bytes(path.read_bytes()[:-20])
    return path


def empty_png(corpus: Corpus) -> Path:
    path = _first(corpus, "draw", "style1") / "0000004.png"
    path.write_bytes(b"")
    return path


def no_png(corpus: Corpus) -> Path:
    path = _first(corpus, "video") / "0000002.png"
    path.write_bytes(b"<html>login</html>")
    return path


def wrong_colours(corpus: Corpus) -> Path:
    path = _first(corpus, "mask") / "0000008.png"
    picture = np.asarray(Image.open(path)).copy()
    picture[10, 20] = (1, 2, 3)
    path.write_bytes(png(picture))
    return path


def undecodable_mask(corpus: Corpus) -> Path:
    path = _first(corpus, "mask") / "0000004.png"
    data = bytearray(path.read_bytes())
    data[60:90] = bytes(30)
    path.write_bytes(data)
    return path


def short_label(corpus: Corpus) -> Path:
    path = corpus.root / "label" / f"{corpus.clips[0]}.txt"
    path.write_text(",".join(["0"] * 39))
    return path


def long_label(corpus: Corpus) -> Path:
    path = corpus.root / "label" / f"{corpus.clips[0]}.txt"
    path.write_text(",".join(["1"] * 41))
    return path


def label_with_a_two(corpus: Corpus) -> Path:
    path = corpus.root / "label" / f"{corpus.clips[0]}.txt"
    path.write_text(",".join(["0", "2", *["1"] * 38]))
    return path


def text_of_bytes(corpus: Corpus) -> Path:
    path = corpus.root / "txt" / f"{corpus.clips[0]}.txt"
    path.write_bytes(b"\xff\xfe\x00 not utf-8")
    return path


def _meta(corpus: Corpus, text: str) -> Path:
    path = corpus.root / "meta" / f"{corpus.clips[0]}.json"
    path.parent.mkdir()
    path.write_text(text)
    return path


def broken_meta(corpus: Corpus) -> Path:
    return _meta(corpus, '{"label_source": ')


def source_that_is_a_list(corpus: Corpus) -> Path:
    return _meta(corpus, '{"label_source": ["manual"]}')


def half_a_surrogate_pair(corpus: Corpus) -> Path:
    return _meta(corpus, '{"label_source": "\\ud800"}')


CASES = [
    (truncated_png, r"video/0000005\.png: cut short at"),
    (empty_png, r"draw/style1/0000004\.png: the file is empty"),
    (no_png, r"video/0000002\.png: neither PNG nor JPEG"),
    (wrong_colours, r"mask/0000008\.png: colour RGB \(1, 2, 3\) at row 10, column 20"),
    (undecodable_mask, r"mask/0000004\.png: the (PNG is damaged|picture cannot be decoded)"),
    (short_label, "label has 39 values instead of 40"),
    (long_label, "label has 41 values instead of 40"),
    (label_with_a_two, "says '2' for Arched_Eyebrows"),
    (text_of_bytes, "not UTF-8"),
    (broken_meta, "meta file is not JSON"),
    (source_that_is_a_list, r"label_source .*manual.*no text"),
    (half_a_surrogate_pair, "meta file"),
]


@pytest.mark.parametrize(("damage", "message"), CASES, ids=[case[0].__name__ for case in CASES])
@pytest.mark.parametrize("streaming", [False, True])
def test_damage_is_named_and_can_be_skipped(
    own_corpus: Corpus, caplog: pytest.LogCaptureFixture, damage: Damage, message: str, streaming: bool
) -> None:
    damage(own_corpus)
    damaged, whole = own_corpus.clips

    def load(**options: Any) -> list[str]:
        dataset = load_dataset(
            "mmvoxceleb", data_dir=str(own_corpus.root), split="train", streaming=streaming, **options
        )
        return [row["clip_id"] for row in dataset]

    with pytest.raises(CorruptSourceError, match=rf"clip {damaged}.*{message}"):
        load()
    with caplog.at_level(logging.WARNING):
        assert load(on_error="skip") == [whole]
    assert f"skipped: clip {damaged}" in caplog.text


def test_the_error_crosses_processes(own_corpus: Corpus) -> None:
    wrong_colours(own_corpus)
    with pytest.raises(CorruptSourceError, match=r"0000008\.png: colour RGB \(1, 2, 3\)"):
        load_dataset("mmvoxceleb", data_dir=str(own_corpus.root), split="train", num_proc=2, in_place=False)


def test_nothing_half_prepared_is_left(own_corpus: Corpus, tmp_path: Path) -> None:
    truncated_png(own_corpus)
    with pytest.raises(CorruptSourceError):
        load_dataset("mmvoxceleb", data_dir=str(own_corpus.root), cache_dir=str(tmp_path / "cache"), in_place=False)
    assert not list((tmp_path / "cache").rglob("*.arrow"))


def test_text_with_crlf_blank_lines_and_a_byte_order_mark(own_corpus: Corpus) -> None:
    path = own_corpus.root / "txt" / f"{own_corpus.clips[0]}.txt"
    path.write_bytes("\ufeffShe is young.\r\n\r\n  She has bangs. \r\n".encode())
    (own_corpus.root / "txt" / f"{own_corpus.clips[1]}.txt").write_bytes(b"")
    dataset = load_dataset("mmvoxceleb", "text", data_dir=str(own_corpus.root), split="train")
    assert dataset["text"][:] == [["She is young.", "She has bangs."], []]


def test_gaps_in_the_frames_keep_their_indices(own_corpus: Corpus) -> None:
    for index in (2, 3, 9):
        (_first(own_corpus, "video") / f"{index:07d}.png").unlink()
    row = load_dataset("mmvoxceleb", "video", data_dir=str(own_corpus.root), split="train")[0]
    assert row["frame_indices"] == [0, 1, 4, 5, 6, 7, 8, 10, 11]
    assert row["num_frames"] == 9


def test_dot_files_and_macos_folders_are_no_frames(own_corpus: Corpus) -> None:
    (_first(own_corpus, "video") / ".DS_Store").write_bytes(b"x")
    (_first(own_corpus, "video") / "._0000000.png").write_bytes(b"x")
    (own_corpus.root / "__MACOSX").mkdir()
    row = load_dataset("mmvoxceleb", "video", data_dir=str(own_corpus.root), split="train")[0]
    assert row["frame_indices"] == list(range(12))


def test_a_huge_picture_is_refused(own_corpus: Corpus) -> None:
    buffer = io.BytesIO()
    Image.new("1", (8193, 2)).save(buffer, "PNG")
    (_first(own_corpus, "draw", "style1") / "0000000.png").write_bytes(buffer.getvalue())
    with pytest.raises(UnsafeArchiveError, match=r"0000000\.png: 8193 x 2 px; refused"):
        load_dataset("mmvoxceleb", "drawing", data_dir=str(own_corpus.root), split="train", in_place=False)


@pytest.mark.parametrize("streaming", [False, True])
def test_a_truncated_zip(own_corpus: Corpus, tmp_path: Path, streaming: bool) -> None:
    zips = zip_corpus(own_corpus, tmp_path / "zips")
    (zips / "mask.zip").write_bytes((zips / "mask.zip").read_bytes()[:-100])
    with pytest.raises(CorruptSourceError, match=r"mask\.zip: not a whole zip.*get it again"):
        load_dataset("mmvoxceleb", data_dir=str(zips), split="train", streaming=streaming)


def test_an_empty_folder_and_one_of_something_else(tmp_path: Path) -> None:
    for streaming in (False, True):
        with pytest.raises(MissingModalityError, match="holds no Multimodal VoxCeleb data"):
            load_dataset("mmvoxceleb", data_dir=str(tmp_path), streaming=streaming)
        with pytest.raises(SourceUnavailableError, match="no such folder"):
            load_dataset("mmvoxceleb", data_dir=str(tmp_path / "absent"), streaming=streaming)
    (tmp_path / "interview.MP4").write_bytes(b"")
    with pytest.raises(MissingModalityError, match="of raw videos: mmvoxceleb regenerate all VIDEOS MY-DATASET"):
        load_dataset("mmvoxceleb", data_dir=str(tmp_path))


def test_a_cut_connection_in_an_epoch_is_retried_and_the_epoch_goes_on(
    tmp_path: Path, serve: Callable[..., FileServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT_SECONDS", 0.01)
    corpus = make_corpus(tmp_path / "corpus", clips=4)
    server = serve(zip_corpus(corpus, tmp_path / "zips"))
    expected = list(_raw(load_dataset("mmvoxceleb", data_dir=str(tmp_path / "zips"), split="train", streaming=True)))
    streamed = _raw(load_dataset("mmvoxceleb", data_dir=server.url, split="train", streaming=True))
    plan = iter([None, None, "cut", None, 500, "cut", "cut", *[None] * 1000])
    server.fault = lambda method, path, before: next(plan) if path.endswith(".zip") and method == "GET" else None
    assert list(streamed) == expected
    assert server.gets("video.zip") > len(expected)


def test_a_server_that_dies_in_an_epoch_names_the_clip_source(
    tmp_path: Path, serve: Callable[..., FileServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT_SECONDS", 0.001)
    corpus = make_corpus(tmp_path / "corpus", clips=4)
    server = serve(zip_corpus(corpus, tmp_path / "zips"))
    iterator = iter(load_dataset("mmvoxceleb", data_dir=server.url, split="train", streaming=True))
    next(iterator)
    server.fault = lambda method, path, before: 503
    with pytest.raises(SourceUnavailableError, match=r"video\.zip: gave up after 5 attempts"):
        next(iterator)


def _raw(dataset: Any) -> Any:
    from datasets import Image as ImageFeature
    from datasets import List

    for column in ("frames", "masks", "drawings"):
        dataset = dataset.cast_column(column, List(ImageFeature(decode=False)))
    return dataset


def test_our_own_load_dataset_raises_the_same(own_corpus: Corpus) -> None:
    truncated_png(own_corpus)
    with pytest.raises(CorruptSourceError, match=r"0000005\.png: cut short"):
        mmvoxceleb.load_dataset(data_dir=str(own_corpus.root), in_place=False)

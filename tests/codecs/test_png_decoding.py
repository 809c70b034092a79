"""The quick decoder gives what Pillow gives, and refuses what is not whole."""

import io
import itertools
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import numba
import numpy as np
import pytest
from PIL import Image

from mmvoxceleb.codecs import png, unfilter
from mmvoxceleb.codecs.masks import encode_palette_mask
from mmvoxceleb.codecs.png import decode_picture
from mmvoxceleb.errors import CorruptSourceError
from tests.support.corpus import mask_ids
from tests.support.without_numba import without_numba

RNG = np.random.default_rng(0)
SMOOTH = np.clip(np.cumsum(np.cumsum(RNG.normal(0, 1, (37, 53, 3)), 0), 1) + 128, 0, 255).astype(np.uint8)
NOISE = RNG.integers(0, 256, (37, 53, 3), np.uint8)


def encoded(array: np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_of_rows(rows: bytes, width: int, height: int, colour_type: int = 2, depth: int = 8) -> bytes:
    header = struct.pack(">2I5B", width, height, depth, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def filtered(picture: np.ndarray) -> bytes:
    """Rows with each of the five filters in turn, by the definitions of the PNG specification."""
    height, width, _ = picture.shape
    wide = np.zeros((height + 1, width + 1, 3), int)
    wide[1:, 1:] = picture
    now, left, up, corner = wide[1:, 1:], wide[1:, :-1], wide[:-1, 1:], wide[:-1, :-1]
    guess = left + up - corner
    nearest = np.argmin(np.stack([abs(guess - near) for near in (left, up, corner)]), 0)
    paeth = np.choose(nearest, [left, up, corner])
    kinds = [now, now - left, now - up, now - (left + up) // 2, now - paeth]
    rows = [bytes([row % 5]) + (kinds[row % 5][row] % 256).astype(np.uint8).tobytes() for row in range(height)]
    return b"".join(rows)


def decoded(data: bytes | memoryview) -> np.ndarray:
    """Without the fourth channel, which is zero."""
    picture = decode_picture(data, where="x")
    if picture.ndim == 3 and picture.shape[2] == 4:
        assert not picture[..., 3].any()
    return picture[..., :3] if picture.ndim == 3 else picture


@pytest.fixture(params=["as installed", "zlib for isal", "no Numba"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if request.param == "zlib for isal":
        monkeypatch.setattr(png, "_new_inflater", zlib.decompressobj)
    with without_numba() if request.param == "no Numba" else nullcontext():
        yield


@pytest.mark.usefixtures("_way")
def test_pictures_of_every_filter_come_out_as_from_pillow_one_after_the_other() -> None:
    for picture in (SMOOTH, NOISE, SMOOTH[::-1].copy(), NOISE[:, ::-1].copy()):
        assert np.array_equal(decoded(encoded(picture)), picture)
        assert np.array_equal(decoded(encoded(picture[..., 0])), picture[..., 0])
        data = png_of_rows(filtered(picture), 53, 37)
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), picture)
        assert np.array_equal(decoded(memoryview(data)), picture)


def put_in_place_of_numba(code: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "numba.py").write_text(code)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "numba")
    monkeypatch.delitem(sys.modules, "mmvoxceleb.codecs.unfilter")
    png._can_unfilter.cache_clear()


def test_threads_that_all_find_numba_missing_at_once_decode_with_opencv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_place_of_numba("import time; time.sleep(0.3); raise ModuleNotFoundError('numba')", tmp_path, monkeypatch)
    with ThreadPoolExecutor(4) as pool:
        pictures = list(pool.map(decoded, [encoded(NOISE)] * 4))
    png._can_unfilter.cache_clear()
    assert all(np.array_equal(picture, NOISE) for picture in pictures)


@pytest.mark.parametrize(("colour_type", "channels"), [(0, 1), (2, 3)])
@pytest.mark.parametrize("height", [1, 2, 31, 32, 33, 64, 100])
def test_pictures_of_any_size_come_out_as_from_pillow(height: int, colour_type: int, channels: int) -> None:
    for width in (1, 2, 31, 70):
        rows = RNG.integers(0, 256, (height, 1 + width * channels), np.uint8)
        rows[:, 0] = RNG.integers(0, 5, height)
        data = png_of_rows(rows.tobytes(), width, height, colour_type)
        assert np.array_equal(decoded(data), np.asarray(Image.open(io.BytesIO(data))))


def test_filters_are_undone_within_the_memory_that_was_made_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    checked = numba.njit(unfilter._undo_filters, boundscheck=True)
    monkeypatch.setattr(unfilter, "_undo_filters_quickly", checked)
    for height, width, channels in itertools.product((1, 2, 31, 32, 33, 65), (1, 2, 5, 40), (1, 3)):
        rows = RNG.integers(0, 5, (height, 1 + width * channels), np.uint8)
        undoer = unfilter.Unfilter(height, width, channels)
        undoer(rows)
        for too_little in ((undoer._filtered[:-1], undoer._pixels), (undoer._filtered, undoer._pixels[:-33])):
            with pytest.raises(IndexError):
                checked(*too_little, width, height, channels)


def test_numba_that_does_not_work_is_told_of_once_and_opencv_decodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put_in_place_of_numba("raise ImportError('Numba needs NumPy 2.4 or less')", tmp_path, monkeypatch)
    for _ in range(3):
        assert np.array_equal(decoded(encoded(SMOOTH)), SMOOTH)
    png._can_unfilter.cache_clear()
    assert ["Numba needs NumPy 2.4 or less" in record.getMessage() for record in caplog.records] == [True]


@pytest.mark.usefixtures("_way")
def test_palette_pictures_give_their_indices() -> None:
    ids = mask_ids(0, 3)
    assert np.array_equal(decode_picture(encode_palette_mask(ids), where="x"), ids)
    picture = Image.fromarray(ids, "P")
    picture.putpalette(RNG.integers(0, 256, 768, np.uint8).tobytes())
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", bits=8)
    assert np.array_equal(decode_picture(buffer.getvalue(), where="x"), ids)


def test_what_the_quick_way_does_not_know_is_decoded_all_the_same() -> None:
    alpha = np.dstack([SMOOTH, np.full((37, 53), 200, np.uint8)])
    assert np.array_equal(decoded(encoded(alpha)), SMOOTH)
    few = (NOISE[..., 0] // 86).astype(np.uint8)
    image = Image.fromarray(few, "P")
    image.putpalette(range(12))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", bits=2)
    assert np.array_equal(decode_picture(buffer.getvalue(), where="x"), few)
    jpeg = encoded(SMOOTH, "JPEG", quality=95)
    theirs = np.asarray(Image.open(io.BytesIO(jpeg))).astype(int)
    assert np.abs(decode_picture(jpeg, where="x") - theirs).max() <= 4


@pytest.mark.parametrize("kept", [0, 7, 20, 60, 400, -30, -17])
def test_a_picture_that_was_cut_short_is_an_error_that_names_it(kept: int) -> None:
    with pytest.raises(CorruptSourceError, match=r"^clip a, video 7: "):
        decode_picture(encoded(NOISE)[:kept], where="clip a, video 7")


def test_damage_anywhere_in_the_pixels_is_an_error() -> None:
    data = bytearray(encoded(NOISE))
    for at in range(60, len(data) - 30, 501):
        broken = data.copy()
        broken[at] ^= 0x55
        with pytest.raises(CorruptSourceError, match=r"damaged|cut short"):
            decode_picture(bytes(broken), where="x")


@pytest.mark.parametrize("kind", [5, 200])
def test_a_filter_that_png_does_not_know_is_an_error(kind: int) -> None:
    rows = np.zeros((40, 1 + 7 * 3), np.uint8)
    rows[33, 0] = kind
    with pytest.raises(CorruptSourceError, match=r"clip a.*filter"):
        decode_picture(png_of_rows(rows.tobytes(), 7, 40), where="clip a")


@pytest.mark.parametrize(("width", "height"), [(10, 0), (0, 10), (0, 0)])
def test_a_header_without_pixels_is_an_error(width: int, height: int) -> None:
    with pytest.raises(CorruptSourceError, match="clip a"):
        decode_picture(png_of_rows(b"", width, height), where="clip a")


def test_more_pixels_than_the_header_says_are_never_unpacked() -> None:
    with pytest.raises(CorruptSourceError):
        decode_picture(png_of_rows(bytes(50_000_000), 4, 4), where="x")


def test_what_numba_compiles_is_kept_in_our_cache_and_not_in_the_package(tmp_path: Path) -> None:
    code = (
        "from mmvoxceleb.codecs import unfilter; import numba\n"
        "print(unfilter._undo_filters_quickly._cache.cache_path, numba.config.CACHE_DIR == '')"
    )
    environ = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    told = subprocess.run(
        [sys.executable, "-c", code], env={**environ, "MMVOXCELEB_CACHE": str(tmp_path)},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert told.startswith(str(tmp_path / "numba"))
    assert told.endswith(" True\n")

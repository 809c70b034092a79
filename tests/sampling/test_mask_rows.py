"""Masks are decoded only where they are shown, and look as if they had been decoded whole."""

import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from mmvoxceleb.codecs import png
from mmvoxceleb.codecs.masks import encode_palette_mask, ids_of_colours
from mmvoxceleb.codecs.views import View, mask_of
from mmvoxceleb.errors import CorruptSourceError, UnsafeArchiveError
from mmvoxceleb.schema import colours_of
from tests.fuzz.mutations.png import chunks_of, join_chunks
from tests.support.corpus import mask_ids
from tests.support.without_numba import without_numba

IDS = np.asarray(cv2.resize(mask_ids(0, 3), (90, 61), interpolation=cv2.INTER_NEAREST), np.uint8)
VIEWS = (View(), View(0.8, 0.1, 0.9), View(0.3, 1.0, 0.0))
SIZES = ((16, 16), (33, 20), (61, 90), (100, 130))


def by_opencv() -> bytes:
    return cv2.imencode(".png", colours_of(IDS)[..., ::-1])[1].tobytes()


def by_pillow() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(colours_of(IDS)).save(buffer, "PNG")
    return buffer.getvalue()


def with_paeth() -> bytes:
    data = cv2.imencode(".png", colours_of(IDS)[..., ::-1], [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_PAETH])
    return data[1].tobytes()


def with_alpha() -> bytes:
    """What the quick decoder does not know."""
    buffer = io.BytesIO()
    Image.fromarray(np.dstack([colours_of(IDS), np.full(IDS.shape, 255, np.uint8)])).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(params=["as installed", "no Numba"])
def _way(request: pytest.FixtureRequest) -> Iterator[None]:
    with without_numba() if request.param == "no Numba" else nullcontext():
        yield


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize("encode", [by_opencv, by_pillow, with_paeth, with_alpha, lambda: encode_palette_mask(IDS)])
def test_the_rows_shown_are_those_of_the_whole_mask(encode: Callable[[], bytes]) -> None:
    data = encode()
    for view in VIEWS:
        for size in SIZES:
            x1, y1, x2, y2 = view.box(*IDS.shape, size[1] / size[0])
            expected = cv2.resize(IDS[y1:y2, x1:x2], size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
            assert np.array_equal(mask_of(data, view, size, where="x"), expected)


@pytest.mark.usefixtures("_way")
def test_chosen_rows_are_those_of_the_whole_picture_whatever_the_filters() -> None:
    for data in (by_opencv(), by_pillow(), with_paeth(), with_alpha()):
        whole = png.decode_picture(data, where="x")[..., :3].copy()
        assert np.array_equal(ids_of_colours(whole), IDS)
        for rows in ([0], [60], [3, 3, 8], list(range(0, 61, 7))):
            assert np.array_equal(png.decode_picture(data, where="x", rows=np.array(rows))[..., :3], whole[rows])


def test_rows_that_are_not_shown_cost_no_undoing_of_filters(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    real = png._unfilter

    def unfilter(table: np.ndarray, *rest: Any) -> Any:
        seen.append(len(table))
        return real(table, *rest)

    monkeypatch.setattr(png, "_unfilter", unfilter)
    mask_of(by_opencv(), View(), (16, 16), where="x")
    mask_of(with_paeth(), View(), (16, 16), where="x")
    assert seen == [16, 61]


def test_damage_in_rows_that_are_not_shown_is_still_an_error() -> None:
    data = bytearray(by_opencv())
    at = data.index(b"IDAT")
    length = int.from_bytes(data[at - 4 : at], "big")
    rows = bytearray(zlib.decompress(data[at + 4 : at + 4 + length]))
    rows[-5] ^= 1  # in the last row, which a small mask does not show; the checksum behind is of the row before
    packed = zlib.compress(bytes(rows))[:-4] + data[at + length : at + 4 + length]
    broken = data[: at - 4] + len(packed).to_bytes(4, "big") + b"IDAT" + packed + bytes(4) + data[at + 8 + length :]
    with pytest.raises(CorruptSourceError, match="clip a"):
        mask_of(bytes(broken), View(0.3, 0.0, 0.0), (8, 8), where="clip a")


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize("bits", [4, 8])
def test_a_palette_mask_that_lacks_rows_is_an_error(bits: int) -> None:
    mask = Image.fromarray(IDS % 16, "P")
    mask.putpalette(list(range(48)))
    buffer = io.BytesIO()
    mask.save(buffer, "PNG", bits=bits)
    chunks = [(kind, body) for kind, body in chunks_of(buffer.getvalue()) if kind != b"IDAT"]
    rows = zlib.decompress(b"".join(body for kind, body in chunks_of(buffer.getvalue()) if kind == b"IDAT"))
    chunks.insert(-1, (b"IDAT", zlib.compress(rows[: len(rows) // 61 * 30])))
    with pytest.raises(CorruptSourceError, match="clip a"):
        png.decode_picture(join_chunks(chunks), where="clip a")


@pytest.mark.parametrize("side", [0, 8193, 2**31 - 1])
def test_a_header_of_an_impossible_size_is_refused_before_room_is_made(side: int) -> None:
    data = by_opencv()
    broken = data[:20] + side.to_bytes(4, "big") + data[24:]
    with pytest.raises((CorruptSourceError, UnsafeArchiveError), match="clip a"):
        mask_of(broken, View(), (8, 8), where="clip a")

"""One gate for every picture: what is huge, cut or damaged is one error of clip and file, whoever reads it."""

import io
import random
import time
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from mmvoxceleb.codecs.masks import encode_palette_mask, read_mask_ids, to_palette_png
from mmvoxceleb.codecs.pictures import check_content, upright
from mmvoxceleb.codecs.png import decode_picture, decode_rgb
from mmvoxceleb.errors import CorruptSourceError, MMVoxCelebError
from mmvoxceleb.processing.pictures import decode_rgb as decode_source
from tests.support.odd_pictures import BAD, IDS, MASK, PICTURE, encoded, interlaced


@pytest.mark.parametrize("ids", [IDS, IDS[:3, :5], IDS[:1, :1], IDS[:9, :2]], ids=lambda ids: str(ids.shape))
def test_interlaced_masks_are_read(ids: np.ndarray) -> None:
    data = interlaced(encode_palette_mask(ids), ids)
    assert np.array_equal(read_mask_ids(data, clip_id="x", name="0.png"), ids)
    assert np.array_equal(decode_picture(data, where="x"), ids)


@pytest.mark.parametrize("name", BAD)
def test_every_reader_refuses_it_in_one_error_at_once(name: str) -> None:
    data, kind, message = BAD[name]
    readers: list[Callable[[], object]] = [
        lambda: decode_rgb(data, where="clip x, video/0.png"),
        lambda: decode_picture(data, where="clip x, video/0.png"),
        lambda: read_mask_ids(data, clip_id="x", name="video/0.png"),
        lambda: to_palette_png(data, clip_id="x", name="video/0.png"),
    ]
    begin = time.monotonic()
    for reader in readers:
        with pytest.raises(kind, match=rf"^clip x, video/0\.png.*{message}"):
            reader()
    with pytest.raises(kind, match=r"^clip x, video/0\.png"):
        decode_source(data, where="clip x, video/0.png")
    assert time.monotonic() - begin < 2


def test_a_flipped_bit_anywhere_in_a_png_is_found() -> None:
    for whole in (MASK, encoded(PICTURE), encoded(PICTURE[..., 0])):
        chance = random.Random(1)
        for _ in range(200):
            data = bytearray(whole)
            data[chance.randrange(8, len(data))] ^= 1 << chance.randrange(8)
            with pytest.raises(MMVoxCelebError):
                check_content(bytes(data), where="clip x, 0.png")


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "PNG"])
def test_masks_in_other_lossless_files(kind: str) -> None:
    picture = Image.fromarray(IDS, "P")
    picture.putpalette(Image.open(io.BytesIO(MASK)).getpalette() or ())
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    assert np.array_equal(read_mask_ids(buffer.getvalue(), clip_id="x", name="0"), IDS)
    assert np.array_equal(read_mask_ids(encoded(IDS, kind), clip_id="x", name="0"), IDS)
    with pytest.raises(CorruptSourceError, match=r"class id 77|no class ids|none of the 19"):
        read_mask_ids(encoded(np.full_like(IDS, 77), kind), clip_id="x", name="0")


def test_grey_masks_whose_values_would_be_scaled_are_refused() -> None:
    deep = Image.fromarray(IDS.astype(np.uint16))
    buffer = io.BytesIO()
    deep.save(buffer, "PNG")
    with pytest.raises(CorruptSourceError, match="grey picture of 16 bits; save class ids with 8 bits"):
        read_mask_ids(buffer.getvalue(), clip_id="x", name="0")


@pytest.mark.parametrize(
    "note", [b"Exif\0\0garbage", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"http://ns.adobe.com/xap/1.0/\0<x"]
)
def test_a_damaged_note_that_may_turn_a_jpeg_is_no_traceback(note: bytes) -> None:
    plain = encoded(PICTURE, "JPEG")
    noted = plain[:2] + b"\xff\xe1" + (len(note) + 2).to_bytes(2, "big") + note + plain[2:]
    with Image.open(io.BytesIO(upright(noted))) as shown, Image.open(io.BytesIO(plain)) as wanted:
        assert np.array_equal(np.asarray(shown), np.asarray(wanted))

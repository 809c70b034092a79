"""A JPEG has no checksum: what its decoder can tell of damage is an error, never a picture of grey blocks."""

import io

import numpy as np
import pytest
from PIL import Image

from mmvoxceleb.codecs.png import decode_picture, decode_rgb
from mmvoxceleb.errors import MMVoxCelebError
from tests.support.corpus import frame


def jpeg(picture: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue()


def test_what_pillow_refuses_is_refused_and_the_rest_are_its_pixels() -> None:
    data, refused = jpeg(frame(0, 0)), 0
    for at in range(20, len(data) - 40, 3):
        damaged = data[: at + 100] + data[at : at + 100] + data[at + 100 :]
        try:
            expected = np.asarray(Image.open(io.BytesIO(damaged)).convert("RGB"))
        except OSError:
            refused += 1
            with pytest.raises(MMVoxCelebError, match=r"a\.jpg: "):
                decode_rgb(damaged, where="a.jpg")
        else:
            try:
                found = decode_rgb(damaged, where="a.jpg")[..., :3]
            except MMVoxCelebError:
                continue  # the gate is stricter
            np.testing.assert_array_equal(found, expected)
    assert refused > 20


@pytest.mark.parametrize("picture", [frame(0, 0), frame(0, 0)[..., 0]], ids=["colour", "grey"])
def test_whole_ones_are_read_in_colours(picture: np.ndarray) -> None:
    assert decode_picture(jpeg(picture), where="a.jpg").shape == (24, 40, 3)

import cv2
import numpy as np
import pytest

from mmvoxceleb.hub.quality import psnr
from mmvoxceleb.processing.crop.resize import crop_and_resize, resize_antialiased, shrink_to_height
from tests.support.videos import portrait, resized


def reference(picture: np.ndarray, size: int) -> np.ndarray:
    """The original's resize, from its description: Gaussian of (factor - 1) / 2, then linear between pixel centres."""
    values = picture.astype(np.float64)
    for axis in (0, 1):
        length = values.shape[axis]
        factor = length / size
        sigma = (factor - 1) / 2
        if sigma > 0:
            radius = int(4 * sigma + 0.5)
            kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
            pad = [(radius, radius) if each == axis else (0, 0) for each in range(3)]
            padded = np.pad(values, pad, mode="reflect")
            values = sum(
                weight * np.take(padded, range(shift, shift + length), axis)
                for shift, weight in enumerate(kernel / kernel.sum())
            )
        position = (np.arange(size) + 0.5) * factor - 0.5
        position = np.clip(position, 0, length - 1)
        low = np.minimum(position.astype(int), length - 2)
        part = (position - low).reshape([-1 if each == axis else 1 for each in range(3)])
        values = (1 - part) * np.take(values, low, axis) + part * np.take(values, low + 1, axis)
    return np.rint(values).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(("width", "height"), [(307, 307), (400, 401), (613, 612), (512, 512)])
def test_shrinking_is_the_originals_within_one_level(width: int, height: int) -> None:
    picture = resized(portrait(), width, height, cv2.INTER_CUBIC)
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    for source in (picture, noise):
        ours, theirs = resize_antialiased(source, 256, 256), reference(source, 256)
        assert np.abs(ours.astype(int) - theirs).max() <= 1
        assert psnr(ours, theirs) > 70


@pytest.mark.parametrize("side", [120, 256, 307, 350, 700])
def test_it_is_scikit_images_resize(side: int) -> None:
    transform = pytest.importorskip("skimage.transform")
    picture = resized(portrait(), side, side, cv2.INTER_CUBIC)
    theirs = np.rint(transform.resize(picture, (256, 256), anti_aliasing=True) * 255).astype(np.uint8)
    assert psnr(resize_antialiased(picture, 256, 256), theirs) > (70 if side >= 256 else 50)


def test_whole_boxes_are_cut_as_by_slicing() -> None:
    picture = resized(portrait(), 640, 480)
    wanted = resize_antialiased(picture[40:400, 100:461], 128, 128)
    assert np.array_equal(crop_and_resize(picture, (100, 40, 461, 400), 128), wanted)
    assert np.array_equal(crop_and_resize(picture, (10, 20, 138, 148), 128), picture[20:148, 10:138])


def test_fractions_of_a_pixel_move_the_crop() -> None:
    picture = resized(portrait(), 640, 480, cv2.INTER_CUBIC)
    whole = crop_and_resize(picture, (100, 40, 450, 390), 128)
    almost = crop_and_resize(picture, (100 + 1e-7, 40, 450 + 1e-7, 390), 128)
    inner = (slice(4, -4), slice(4, -4))  # at the edge of the crop the original mirrors, we see the frame
    assert np.abs(whole[inner].astype(int) - almost[inner]).max() <= 1
    # half a pixel to the right and half to the left, averaged, is the middle
    right = crop_and_resize(picture, (100.5, 40, 450.5, 390), 128).astype(float)
    left = crop_and_resize(picture, (99.5, 40, 449.5, 390), 128).astype(float)
    assert np.abs((left + right)[inner] / 2 - whole[inner]).mean() < 0.5
    assert np.abs(left - right).mean() > 0.5


def test_shrinking_for_detection_keeps_the_shape() -> None:
    frame = np.zeros((720, 1280, 3), np.uint8)
    assert shrink_to_height(frame, 360).shape == (360, 640, 3)
    assert shrink_to_height(frame[:908, :480], 360).shape == (360, 240, 3)
    assert shrink_to_height(frame[:240, :320], 360).shape == (360, 480, 3)

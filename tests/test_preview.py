import io
import shutil

import numpy as np
import pytest
from PIL import Image
from PIL.GifImagePlugin import GifImageFile

from mmvoxceleb.errors import ConfigError, MissingModalityError
from mmvoxceleb.modalities import MASKS, TEXT
from mmvoxceleb.modalities.masks import overlay
from mmvoxceleb.preview import clip_gif, clips_gif, contact_sheet
from mmvoxceleb.preview.canvas import WARNING, text_width_px, wrap
from mmvoxceleb.preview.clip_view import choose_indices, view_clip
from mmvoxceleb.sample import sample_path
from mmvoxceleb.schema import PALETTE
from mmvoxceleb.stores import open_store
from tests.support.corpus import Corpus, frame, mask_ids, zip_corpus


@pytest.mark.parametrize(
    ("frames", "preferred", "count", "chosen"),
    [
        (range(30), range(0, 30, 4), 8, (0, 4, 8, 12, 16, 20, 24, 28)),
        (range(30), range(0, 30, 4), 3, (0, 16, 28)),
        (range(12), (0, 4, 8), 8, (0, 1, 3, 4, 6, 8, 9, 11)),
        (range(3), (), 8, (0, 1, 2)),
        ((), (0, 4), 8, (0, 4)),
        (range(4), (0, 99), 8, (0, 1, 2, 3)),
        ((), (), 8, ()),
    ],
)
def test_frames_with_masks_come_first_and_others_fill_up(
    frames: range, preferred: range, count: int, chosen: tuple[int, ...]
) -> None:
    assert choose_indices(list(frames), preferred, count) == chosen


def test_overlay_paints_classes_and_leaves_the_background() -> None:
    ids = np.array([[0, 1], [17, 0]], np.uint8)
    picture = Image.new("RGB", (4, 4), (100, 100, 100))
    painted = np.asarray(overlay(picture, ids, opacity=0.5)).astype(int)
    assert (painted[0, 0] == 100).all()
    assert (painted[3, 3] == 100).all()
    assert np.abs(painted[0, 3] - (100 + PALETTE[1].astype(int)) / 2).max() <= 0.5
    assert np.abs(painted[3, 0] - (100 + PALETTE[17].astype(int)) / 2).max() <= 0.5


def test_view_holds_what_the_files_hold(corpus: Corpus) -> None:
    view = view_clip(open_store(corpus.root), corpus.clips[1], count=3)
    assert view.indices == (0, 8, 12)
    assert view.num_frames == corpus.num_frames[1]
    picture, ids = view.frames[8], view.pictures[MASKS][8]
    assert picture is not None
    assert ids is not None
    assert np.array_equal(np.asarray(picture), frame(1, 8))
    assert np.array_equal(ids, mask_ids(1, 8))
    assert view.missing == ()
    assert view.values[TEXT][0] == "Clip 1 says sentence 0."


def test_the_sheet_shows_each_modality(corpus: Corpus) -> None:
    store = open_store(corpus.root)
    sheet = contact_sheet(store, [corpus.clips[0]], columns=3, tile_px=64)
    pixels = np.asarray(sheet)
    tile = np.asarray(Image.fromarray(frame(0, 0)).resize((64, 38), Image.Resampling.LANCZOS))
    windows = np.lib.stride_tricks.sliding_window_view(pixels[..., 0], (20, 40))
    middle = tile[8:28, 8:48, 0]
    assert (windows == middle).all(axis=(2, 3)).any()
    for class_id in range(1, 19):
        assert (pixels == PALETTE[class_id]).all(axis=2).sum() >= 60, "the legend has a square of each class"


def test_what_is_missing_is_left_out_and_said(own_corpus: Corpus) -> None:
    whole = contact_sheet(open_store(own_corpus.root), [own_corpus.clips[0]])
    shutil.rmtree(own_corpus.root / "draw")
    (own_corpus.root / "label" / f"{own_corpus.clips[0]}.txt").unlink()
    store = open_store(own_corpus.root)
    assert view_clip(store, own_corpus.clips[0]).missing == ("drawings", "label")
    part = contact_sheet(store, [own_corpus.clips[0]])
    assert part.width == whole.width
    assert part.height < whole.height - 144


@pytest.mark.parametrize("kept", ["video", "mask", "draw", "txt", "label"])
def test_a_store_of_one_modality_can_be_shown(own_corpus: Corpus, kept: str) -> None:
    for name in {"video", "mask", "draw", "txt", "label"} - {kept}:
        shutil.rmtree(own_corpus.root / name)
    sheet = contact_sheet(open_store(own_corpus.root), 1)
    assert len(np.unique(np.asarray(sheet).reshape(-1, 3), axis=0)) > 10


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\ncut"])
def test_a_damaged_picture_is_marked_and_the_rest_is_shown(own_corpus: Corpus, content: bytes) -> None:
    clip = own_corpus.clips[0]
    sound = contact_sheet(open_store(own_corpus.root), [clip])
    (own_corpus.root / "video" / clip / "0000004.png").write_bytes(content)
    (own_corpus.root / "mask" / clip / "0000008.png").write_bytes(content)
    store = open_store(own_corpus.root)
    view = view_clip(store, clip)
    assert view.frames[4] is None
    assert view.frames[0] is not None
    assert view.pictures[MASKS][8] is None
    warning = np.array([int(WARNING[at : at + 2], 16) for at in (1, 3, 5)])
    marked = (np.asarray(contact_sheet(store, [clip])) == warning).all(axis=2).sum()
    assert marked > 2 * 4 * 140 > (np.asarray(sound) == warning).all(axis=2).sum()


def test_zips_and_folders_give_the_same_sheet(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> None:
    zips = zip_corpus(corpus, tmp_path_factory.mktemp("zips") / corpus.root.name, prefix="mmvoxceleb/")
    sheets = [contact_sheet(open_store(place), 2, columns=4) for place in (corpus.root, zips)]
    assert sheets[0].tobytes() == sheets[1].tobytes()
    renamed = contact_sheet(open_store(zips.rename(zips.with_name("my-dataset"))), 2, columns=4)
    assert sheets[0].tobytes() != renamed.tobytes()  # it is headed by the store's name


def test_long_texts_fit() -> None:
    lines = wrap("word " * 200, 16, 300, most_lines=3)
    assert len(lines) == 3
    assert lines[-1].endswith("…")
    assert all(text_width_px(line, 16) <= 300 for line in [*lines, *wrap("x" * 500, 16, 300, most_lines=1)])


def test_wrong_requests_are_refused(corpus: Corpus) -> None:
    store = open_store(corpus.root)
    with pytest.raises(MissingModalityError, match="id19999#a#1"):
        contact_sheet(store, ["id19999#a#1.txt#000.mp4"])
    with pytest.raises(ConfigError, match="at least one clip"):
        contact_sheet(store, 0)
    with pytest.raises(ConfigError, match="frames_per_second"):
        clip_gif(store, corpus.clips[0], frames_per_second=0)


def test_the_gif_moves_and_keeps_the_shape(corpus: Corpus) -> None:
    data = clip_gif(open_store(corpus.root), corpus.clips[2], size_px=80)
    with Image.open(io.BytesIO(data)) as picture:
        assert isinstance(picture, GifImageFile)
        assert picture.n_frames == corpus.num_frames[2]
        assert picture.size == (3 * 80 + 2 * 6, 48)
        assert picture.info["duration"] == 40
        first = np.asarray(picture.convert("RGB")).astype(int)
        picture.seek(5)
        later = np.asarray(picture.convert("RGB")).astype(int)
    assert np.abs(first[:, :80] - later[:, :80]).mean() > 1


def test_the_gif_is_cut_at_the_wanted_length() -> None:
    store = open_store(sample_path())
    data = clip_gif(store, "id00000#sample-look#00001.txt#000.mp4", size_px=64, most_frames=5)
    with Image.open(io.BytesIO(data)) as picture:
        assert isinstance(picture, GifImageFile)
        assert picture.n_frames == 5


def test_a_gif_needs_frames(own_corpus: Corpus) -> None:
    shutil.rmtree(own_corpus.root / "video")
    with pytest.raises(MissingModalityError, match="no frames to show"):
        clip_gif(open_store(own_corpus.root), own_corpus.clips[0])


def test_letters_that_the_font_lacks_are_spelt_with_others() -> None:
    from mmvoxceleb.preview.canvas import printable

    assert printable("Jörg und Straße, Éł … “ok” · 日") == "Jorg und Strasse, El … “ok” · ?"


def test_several_clips_move_side_by_side_and_damaged_ones_are_left_out(own_corpus: Corpus) -> None:
    store, (first, second) = open_store(own_corpus.root), own_corpus.clips
    animation = Image.open(io.BytesIO(clips_gif(store, [first, second], size_px=40)))
    assert isinstance(animation, GifImageFile)
    assert animation.size == (86, 40)
    assert animation.n_frames == 7  # every second of 12 and 13 frames
    animation.seek(6)
    tile = np.asarray(animation.convert("RGB"))[8:32, 46:86].astype(int)
    assert np.abs(tile - frame(1, 12)).mean() < 12
    again = np.asarray(animation.convert("RGB"))[8:32, :40].astype(int)
    assert np.abs(again - frame(0, 0)).mean() < 12  # it has begun again
    (own_corpus.root / "video" / first / "0000002.png").write_bytes(b"no picture")
    assert Image.open(io.BytesIO(clips_gif(open_store(own_corpus.root), [first, second], size_px=40))).size == (40, 40)
    with pytest.raises(MissingModalityError, match="none of its clips has frames to show"):
        clips_gif(open_store(own_corpus.root), [first])
    with pytest.raises(ConfigError, match="frames_per_second"):
        clips_gif(store, [second], frames_per_second=50)

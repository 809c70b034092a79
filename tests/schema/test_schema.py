import numpy as np
import pytest

from mmvoxceleb.errors import ConfigError, CorruptSourceError
from mmvoxceleb.schema import (
    ATTRIBUTES,
    CLASSES,
    PALETTE,
    SENSITIVE_ATTRIBUTES,
    TEST_PERSONS,
    ClipId,
    Folder,
    attribute_index,
    check_modalities,
    colours_of,
    drop_sensitive,
    folders_of,
    split_of,
)

KEY = "id11248#yDqlBD8m_b8#00004.txt#000.mp4"


def test_clip_id_parts_and_back() -> None:
    clip = ClipId.parse(KEY)
    assert (clip.person_id, clip.video_id, clip.utterance, clip.chunk) == ("id11248", "yDqlBD8m_b8", "00004", 0)
    assert str(clip) == KEY


@pytest.mark.parametrize(
    "key",
    [
        KEY,
        "id10270#-_ab~=.1234#00001.txt#017.mp4",
        "Ångström é#my video.v2#take.1.txt#1000.mp4",
        "a=b#c~d#e.txt#000.mp4",
    ],
)
def test_safe_name_round_trip(key: str) -> None:
    name = ClipId.parse(key).safe_name
    assert str(ClipId.from_safe_name(name)) == key
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-~=")


@pytest.mark.parametrize(
    "key", ["", "id1#v#1.txt#0", "id1#v#1#0.mp4", "id1/x#v#1.txt#0.mp4", "id1#v#1.txt#x.mp4", "a#b#c#d#e.txt#0.mp4"]
)
def test_other_names_are_refused(key: str) -> None:
    assert not ClipId.matches(key)
    with pytest.raises(CorruptSourceError, match="not the name of a clip"):
        ClipId.parse(key)


@pytest.mark.parametrize("name", ["a~b~c", "a~b~c~d", "a~b~c~=0000", "a~b~c~1~2"])
def test_broken_safe_names_are_refused(name: str) -> None:
    with pytest.raises(CorruptSourceError, match="safe name"):
        ClipId.from_safe_name(name)


def test_palette_is_what_the_original_left_on_disk() -> None:
    assert len(CLASSES) == len(PALETTE) == len({tuple(colour) for colour in PALETTE.tolist()}) == 19
    assert PALETTE[[0, 1, 10, 13, 18]].tolist() == [
        [255, 255, 255], [0, 85, 255], [255, 0, 0], [255, 85, 0], [255, 0, 255],
    ]  # fmt: skip
    assert colours_of(np.array([[17]], np.uint8)).tolist() == [[[170, 255, 255]]]


def test_attributes() -> None:
    assert len(ATTRIBUTES) == 40
    assert list(ATTRIBUTES) == sorted(ATTRIBUTES)  # CelebA's order is alphabetical
    assert attribute_index("5 o'clock shadow") == 0
    assert attribute_index("wearing hat") == ATTRIBUTES.index("Wearing_Hat")
    with pytest.raises(ConfigError, match="Wearing_Hat"):
        attribute_index("hatted")


def test_drop_sensitive_keeps_forty_values() -> None:
    label = drop_sensitive([1] * 40)
    assert len(label) == 40
    assert {name for name, value in zip(ATTRIBUTES, label, strict=True) if value == -1} == SENSITIVE_ATTRIBUTES


def test_splits() -> None:
    assert len(TEST_PERSONS) == 40
    assert [split_of(f"id{number}") for number in (10269, 10270, 10309, 10310)] == ["train", "test", "test", "train"]


def test_folders() -> None:
    assert [folder.path for folder in folders_of(("text", "drawing", "video"), ("style2", "style1"))] == [
        "video", "draw/style2", "draw/style1", "txt",
    ]  # fmt: skip
    assert Folder("mask").is_frames
    assert not Folder("label").is_frames
    with pytest.raises(ConfigError, match="'depth'; the known ones are video, mask, drawing, text, label"):
        check_modalities(["video", "depth"])
    with pytest.raises(ConfigError, match="no modality"):
        check_modalities([])

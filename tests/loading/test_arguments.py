"""Every argument of ``load_dataset("mmvoxceleb", ...)``."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
from datasets import Image, List, load_dataset

from mmvoxceleb.errors import ConfigError, MissingModalityError
from mmvoxceleb.loading.shards import shards_of
from mmvoxceleb.schema import ATTRIBUTES, SENSITIVE_ATTRIBUTES
from tests.support.corpus import Corpus, make_corpus
from tests.support.records import with_bytes


def load(corpus: Corpus, name: str | None = None, **options: Any) -> Any:
    options.setdefault("split", "train")
    whole = load_dataset("mmvoxceleb", name, data_dir=str(corpus.root), **options)
    streamed = load_dataset("mmvoxceleb", name, data_dir=str(corpus.root), streaming=True, **options)
    for column in whole.features:
        if column.startswith(("frames", "masks", "drawings")):
            whole = whole.cast_column(column, List(Image(decode=False)))
            streamed = streamed.cast_column(column, List(Image(decode=False)))
    assert with_bytes(list(whole)) == list(streamed)
    return whole


def test_modalities(corpus: Corpus) -> None:
    assert set(load(corpus, modalities=("text", "mask")).features) == {
        "clip_id", "person_id", "video_id", "utterance", "chunk", "num_frames", "masks", "mask_indices", "text",
    }  # fmt: skip
    with pytest.raises(ConfigError, match="unknown modality 'depth'; the known ones are video, mask, drawing"):
        load(corpus, modalities=("depth",))


def test_unknown_config_and_argument_list_the_known_ones(corpus: Corpus) -> None:
    with pytest.raises(ValueError, match=r"nothing.*'sample'"):
        load(corpus, "nothing")
    with pytest.raises(ConfigError, match=r"no argument 'frame_strid' here. Do you mean frame_stride\?.* max_frames, "):
        load(corpus, frame_strid=2)
    with pytest.raises(ConfigError, match=r"no argument 'modality' here. Do you mean modalities\?"):
        load(corpus, modality="mask")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mask_encoding": "jpeg"}, "mask_encoding='jpeg'; the known ones are palette, original"),
        ({"on_error": "ignore"}, "on_error='ignore'; the known ones are raise, skip"),
        ({"frame_stride": 0}, "frame_stride=0"),
        ({"max_frames": 0}, "max_frames=0"),
        ({"min_frames": -1}, "min_frames=-1"),
        ({"styles": ()}, "styles="),
        ({"styles": ("style1", "style1")}, "each once"),
        ({"modalities": ("video",), "aligned": True}, "aligned=True"),
    ],
)
def test_impossible_values(corpus: Corpus, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(corpus, **options)


def test_several_styles(own_corpus: Corpus) -> None:
    draw = own_corpus.root / "draw"
    shutil.copytree(draw / "style1", draw / "style2")
    row = with_bytes(load(own_corpus, "drawing", styles=("style1", "style2"))[0])
    assert row["drawings_style1"] == row["drawings_style2"] != []
    assert row["drawing_indices_style1"] == row["drawing_indices_style2"] == [0, 4, 8]
    assert with_bytes(load(own_corpus, "drawing", styles="style2")[0])["drawings"] == row["drawings_style2"]
    with pytest.raises(MissingModalityError, match=r"has no draw/style3 \(it has: .*draw/style2"):
        load(own_corpus, "drawing", styles=("style3",))


def test_frame_stride(corpus: Corpus) -> None:
    row = load(corpus, frame_stride=8)[1]
    assert row["num_frames"] == 13
    assert row["frame_indices"] == row["mask_indices"] == row["drawing_indices"] == [0, 8]
    assert len(row["frames"]) == len(row["masks"]) == 2
    odd = load(corpus, frame_stride=3)[0]
    assert (odd["frame_indices"], odd["mask_indices"]) == ([0, 3, 6, 9], [0])


def test_max_frames(corpus: Corpus) -> None:
    row = load(corpus, max_frames=5)[0]
    assert (row["num_frames"], row["frame_indices"], row["mask_indices"]) == (12, [0, 1, 2, 3, 4], [0, 4])
    assert load(corpus, "mask", max_frames=2)[0]["mask_indices"] == [0, 4]
    strided = load(corpus, max_frames=2, frame_stride=4)[0]
    assert strided["frame_indices"] == strided["mask_indices"] == [0, 4]


def test_aligned(own_corpus: Corpus) -> None:
    (own_corpus.root / "draw" / "style1" / own_corpus.clips[0] / "0000004.png").unlink()
    row = load(own_corpus, aligned=True)[0]
    assert row["frame_indices"] == row["mask_indices"] == row["drawing_indices"] == [0, 8]
    assert load(own_corpus, aligned=True, modalities=("video", "mask"))[0]["frame_indices"] == [0, 4, 8]


def test_original_masks_pass_through(corpus: Corpus) -> None:
    row = with_bytes(load(corpus, "mask", mask_encoding="original")[0])
    paths = sorted((corpus.root / "mask" / row["clip_id"]).iterdir())
    assert [mask["bytes"] for mask in row["masks"]] == [path.read_bytes() for path in paths]


def test_min_frames(corpus: Corpus) -> None:
    assert load(corpus, min_frames=13)["num_frames"][:] == [13, 15]
    assert load(corpus, "text", min_frames=14)["num_frames"][:] == [15]


def test_persons_and_clips(corpus: Corpus) -> None:
    assert set(load(corpus, persons=["id10001"])["person_id"][:]) == {"id10001"}
    assert load(corpus, clips=[corpus.clips[3]])["clip_id"][:] == [corpus.clips[3]]
    assert load(corpus, persons=["id10271"], split="test")["person_id"][:] == ["id10271"] * 2
    with pytest.raises(ConfigError, match="has no clip of id99999"):
        load(corpus, persons=["id99999", "id10001"])
    with pytest.raises(ConfigError, match=r"has no clip x#y#z\.txt#000\.mp4"):
        load(corpus, clips=["x#y#z.txt#000.mp4"])


def test_drop_sensitive(corpus: Corpus) -> None:
    for row, plain in zip(load(corpus, "label", drop_sensitive=True), load(corpus, "label"), strict=True):
        for name, value, before in zip(ATTRIBUTES, row["label"], plain["label"], strict=True):
            assert value == (-1 if name in SENSITIVE_ATTRIBUTES else before)
        assert not {ATTRIBUTES[index] for index in row["attributes"]} & SENSITIVE_ATTRIBUTES


def test_incomplete_clips_are_left_out_with_a_count_or_are_an_error(
    own_corpus: Corpus, caplog: pytest.LogCaptureFixture
) -> None:
    absent, present = own_corpus.clips
    (own_corpus.root / "txt" / f"{absent}.txt").unlink()
    with caplog.at_level(logging.WARNING):
        assert load(own_corpus)["clip_id"][:] == [present]
    assert f"1 of 2 clips are incomplete: 1 lack txt, such as {absent}" in caplog.text
    assert "prepared earlier" not in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        assert load(own_corpus)["clip_id"][:] == [present], "from the cache"
    told = f"Left out: 1 of 2 clips, which lack a modality, such as {absent}: lacks txt"
    assert f"{own_corpus.root}, prepared earlier: {told}" in caplog.text
    with pytest.raises(MissingModalityError, match="1 lack txt"):
        load(own_corpus, strict=True)
    assert load(own_corpus, modalities=("video",), strict=True).num_rows == 2


def test_a_modality_that_is_absent_altogether_says_what_there_is(own_corpus: Corpus) -> None:
    shutil.rmtree(own_corpus.root / "label")
    with pytest.raises(MissingModalityError, match=r"has no label \(it has: .*video.*modalities"):
        load(own_corpus)


def test_storage_options_reach_the_file_system(corpus: Corpus, tmp_path: Path) -> None:
    """A reference file system has its mapping by storage_options alone."""
    references = {
        f"{folder}/{clip}.txt": [str(corpus.root / folder / f"{clip}.txt")]
        for folder in ("txt", "label")
        for clip in corpus.clips
    }
    (tmp_path / "references.json").write_text(json.dumps(references))
    for options in (
        {"fo": str(tmp_path / "references.json")},
        {"reference": {"fo": str(tmp_path / "references.json")}},
    ):
        streamed = load_dataset(
            "mmvoxceleb", "text", data_dir="reference://", storage_options=options, split="train", streaming=True
        )
        assert [row["text"][0] for row in streamed] == ["Clip 0 says sentence 0.", "Clip 1 says sentence 0.",
                                                        "Clip 3 says sentence 0."]  # fmt: skip


@pytest.mark.parametrize("count", [1, 5, 23, 24, 59, 100, 19_522])
def test_shards_keep_every_clip_in_order_and_divide_well(count: int) -> None:
    clips = [f"{number:05d}" for number in range(count)]
    shards = shards_of(clips)
    assert [clip for shard in shards for clip in shard] == clips
    assert max(map(len, shards)) - min(map(len, shards)) <= 1
    if count >= 24:
        assert all(len(shards) % readers == 0 for readers in (2, 3, 4, 6, 8, 12))


def test_two_clips_with_one_frame_each(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path, clips=2, frames=1)
    assert load(corpus)["frame_indices"][:] == [[0], [0, 1]]


def test_removed_persons_are_not_served(own_corpus: Corpus) -> None:
    from mmvoxceleb.meta.removal_list import add_removals
    from mmvoxceleb.meta.removals import Removals

    gone, kept = own_corpus.clips
    assert load(own_corpus, "text")["clip_id"][:] == [gone, kept]
    add_removals(own_corpus.root, Removals(clip_id=frozenset({gone})))
    assert load(own_corpus, "text")["clip_id"][:] == [kept]

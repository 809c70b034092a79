"""A corpus in which videos have several clips, and readers of it that are not ours."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from datasets import Dataset, load_dataset
from PIL import Image

from mmvoxceleb.schema import ClipId
from tests.support.corpus import Corpus, write_clip

torch = pytest.importorskip("torch")

FRAMES = (40, 37, 45, 33, 41, 6)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Six clips of three videos of three persons, all in the train split; the last clip has six frames only."""
    root = tmp_path_factory.mktemp("videos")
    keys = []
    for number, count in enumerate(FRAMES):
        key = str(ClipId(f"id1000{number // 2}", f"video{number // 2:06d}", f"{number:05d}", 0))
        keys.append(key)
        write_clip(root, key, number, count, person=number // 2)
    return Corpus(root, tuple(keys), FRAMES)


@pytest.fixture(scope="session")
def prepared(videos: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    cache = str(tmp_path_factory.mktemp("prepared"))
    return load_dataset("mmvoxceleb", data_dir=str(videos.root), split="train", cache_dir=cache)


@pytest.fixture(scope="session")
def parquet(prepared: Dataset, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Three shards of two clips."""
    folder = tmp_path_factory.mktemp("parquet")
    paths = [str(folder / f"{shard}.parquet") for shard in range(3)]
    for shard, path in enumerate(paths):
        prepared.shard(3, shard, contiguous=True).to_parquet(path)
    return paths


@pytest.fixture(scope="session")
def frame_of_clip(videos: Corpus) -> Callable[[str, int], np.ndarray]:
    """Read a frame of the corpus with Pillow: uint8 [H, W, 3]."""

    def read(clip_id: str, index: int) -> np.ndarray:
        with Image.open(videos.root / "video" / clip_id / f"{index:07d}.png") as picture:
            return np.asarray(picture.convert("RGB"))

    return read


def planes(tensor: Any) -> np.ndarray:
    """float32 [3, H, W] in 0 to 1, to uint8 [H, W, 3]."""
    return np.asarray((tensor.permute(1, 2, 0) * 255).round().to(torch.uint8))


def picture_bytes(array: np.ndarray, kind: str = "PNG", mode: str | None = None, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array, mode).save(buffer, kind, **options)
    return buffer.getvalue()

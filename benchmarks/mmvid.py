"""The baseline: make a sample as MMVID's ``VoxDataset`` does, operation by operation.

This is rewritten after its source (``mmvid_pytorch/loader_ext.py``, ``attr_mode="mask+text"``, no tokenizer). Pillow
opens every picture whole; it is converted to a float tensor at full size, resized as float, and randomly cropped and
resized again. A further frame, the "visual", is read and transformed in every mode, but not used in this one. The lists
of frames are made once; the folder of masks is listed for every sample.

torchvision is not a dependency here, so its three transforms are written with the torch operations that they consist
of: ``to_tensor`` (copy, permute, contiguous, to float, divide), ``Resize`` and ``RandomResizedCrop`` (bilinear
``interpolate``, skipped if the size is already right; the crop is drawn by torch's generator). ``antialias=True`` is
torchvision's behaviour from 0.17 on; ``antialias=False`` is that of the time when MMVID was written.
"""

import math
import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import interpolate


def to_tensor(image: Image.Image) -> torch.Tensor:
    if image.mode != "RGB":
        image = image.convert("RGB")
    pixels = torch.from_numpy(np.array(image, np.uint8, copy=True))
    return pixels.permute((2, 0, 1)).contiguous().to(torch.get_default_dtype()).div(255)


class VoxDataset(torch.utils.data.Dataset[Any]):
    def __init__(
        self, folder: Path, *, image_size: int = 128, frame_num: int = 8, frame_step: int = 4, antialias: bool = True
    ) -> None:
        self.root, self.size, self.num, self.step = str(folder), image_size, frame_num, frame_step
        self.antialias = antialias
        self.keys = sorted(os.listdir(os.path.join(self.root, "video")))
        self.videos = {key: self._names("video", key) for key in self.keys}

    def _names(self, *folder: str) -> list[str]:
        return [os.path.join(*folder, name) for name in sorted(os.listdir(os.path.join(self.root, *folder)))]

    def __len__(self) -> int:
        return len(self.keys)

    def _resize(self, pictures: torch.Tensor) -> torch.Tensor:
        size = (self.size, self.size)
        if tuple(pictures.shape[-2:]) == size:
            return pictures
        batch = pictures if pictures.ndim == 4 else pictures[None]
        batch = interpolate(batch, size=size, mode="bilinear", align_corners=False, antialias=self.antialias)
        return batch if pictures.ndim == 4 else batch[0]

    def _cut(self, height: int, width: int) -> tuple[int, int, int, int]:
        low, high = torch.log(torch.tensor((1.0, 1.0))).tolist()
        for _ in range(10):
            area = height * width * torch.empty(1).uniform_(0.75, 1.0).item()
            ratio = torch.exp(torch.empty(1).uniform_(low, high)).item()
            cut_width, cut_height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < cut_width <= width and 0 < cut_height <= height:
                top = int(torch.randint(0, height - cut_height + 1, size=(1,)).item())
                left = int(torch.randint(0, width - cut_width + 1, size=(1,)).item())
                return top, left, cut_height, cut_width
        raise AssertionError("a square picture always has room")

    def _transform(self, pictures: torch.Tensor) -> torch.Tensor:
        pictures = self._resize(pictures)
        top, left, height, width = self._cut(pictures.shape[-2], pictures.shape[-1])
        return self._resize(pictures[..., top : top + height, left : left + width])

    def _open(self, *path: str) -> torch.Tensor:
        return to_tensor(Image.open(os.path.join(self.root, *path)))

    def __getitem__(self, index: int) -> tuple[str, torch.Tensor, torch.Tensor]:
        key = self.keys[index]
        paths = self.videos[key]
        start = random.randint(0, len(paths) - (self.num - 1) * self.step - 1)
        chosen = range(start, start + self.num * self.step, self.step)
        frames = self._transform(torch.stack([self._open(paths[number]) for number in chosen], 0))
        self._transform(self._open(paths[random.randint(0, len(paths) - 1)]))  # the visual
        lines = Path(os.path.join(self.root, "txt", f"{key}.txt")).read_text().split("\n")
        sentence = random.choice([line for line in lines if line])
        name = random.choice(os.listdir(os.path.join(self.root, "mask", key)))
        return sentence, frames, self._transform(self._open("mask", key, name)).unsqueeze(0)

"""What MMVID's ``VoxDataset`` does to make a sample, operation by operation, as the yardstick.

Written anew from its documented behaviour (``attr_mode="mask+text"``): every picture is opened whole by Pillow, turned
into a float tensor at full size, resized as float, and randomly cropped and resized again. torchvision is not a
dependency here, so its three transforms are written out with the torch operations that they are made of:
``ToTensor`` (permute, contiguous, divide by 255), ``Resize`` and ``RandomResizedCrop`` (bilinear ``interpolate``, with
``antialias`` as torchvision does from 0.17 on; ``antialias=False`` is what MMVID's own version did).
"""

import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import interpolate


class VoxDataset(torch.utils.data.Dataset[Any]):
    def __init__(
        self, folder: Path, *, image_size: int = 128, frame_num: int = 8, frame_step: int = 4, antialias: bool = True
    ) -> None:
        self.root, self.size, self.num, self.step = folder, image_size, frame_num, frame_step
        self.antialias = antialias
        self.keys = sorted(path.name for path in (folder / "video").iterdir())
        self.frames = {key: sorted((folder / "video" / key).iterdir()) for key in self.keys}

    def __len__(self) -> int:
        return len(self.keys)

    def _to_tensor(self, path: Path) -> torch.Tensor:
        image = Image.open(path)
        if image.mode != "RGB":
            image = image.convert("RGB")
        array = torch.from_numpy(np.array(image, np.uint8, copy=True))
        return array.permute(2, 0, 1).contiguous().to(torch.float32).div(255)

    def _resize(self, pictures: torch.Tensor) -> torch.Tensor:
        batch = pictures if pictures.ndim == 4 else pictures[None]
        size = (self.size, self.size)
        batch = interpolate(batch, size, mode="bilinear", align_corners=False, antialias=self.antialias)
        return batch if pictures.ndim == 4 else batch[0]

    def _transform(self, pictures: torch.Tensor) -> torch.Tensor:
        pictures = self._resize(pictures)
        side = round(math.sqrt(random.uniform(0.75, 1.0)) * self.size)
        top, left = random.randint(0, self.size - side), random.randint(0, self.size - side)
        return self._resize(pictures[..., top : top + side, left : left + side])

    def __getitem__(self, index: int) -> tuple[str, torch.Tensor, torch.Tensor]:
        key = self.keys[index]
        paths = self.frames[key]
        start = random.randint(0, len(paths) - (self.num - 1) * self.step - 1)
        chosen = paths[start : start + self.num * self.step : self.step]
        frames = self._transform(torch.stack([self._to_tensor(path) for path in chosen]))
        self._transform(self._to_tensor(random.choice(paths)))  # the visual, read in every mode
        visual = self._transform(self._to_tensor(random.choice(list((self.root / "mask" / key).iterdir()))))
        lines = (self.root / "txt" / f"{key}.txt").read_text().split("\n")
        return random.choice([line for line in lines if line]), frames, visual[None]

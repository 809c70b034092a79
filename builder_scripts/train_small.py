"""Train a small network to paint a frame from its mask and a sentence, from data to pictures, on a CPU in minutes.

    python builder_scripts/train_small.py                       # the bundled sample
    python builder_scripts/train_small.py --data-dir CORPUS     # any folders or zips of the original files

Writes ``loss.png`` (training and held-out loss), ``results.png`` (mask, true frame, painted frame; above, clips that
were trained on; below, held-out ones) and ``model.safetensors`` into ``--out``. All clips of the bundled sample show
one portrait in motion, so there the held-out clips are new poses, not new faces.
"""

import argparse
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from datasets import load_dataset
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader

from mmvoxceleb import ClipSampler
from mmvoxceleb.schema import NUM_CLASSES, colours_of

VOCABULARY, WORDS = 512, 48


def tokenize(text: str) -> torch.Tensor:
    """Return int64 [48]: hashes of the words, 0 where there is none."""
    words = text.lower().replace(".", " ").replace(",", " ").split()[:WORDS]
    ids = [1 + zlib.crc32(word.encode()) % (VOCABULARY - 1) for word in words]
    return torch.tensor(ids + [0] * (WORDS - len(ids)))


def block(channels_in: int, channels_out: int, stride: int = 1) -> nn.Sequential:
    """Return a convolution with normalisation and activation."""
    return nn.Sequential(nn.Conv2d(channels_in, channels_out, 3, stride, 1), nn.GroupNorm(8, channels_out), nn.SiLU())


class Painter(nn.Module):
    """A U-Net over the mask; the sentence scales and shifts its middle."""

    def __init__(self) -> None:
        super().__init__()
        width = 16
        self.words = nn.EmbeddingBag(VOCABULARY, 64, mode="mean", padding_idx=0)
        self.style = nn.Sequential(nn.Linear(64, 128), nn.SiLU(), nn.Linear(128, 8 * width))
        self.first = block(NUM_CLASSES, width)
        self.down = nn.ModuleList(block(width * i, width * o, 2) for i, o in ((1, 2), (2, 4), (4, 4), (4, 4)))
        self.up = nn.ModuleList(block(width * i, width * o) for i, o in ((8, 4), (8, 2), (4, 1), (2, 1)))
        self.last = nn.Conv2d(width, 3, 3, 1, 1)

    def forward(self, mask: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """Paint: float32 [N, 19, H, W] one-hot masks and int64 [N, 48] tokens to float32 [N, 3, H, W] in 0 to 1."""
        levels = [self.first(mask)]
        for layer in self.down:
            levels.append(layer(levels[-1]))
        scale, shift = self.style(self.words(tokens))[..., None, None].chunk(2, 1)
        x = levels.pop() * (1 + scale) + shift
        for layer in self.up:
            skip = levels.pop()
            x = layer(torch.cat([functional.interpolate(x, size=skip.shape[-2:], mode="nearest"), skip], 1))
        return torch.sigmoid(self.last(x))


def batches(sampler: ClipSampler, batch_size: int, workers: int) -> Iterator[dict[str, Any]]:
    """Go on for ever, one epoch after the other, with other frames, cuts and sentences in each."""
    loader = DataLoader(
        sampler, batch_size, shuffle=True, drop_last=True, num_workers=workers, persistent_workers=workers > 0
    )
    epoch = 0
    while True:
        sampler.set_epoch(epoch)
        yield from loader
        epoch += 1


@torch.inference_mode()
def paint(model: Painter, sampler: ClipSampler, count: int) -> tuple[float, np.ndarray]:
    """Return the mean loss of some samples, and their pictures: uint8 [H, W, 3], one row each."""
    samples = [sampler[index * len(sampler) // count] for index in range(count)]
    batch = torch.utils.data.default_collate(samples)
    painted = model(batch["mask"][:, 0], batch["tokens"])
    truth = batch["frames"][:, 0]
    masks = torch.from_numpy(colours_of(batch["mask"][:, 0].argmax(1).to(torch.uint8).numpy()))
    columns = [masks, *((tensor.permute(0, 2, 3, 1) * 255).round().to(torch.uint8) for tensor in (truth, painted))]
    rows = torch.cat([torch.cat(list(column), 0) for column in columns], 1)
    return float(functional.l1_loss(painted, truth)), rows.numpy()


def write(picture: np.ndarray, text: str, x: int, y: int) -> None:
    """Write small grey text."""
    cv2.putText(picture, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (60, 60, 60), 1, cv2.LINE_AA)


def curve(train: list[float], held_out: list[tuple[int, float]]) -> np.ndarray:
    """Draw the losses: uint8 [360, 640, 3], RGB. Grey: each step; blue: mean of the last 20; orange: held out."""
    picture = np.full((360, 640, 3), 255, np.uint8)
    top = max(train)

    def at(step: int, loss: float) -> tuple[int, int]:
        return 56 + round(564 * step / max(1, len(train) - 1)), 320 - round(290 * loss / top)

    for part in range(5):
        loss = top * part / 4
        cv2.line(picture, at(0, loss), at(len(train) - 1, loss), (225, 225, 225), 1)
        write(picture, f"{loss:.3f}", 6, at(0, loss)[1] + 4)
    means = [float(np.mean(train[max(0, step - 19) : step + 1])) for step in range(len(train))]
    for losses, colour, width in (
        (enumerate(train), (205, 205, 205), 1),
        (enumerate(means), (30, 90, 200), 2),
        (held_out, (230, 120, 20), 2),
    ):
        if points := [at(step, float(loss)) for step, loss in losses]:
            cv2.polylines(picture, [np.array(points, np.int32)], False, colour, width, cv2.LINE_AA)
    text = f"L1 loss by step, 0 to {len(train)}; blue: training{', orange: held out' if held_out else ''}"
    write(picture, text, 56, 346)
    return picture


def main() -> None:
    """Train, check and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", help="folders or zips of the original files; the bundled sample without it")
    parser.add_argument("--out", type=Path, default=Path("train_small_output"))
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    data = load_dataset("mmvoxceleb", "all" if arguments.data_dir else "sample", data_dir=arguments.data_dir)
    settings: dict[str, Any] = {
        "modalities": ("video", "mask", "text"), "num_frames": 1, "frame_step": 1, "mask_at": "every",
        "mask_format": "one_hot", "image_size": arguments.image_size, "tokenizer": tokenize, "seed": arguments.seed,
    }  # fmt: skip
    train = ClipSampler(data["train"], windows=128, crop_scale=(0.75, 1.0), flip=0.5, **settings)
    seen = ClipSampler(data["train"], start="centre", sentences="first", **settings)
    held_out = ClipSampler(data["test"], start="centre", sentences="first", **settings) if "test" in data else None
    model = Painter()
    count = len(held_out.clip_ids) if held_out is not None else "none (there is no split test)"
    print(f"{len(train.clip_ids)} clips to train on, {count} held out")
    print(f"{sum(weights.numel() for weights in model.parameters()):,} weights")
    optimiser = torch.optim.AdamW(model.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, arguments.steps)
    losses: list[float] = []
    checks: list[tuple[int, float]] = []
    begin = time.perf_counter()
    for step, batch in enumerate(batches(train, arguments.batch_size, arguments.workers)):
        if step == arguments.steps:
            break
        loss = functional.l1_loss(model(batch["mask"][:, 0], batch["tokens"]), batch["frames"][:, 0])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
        if step % 50 == 49 or step == 0:
            told = ""
            if held_out is not None:
                checks.append((step, paint(model, held_out, min(4, len(held_out)))[0]))
                told = f"  held out {checks[-1][1]:.4f}"
            rate = (step + 1) * arguments.batch_size / (time.perf_counter() - begin)
            print(f"step {step + 1:4d}  loss {np.mean(losses[-50:]):.4f}{told}  {rate:.0f} samples/s")
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows = [paint(model, sampler, min(3, len(sampler)))[1] for sampler in (seen, held_out) if sampler is not None]
    enlarged = max(1, 128 // arguments.image_size)
    results = np.concatenate(rows).repeat(enlarged, 0).repeat(enlarged, 1)
    for name, picture in (("loss", curve(losses, checks)), ("results", results)):
        cv2.imwrite(str(arguments.out / f"{name}.png"), np.ascontiguousarray(picture[..., ::-1]))
    save_file(model.state_dict(), arguments.out / "model.safetensors")
    print(f"loss {np.mean(losses[:20]):.4f} -> {np.mean(losses[-20:]):.4f}; see {arguments.out / 'results.png'}")


if __name__ == "__main__":
    main()

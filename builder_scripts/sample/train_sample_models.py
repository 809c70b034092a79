"""Train the sample models on generated faces, and measure them on generated persons that they never saw.

    python builder_scripts/sample/train_sample_models.py
    python builder_scripts/sample/train_sample_models.py --measure

One thread, some 15 minutes. It writes mmvoxceleb/sample/models/sample-models.safetensors; put the sha256 that it prints
into processing/sample_models.py. --measure prints the figures of docs/sample-models.md. No picture of a real person
takes part in the training.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from generated_camera import Example, example, mirrored, painted, recorded
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from mmvoxceleb.codecs.masks import read_mask_ids
from mmvoxceleb.processing.drawings import make_drawer
from mmvoxceleb.processing.labels import AttributePredictor
from mmvoxceleb.processing.masks import make_parser
from mmvoxceleb.processing.networks.sample import DRAWING_STEP, MASK_STEP, SampleNetwork
from mmvoxceleb.processing.sample_models import SAMPLE_ATTRIBUTES, sample_weights
from mmvoxceleb.processing.weights import sha256_of
from mmvoxceleb.sample import sample_path
from mmvoxceleb.schema import ATTRIBUTES, CLASSES, NUM_CLASSES, Folder
from mmvoxceleb.stores import open_store

__all__ = ["HELD_OUT_PERSONS", "TRAINING_PERSONS", "Figures", "measure", "measure_portrait", "train"]

TRAINING_PERSONS = (0, 100_000)
HELD_OUT_PERSONS = (100_000, 110_000)
_HELD_OUT_SEED = 1_000_000

_BATCH = 8
_HIGHEST_RATE = 4e-3
_COLUMNS = [ATTRIBUTES.index(name) for name in SAMPLE_ATTRIBUTES]
_RARE = ("l_brow", "r_brow", "l_eye", "r_eye", "ear_r", "mouth", "u_lip", "l_lip", "neck_l", "l_ear", "r_ear", "eye_g")


def _normalised(frames: NDArray[np.uint8]) -> Tensor:
    """Bring uint8 [N, 256, 256, 3] to what the network takes."""
    values = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).float()
    return values.div_(127.5).sub_(1).contiguous(memory_format=torch.channels_last)


def train(steps: int, seed: int = 0, *, report_every: int = 50) -> SampleNetwork:
    """Train for so many batches of new pictures."""
    torch.manual_seed(seed)
    # keeps what attributes need in the deepest features; the attributes' own head is trained at the end
    guide = nn.Sequential(nn.LazyLinear(64), nn.ReLU(), nn.Linear(64, len(SAMPLE_ATTRIBUTES)))
    first = SampleNetwork().context[0]
    assert isinstance(first, nn.Conv2d)
    guide(torch.zeros(1, first.out_channels * 2))
    rng = np.random.default_rng(seed)
    network: SampleNetwork = SampleNetwork().to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # no type
    optimizer = torch.optim.AdamW([*network.parameters(), *guide.parameters()], lr=_HIGHEST_RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _HIGHEST_RATE, total_steps=steps, pct_start=0.1)
    weights = torch.ones(NUM_CLASSES)
    weights[[CLASSES.index(name) for name in _RARE]] = 2.5
    started, sums = time.monotonic(), np.zeros(3)
    before = [painted(_number(seed, 0, place), TRAINING_PERSONS) for place in range(_BATCH // 2)]
    for step in range(1, steps + 1):
        new = [painted(_number(seed, step, place), TRAINING_PERSONS) for place in range(_BATCH // 2)]
        # painting costs as much as learning, so every picture is used again in the next batch, mirrored
        chosen = [*new, *map(mirrored, before)]
        before = new
        batch = [recorded(one, _number(seed, step, place)) for place, one in enumerate(chosen)]
        losses = _losses(network, guide, batch, weights, rng)
        optimizer.zero_grad(set_to_none=True)
        torch.stack(losses).sum().backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        sums += [loss.item() for loss in losses]
        if step % report_every == 0:
            mask, drawing, label = sums / report_every
            print(
                f"{step:>5} of {steps}  {time.monotonic() - started:>5.0f} s  "
                f"mask {mask:.3f}  drawing {drawing:.3f}  attributes {label:.3f}",
                flush=True,
            )
            sums[:] = 0
    return network.eval()


def train_attributes(network: SampleNetwork, pictures: int = 3000, seed: int = 1, epochs: int = 60) -> None:
    """Train the head for the attributes on what the finished rest measures of so many new pictures."""
    measures, labels = [], []
    for number in range(pictures):
        one = example(seed * 10_000_000 + number, TRAINING_PERSONS)
        with torch.inference_mode():
            measures.append(network.measures(_normalised(one.frame[None]))[0].numpy())
        labels.append(one.label)
    inputs, truth = torch.tensor(np.array(measures)), torch.tensor(labels)[:, _COLUMNS]
    torch.manual_seed(seed)
    head = network.attribute_head.train()
    optimizer = torch.optim.AdamW(head.parameters(), lr=2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        for chosen in torch.randperm(pictures).split(64):
            known = truth[chosen] >= 0
            logits = head(inputs[chosen])[known]
            optimizer.zero_grad()
            functional.binary_cross_entropy_with_logits(logits, truth[chosen][known].float()).backward()
            optimizer.step()
        schedule.step()
    head.eval()


def _number(seed: int, step: int, place: int) -> int:
    return seed * 10_000_000 + step * _BATCH + place


def _losses(
    network: SampleNetwork, guide: nn.Module, batch: Sequence[Example], weights: Tensor, rng: np.random.Generator
) -> list[Tensor]:
    """Compute the three losses, of masks and drawings on a part of the places in each cell, others in each step."""
    features = network.encoded(_normalised(np.stack([one.frame for one in batch])))
    decoded = network.decoded(features)
    down, right, lower, further = rng.integers(0, MASK_STEP, 4)
    # two pixels of a mask, which is twice the size of the network's, make a place: one of them by chance
    part = np.s_[2 * down + lower :: 2 * MASK_STEP, 2 * right + further :: 2 * MASK_STEP]
    ids = torch.from_numpy(np.stack([one.ids[part] for one in batch])).long()
    place = np.s_[down * MASK_STEP + right :: MASK_STEP**2]
    mask_bias, drawing_bias = network.mask_head.bias, network.drawing_head.bias
    assert mask_bias is not None
    assert drawing_bias is not None
    logits = functional.conv2d(decoded, network.mask_head.weight[place], mask_bias[place])
    mask = functional.cross_entropy(logits, ids, weights)

    places = rng.choice(DRAWING_STEP**2, 4, replace=False)
    cells = [divmod(int(place), DRAWING_STEP) for place in places]
    parts = [[one.drawing[y::DRAWING_STEP, x::DRAWING_STEP] for y, x in cells] for one in batch]
    drawings = torch.from_numpy(np.array(parts)).float() / 255
    stem, head = network.drawing_stem(decoded), network.drawing_head
    lines = functional.conv2d(stem, head.weight[places], drawing_bias[places], padding=1)
    ink = 1 + 4 * (1 - drawings)
    drawing = functional.binary_cross_entropy_with_logits(lines, drawings, ink)
    drawing = drawing + (ink * (lines.sigmoid() - drawings).abs()).mean()

    labels = torch.tensor([one.label for one in batch])[:, _COLUMNS]
    known = labels >= 0
    pooled = torch.cat([features[-1].mean((2, 3)), features[-1].amax((2, 3))], dim=1)
    attributes = guide(pooled)[known]
    label = functional.binary_cross_entropy_with_logits(attributes, labels[known].float())
    return [mask, drawing, 0.5 * label]


class Figures:
    """How well the parts of held-out pictures are told, collected picture by picture."""

    def __init__(self) -> None:
        self.confusion = np.zeros((NUM_CLASSES, NUM_CLASSES), np.int64)
        self.drawing_errors: list[float] = []
        self.drawn_right = np.zeros(2, np.int64)
        self.found = np.zeros(2, np.int64)
        self.right = np.zeros(len(SAMPLE_ATTRIBUTES), np.int64)
        self.commonest = np.zeros((2, len(SAMPLE_ATTRIBUTES)), np.int64)

    def add(
        self, truth: Example, ids: NDArray[np.uint8], drawing: NDArray[np.uint8], probabilities: NDArray[np.float32]
    ) -> None:
        """Compare a picture's truth with uint8 [512, 512] classes and drawing and float [40] probabilities."""
        self.add_mask(truth.ids, ids)
        self.drawing_errors.append(float(np.abs(drawing.astype(int) - truth.drawing).mean()))
        dark, wanted = drawing < 128, truth.drawing < 128
        near = [cv2.dilate(lines.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0 for lines in (dark, wanted)]
        self.drawn_right += ((dark & near[1]).sum(), dark.sum())
        self.found += ((wanted & near[0]).sum(), wanted.sum())
        label = np.array(truth.label)[_COLUMNS]
        known, told = label >= 0, probabilities[_COLUMNS] > 0.5
        self.right += known & (told == label)
        self.commonest += np.stack([known & (label == 0), known & (label == 1)])

    def add_mask(self, truth: NDArray[np.uint8], ids: NDArray[np.uint8]) -> None:
        """Compare uint8 [512, 512] classes."""
        pairs = truth.ravel().astype(np.int64) * NUM_CLASSES + ids.ravel()
        self.confusion += np.bincount(pairs, minlength=NUM_CLASSES**2).reshape(NUM_CLASSES, NUM_CLASSES)

    @property
    def pixel_accuracy(self) -> float:
        """Share of pixels with the true class."""
        return float(np.trace(self.confusion) / self.confusion.sum())

    @property
    def iou(self) -> NDArray[np.float64]:
        """Intersection over union of each class; NaN where it is nowhere."""
        both = np.diag(self.confusion).astype(float)
        either = self.confusion.sum(0) + self.confusion.sum(1) - both
        with np.errstate(invalid="ignore"):
            return np.asarray(both / either)

    @property
    def mean_iou(self) -> float:
        """Mean over the classes that are there."""
        return float(np.nanmean(self.iou))

    @property
    def drawing_error(self) -> float:
        """Mean difference of drawings in grey levels."""
        return float(np.mean(self.drawing_errors))

    @property
    def line_precision(self) -> float:
        """Share of dark pixels of the drawings that are within 2 pixels of a true line."""
        return float(self.drawn_right[0] / max(1, self.drawn_right[1]))

    @property
    def line_recall(self) -> float:
        """Share of true dark pixels that are within 2 pixels of a drawn one."""
        return float(self.found[0] / max(1, self.found[1]))

    @property
    def attribute_accuracy(self) -> float:
        """Share of the known attributes that are told rightly."""
        return float(self.right.sum() / self.commonest.sum())

    def print_masks(self) -> None:
        """Say how good the masks are."""
        print(f"masks      mean IoU {self.mean_iou:.3f}, pixel accuracy {self.pixel_accuracy:.3f}")
        print("  " + ", ".join(f"{name} {value:.2f}" for name, value in zip(CLASSES, self.iou, strict=True)))

    def print(self) -> None:
        """Say everything."""
        self.print_masks()
        print(
            f"drawings   {self.drawing_error:.1f} of 255 grey levels; lines within 2 px: precision "
            f"{self.line_precision:.3f}, recall {self.line_recall:.3f}"
        )
        blind = self.commonest.max(0).sum() / self.commonest.sum()
        print(
            f"attributes {self.attribute_accuracy:.3f} right; always predicting the more common value gives {blind:.3f}"
        )
        accuracy, base = self.right / self.commonest.sum(0), self.commonest.max(0) / self.commonest.sum(0)
        print(
            "  "
            + ", ".join(f"{n} {a:.2f} ({b:.2f})" for n, a, b in zip(SAMPLE_ATTRIBUTES, accuracy, base, strict=True))
        )


def measure(count: int = 100, seed: int = _HELD_OUT_SEED) -> Figures:
    """Measure the shipped models on pictures of persons that no training picture showed."""
    figures, parse, draw = Figures(), make_parser("sample", device="cpu"), make_drawer("sample", device="cpu")
    predict = AttributePredictor("sample", device="cpu")
    for number in range(count):
        truth = example(seed + number, HELD_OUT_PERSONS)
        frame = truth.frame[None]
        figures.add(truth, parse(frame)[0], draw(frame)["style1"][0], predict(frame)[0])
    return figures


def measure_portrait() -> Figures:
    """Measure the masks on the bundled portrait of a real person, against the masks that were drawn by hand."""
    store, figures, parse = open_store(sample_path()), Figures(), make_parser("sample", device="cpu")
    for clip in store.clips(Folder("mask")):
        frames = {entry.name: entry for entry in store.entries(Folder("video"), clip)}
        entries = store.entries(Folder("mask"), clip)
        pictures = store.read(Folder("video"), clip, [frames[entry.name] for entry in entries])
        for entry, mask, data in zip(entries, store.read(Folder("mask"), clip), pictures, strict=True):
            frame = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)[..., ::-1]
            figures.add_mask(read_mask_ids(mask, clip_id=clip, name=entry.name), parse(frame[None])[0])
    return figures


def main() -> None:
    """Train, write, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=sample_weights(), help="file to write (default: the package's)")
    parser.add_argument("--steps", type=int, default=1200, help=f"batches of {_BATCH} pictures")
    parser.add_argument("--measure", action="store_true", help="only measure the models of the package")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if not options.measure:
        network = train(options.steps)
        train_attributes(network)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        save_file({name: value.contiguous() for name, value in network.state_dict().items()}, options.out)
        print(f"{options.out}: {options.out.stat().st_size:,} bytes, sha256 {sha256_of(options.out)}")
        print("put the sha256 into processing/sample_models.py, and measure with --measure")
        return
    print("100 generated pictures of persons who are not in the training data")
    measure().print()
    print("the bundled portrait of a real person")
    measure_portrait().print_masks()


if __name__ == "__main__":
    main()

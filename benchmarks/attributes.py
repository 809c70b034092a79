"""Measure frames and clips per second of the attribute predictor, against the machine's rate of matrix products.

    python benchmarks/attributes.py [--device cpu] [--frames 32]

The weights are random, because the speed does not depend on them; the frames are noise of 256 x 256 px. Batch sizes
take turns, three times each. FaRL's ViT-B/16 takes 35.1 GFLOP per frame (17.6 G multiply-adds), so the rate of plain
matrix products on the same device, measured in the same run, gives the limit.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from mmvoxceleb.processing.labels import AttributePredictor
from mmvoxceleb.processing.networks.farl import FaRLAttributes

FRAMES_OF_A_CLIP = 16
TOKENS, WIDTH, LAYERS = 197, 768, 12
FLOP = 2 * (
    196 * 768 * WIDTH + LAYERS * (TOKENS * WIDTH * 12 * WIDTH + 2 * TOKENS * TOKENS * WIDTH)
)  # patches, then projections and the MLP, then the two products of attention
POINTS = np.array([[101, 121], [150, 122], [124, 151], [101, 177], [149, 176]], np.float32)


def random_checkpoint(folder: str) -> Path:
    """Save a network with torch's own initial weights in the published layout."""
    torch.manual_seed(0)
    path = Path(folder) / "random.pt"
    torch.save(FaRLAttributes().state_dict(), path)
    return path


def synchronize(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def matrix_rate(device: str, dtype: torch.dtype) -> float:
    """FLOP per second of products of the shape that dominates the network, best of five."""
    a = torch.randn(TOKENS * 16, WIDTH, device=device, dtype=dtype)
    b = torch.randn(WIDTH, 4 * WIDTH, device=device, dtype=dtype)
    best = 0.0
    for _ in range(5):
        synchronize(device)
        start = time.perf_counter()
        for _ in range(4):
            a @ b
        synchronize(device)
        best = max(best, 4 * 2 * a.shape[0] * WIDTH * 4 * WIDTH / (time.perf_counter() - start))
    return best


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--frames", type=int, default=16)
    options = parser.parse_args()
    frames = np.random.default_rng(0).integers(0, 256, (options.frames, 256, 256, 3), dtype=np.uint8)
    points = np.repeat(POINTS[None], options.frames, 0)
    with tempfile.TemporaryDirectory() as folder:
        path = random_checkpoint(folder)
        predictors = {
            size: AttributePredictor(path, device=options.device, precision=options.precision, batch_size=size)
            for size in ((1,) if options.device == "cpu" else (1, 4, 16))  # a CPU takes one frame at a time
        }
        seconds: dict[int, list[float]] = {size: [] for size in predictors}
        for predictor in predictors.values():
            predictor(frames[:1], points[:1])
        rates = []
        precision = predictor.settings()["precision"]
        for _ in range(3):
            for size, predictor in predictors.items():
                synchronize(options.device)
                start = time.perf_counter()
                predictor(frames, points)
                seconds[size].append(time.perf_counter() - start)
            dtype = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
            rates.append(matrix_rate(options.device, dtype[precision]))
    limit = max(rates) / FLOP
    print(
        f"{options.device}, {precision}, torch {torch.__version__}, {torch.get_num_threads()} threads; random weights"
    )
    print(f"matrix products: {max(rates) / 1e9:,.0f} GFLOP/s, so at most {limit:.2f} frames/s\n")
    print("| batch | frames/s, alignment included | clips/s of 16 frames | share of the limit | spread (max/min) |")
    print("| --- | --- | --- | --- | --- |")
    for size, times in seconds.items():
        rate = options.frames / statistics.median(times)
        spread = max(times) / min(times)
        print(f"| {size} | {rate:.2f} | {rate / FRAMES_OF_A_CLIP:.3f} | {rate / limit:.0%} | {spread:.2f} |")


if __name__ == "__main__":
    main()

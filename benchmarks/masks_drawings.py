"""Masks and drawings, from PNG frames to PNG results: ours against the computation of the original scripts.

    python benchmarks/masks_drawings.py                      # masks and drawings on this machine's CPU
    python benchmarks/masks_drawings.py --what masks --rounds 5
    python benchmarks/masks_drawings.py --what gpu           # frames/s by batch size and precision, needs CUDA
    python benchmarks/masks_drawings.py --what open          # the open drawer beside the published drawing network
    python benchmarks/masks_drawings.py --what png           # PNG writers

Both sides use the same weights (the recipe of the tests), take turns in one process, and are checked to agree.
"""

import argparse
import importlib.util
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2
import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from mmvoxceleb.processing.drawings import DrawStage, OpenDrawer, PortraitDrawer
from mmvoxceleb.processing.engines.local import run_local
from mmvoxceleb.processing.engines.work import Work
from mmvoxceleb.processing.masks import FaceParser, MaskStage
from mmvoxceleb.processing.networks.bisenet import BiSeNet
from mmvoxceleb.processing.networks.portrait import PortraitGenerator
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.processing.source import StoredClips
from mmvoxceleb.processing.weights import fit_state_dict, load_state_dict
from mmvoxceleb.schema import CLASSES, PALETTE
from mmvoxceleb.stores import open_store
from tests.support.pseudo_weights import fill, picture, read_keys

CLIP_FRAMES = 2
"""Frames of a clip. Several clips, for reading and writing overlap with the network from clip to clip."""
Side = Callable[[Path, Path], None]


def original_masks(weights: Path) -> Side:
    """One frame at a time, three heads at full size, argmax by numpy, colours painted class by class."""
    network = BiSeNet()
    fit_state_dict(network, load_state_dict(weights))
    network.eval()
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))

    def run(store: Path, out: Path) -> None:
        with torch.no_grad():
            for path in sorted((store / "video").glob("*/*.png")):
                target = out / "mask" / path.parent.name
                target.mkdir(parents=True, exist_ok=True)
                image = np.asarray(Image.open(path).resize((512, 512), Image.Resampling.BILINEAR))
                values = torch.from_numpy(image.transpose(2, 0, 1).copy()).float().div(255).sub(mean).div(std)[None]
                heads = [
                    functional.interpolate(logits, (512, 512), mode="bilinear", align_corners=True)
                    for logits in network.forward_with_auxiliary(values)
                ]
                ids = heads[0].squeeze(0).cpu().numpy().argmax(0)
                canvas = np.zeros((512, 512, 3)) + 255
                for number in range(1, int(ids.max()) + 1):
                    rows, columns = np.where(ids == number)
                    canvas[rows, columns] = PALETTE[number][::-1]
                cv2.imwrite(str(target / path.name), canvas.astype(np.uint8))

    return run


def original_drawings(weights: Path) -> Side:
    """One frame at a time, three styles each from the picture on, one of them kept."""
    network = PortraitGenerator()
    fit_state_dict(network, load_state_dict(weights))

    def run(store: Path, out: Path) -> None:
        with torch.no_grad():
            for path in sorted((store / "video").glob("*/*.png")):
                target = out / "draw" / "style1" / path.parent.name
                target.mkdir(parents=True, exist_ok=True)
                image = np.asarray(Image.open(path).resize((512, 512), Image.Resampling.BILINEAR))
                values = torch.from_numpy(image.transpose(2, 0, 1).copy()).float().div(255).sub(0.5).div(0.5)[None]
                drawings = [network(values, style) for style in range(3)]
                grey = (drawings[0][0, 0].numpy() + 1) / 2.0 * 255.0
                cv2.imwrite(str(target / path.name), grey.astype(np.uint8))

    return run


def ours(stage: Any) -> Side:
    """The local engine with one stage, as the command line runs it."""
    stage.teardown = lambda: None  # keep the model between rounds, as a long run does
    stage.setup()

    def run(store: Path, out: Path) -> None:
        summary = run_local(Work(StoredClips(open_store(store)), StoreWriter(out), [stage]))
        summary.raise_if_failed()
        steps.append(summary.seconds_by_step)

    steps: list[dict[str, float]] = []
    run.steps = steps  # type: ignore[attr-defined]  # a function carries what its caller prints
    return run


def installed_backends() -> list[str]:
    """List ncnn first where it is installed, for it is what ``auto`` takes then."""
    return [*(["ncnn"] if importlib.util.find_spec("ncnn") else []), "torch"]


def compare(name: str, frames: int, rounds: int, sides: dict[str, Side], apart: Callable[[Any, Any], str]) -> Any:
    """Let the sides take turns and print seconds a frame; the first side is the original."""
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    with tempfile.TemporaryDirectory() as scratch:
        store = Path(scratch) / "store"
        for index in range(frames):
            frame = np.roll(picture(index % 3), index * 5, axis=1)
            clip = store / "video" / f"id10001#AbCdEfGhIjK#{index // CLIP_FRAMES + 1:05d}.txt#000.mp4"
            clip.mkdir(parents=True, exist_ok=True)
            Image.fromarray(frame).save(clip / f"{index:07d}.png")
        for number in range(rounds + 1):  # the first one warms up
            for side, run in sides.items():
                start = time.perf_counter()
                run(store, Path(scratch) / f"{side}-{number}")
                if number:
                    seconds[side].append((time.perf_counter() - start) / frames)
        agreement = {
            side: apart(Path(scratch) / f"{next(iter(sides))}-0", Path(scratch) / f"{side}-0") for side in sides
        }
    first = next(iter(seconds))
    print(f"\n{name}: {frames} frames, {rounds} rounds, seconds a frame\n")
    print("| | median | least | original / this, median of rounds | result |\n| --- | --- | --- | --- | --- |")
    for side, values in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(seconds[first], values, strict=True))
        print(f"| {side} | {statistics.median(values):.3f} | {min(values):.3f} | {ratio:.2f} | {agreement[side]} |")
    for side, run in sides.items():
        for step in getattr(run, "steps", ())[-1:]:
            print(
                f"\n{side}, a frame: "
                + ", ".join(f"{key} {1e3 * value / frames:.1f} ms" for key, value in step.items())
            )
    sys.stdout.flush()
    return seconds


def read_all(folder: Path) -> Any:
    return np.stack([np.asarray(Image.open(path)) for path in sorted(folder.glob("*/*.png"))])


def masks_apart(original: Path, other: Path) -> str:
    expected, ids = read_all(original / "mask"), read_all(other / "mask")
    equal = (expected == (PALETTE[ids] if ids.ndim == 3 else ids)).all(axis=-1).mean()
    return f"{equal:.4%} of pixels equal"


def drawings_apart(original: Path, other: Path) -> str:
    first, second = (read_all(root / "draw" / "style1").astype(int) for root in (original, other))
    return f"{(abs(first - second) <= 1).mean():.4%} at most 1 grey level apart"


def measure_gpu(weights: Path) -> None:
    """Print frames/s by batch size and precision, arrays in and out, and the agreement with fp32."""
    frames = np.stack([np.roll(picture(index % 3), index, axis=0) for index in range(128)])
    for name, make in (
        ("masks", lambda **options: FaceParser(weights / "79999_iter.pth", "cuda", **options)),
        ("drawings", lambda **options: PortraitDrawer(weights / "200_net_G_A.pth", device="cuda", **options)),
    ):
        exact = None
        print(f"\n{name} on {torch.cuda.get_device_name()}, frames/s\n")
        print("| precision | compiled | batch | frames/s | against fp32 |\n| --- | --- | --- | --- | --- |")
        for precision in ("fp32", "fp16", "bf16"):
            for compile_ in (False, True):
                for batch in (4, 16, 64):
                    model = make(precision=precision, compile=compile_, batch_size=batch)
                    model(frames[:batch])
                    start = time.perf_counter()
                    result = model(frames)
                    rate = len(frames) / (time.perf_counter() - start)
                    array = (result["style1"] if isinstance(result, dict) else result).astype(int)
                    exact = array if exact is None else exact
                    same = f"{(array == exact).mean():.3%} equal, mean |difference| {abs(array - exact).mean():.3f}"
                    print(f"| {precision} | {compile_} | {batch} | {rate:.0f} | {same} |")


def measure_png() -> None:
    """Print time and size of PNG writers on a smooth mask and a drawing of 512 px."""
    import io

    small = np.zeros((64, 64), np.uint8)
    for number in range(1, len(CLASSES)):
        cv2.ellipse(small, (8 + number * 5 % 50, 6 + number * 11 % 50), (9, 5), number * 20, 0, 360, number, -1)
    ids = cv2.resize(small, (512, 512), interpolation=cv2.INTER_NEAREST)
    lines = np.full((512, 512), 250, np.uint8)
    for points in np.random.default_rng(0).integers(0, 512, (60, 4, 2)):
        cv2.polylines(lines, [points], False, 30, 2, cv2.LINE_AA)
    colours = np.ascontiguousarray(PALETTE[ids])

    def by_pillow(palette: bool = False, **options: Any) -> Callable[[Any], bytes]:
        def encode(array: Any) -> bytes:
            image = Image.fromarray(array)
            if palette:
                image.putpalette(PALETTE.tobytes())
            buffer = io.BytesIO()
            image.save(buffer, "PNG", **options)
            return buffer.getvalue()

        return encode

    def by_cv2(*options: int) -> Callable[[Any], bytes]:
        return lambda array: cv2.imencode(".png", array, options)[1].tobytes()

    writers: list[tuple[str, str, Any, Callable[[Any], bytes]]] = [
        ("palette mask", "Pillow", ids, by_pillow(True)),
        *(("palette mask", f"Pillow level {n}", ids, by_pillow(True, compress_level=n)) for n in (1, 3)),
        ("colour mask", "Pillow", colours, by_pillow()),
        ("colour mask", "Pillow level 1", colours, by_pillow(compress_level=1)),
        ("colour mask", "OpenCV", colours, by_cv2()),
        ("drawing", "Pillow", lines, by_pillow()),
        ("drawing", "Pillow level 1", lines, by_pillow(compress_level=1)),
        ("drawing", "OpenCV", lines, by_cv2()),
        ("drawing", "OpenCV level 1", lines, by_cv2(cv2.IMWRITE_PNG_COMPRESSION, 1)),
    ]
    try:
        import imagecodecs

        for what, array in (("colour mask", colours), ("drawing", lines)):
            writers.append((what, "imagecodecs level 1", array, lambda a: bytes(imagecodecs.png_encode(a, 1))))
    except ImportError:
        print("imagecodecs is not installed: left out")
    try:
        import fpng

        writers.append(("colour mask", "fpng", colours, lambda a: bytes(fpng.from_ndarray(a))))
    except ImportError:
        print("fpng is not installed: left out")
    print("\n| picture | writer | ms | kB |\n| --- | --- | --- | --- |")
    for what, name, array, encode in writers:
        data = encode(array)
        times = []
        for _ in range(15):
            start = time.perf_counter()
            encode(array)
            times.append(time.perf_counter() - start)
        print(f"| {what} | {name} | {1e3 * statistics.median(times):.2f} | {len(data) / 1e3:.1f} |")


def measure_samplers() -> None:
    """Print the time of what the open drawer does most, by torch and by OpenCV: bilinear samples at every pixel."""
    rng = np.random.default_rng(0)
    values = rng.random((512, 512), np.float32)
    places = np.stack(np.meshgrid(np.arange(512), np.arange(512)), -1).astype(np.float32) + rng.random((512, 512, 2))
    tensor, grid = torch.from_numpy(values)[None, None], torch.from_numpy(places / 256 - 1).float()[None]
    x, y = (np.ascontiguousarray(places[..., axis], np.float32) for axis in (0, 1))
    ways: dict[str, Callable[[], Any]] = {
        "torch": lambda: functional.grid_sample(tensor, grid, padding_mode="border", align_corners=False),
        "OpenCV": lambda: cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
    }
    print("\n| 512 x 512 bilinear samples | ms, least of 20 |\n| --- | --- |")
    for name, way in ways.items():
        times = []
        for _ in range(20):
            start = time.perf_counter()
            way()
            times.append(time.perf_counter() - start)
        print(f"| {name} | {1e3 * min(times):.2f} |")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--what", choices=("masks", "drawings", "open", "gpu", "png", "cpu"), default="cpu")
    options.add_argument("--frames", type=int, help="frames a round; 8 for masks and 2 for drawings by default")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--no-compile", action="store_true", help="leave the compiled variants out")
    chosen = options.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {os.cpu_count()} cores, {platform.machine()}")
    print("load before:", json.dumps([round(value, 2) for value in os.getloadavg()]))
    if chosen.what == "png":
        measure_png()
        return
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder)
        torch.save(fill(read_keys("bisenet")), weights / "79999_iter.pth")
        torch.save(fill(read_keys("drawing")), weights / "200_net_G_A.pth")
        if chosen.what == "gpu":
            measure_gpu(weights)
            return
        variants: dict[str, dict[str, Any]] = {f"ours, {name}": {"backend": name} for name in installed_backends()}
        if not chosen.no_compile:
            variants["ours, torch, compiled"] = {"compile": True}
        if chosen.what in ("masks", "cpu"):
            path = weights / "79999_iter.pth"
            sides = {"original": original_masks(path)}
            for name, settings in variants.items():
                sides[name] = ours(MaskStage(FaceParser(path, "cpu", **settings), stride=1))
            compare("masks", chosen.frames or 8, chosen.rounds, sides, masks_apart)
        if chosen.what in ("drawings", "cpu"):
            path = weights / "200_net_G_A.pth"
            sides = {"original": original_drawings(path)}
            for name, settings in variants.items():
                sides[name] = ours(DrawStage(PortraitDrawer(path, device="cpu", **settings), stride=1))
            compare("drawings", chosen.frames or 2, chosen.rounds, sides, drawings_apart)
        if chosen.what == "open":
            published = PortraitDrawer(weights / "200_net_G_A.pth", device="cpu")
            sides = {f"published network, {published.backend}": ours(DrawStage(published, stride=1))}
            for styles in (("lines",), ("sketch",), ("lines", "sketch")):
                drawer = OpenDrawer(styles, device="cpu")
                sides[f"open, {'+'.join(styles)}"] = ours(DrawStage(drawer, stride=1))
            compare("open drawings", chosen.frames or 2, chosen.rounds, sides, lambda *_: "another drawing")
            measure_samplers()


if __name__ == "__main__":
    main()

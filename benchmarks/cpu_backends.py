"""What computes the networks fastest on a CPU, and how well: torch, ncnn and OpenVINO in fp32, bf16 and int8.

    python -m pip install openvino nncf
    python benchmarks/cpu_backends.py VIDEO... --network masks --precision fp32,bf16,int8

Processor time of the network alone, one thread: the median over pictures taken in turns by all ways. Quality is what
comes out of the pictures against torch in fp32. The pictures are the largest face of frames of the videos, cut out as a
square; the sample networks see the frames of the sample dataset instead.

Published weights are not needed. Those of masks, drawings and attributes are made by the recipe of the tests; classes
then lie close together, so that less rounding flips a pixel than in a trained network. The sample networks are trained.
int8 is NNCF's quantisation after training, of weights and activations, by other pictures than the measured ones.
ncnn's int8 needs its own command line tools and is not here. ncnn does not compute attributes, or the sample networks.
"""

import argparse
import copy
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import av
import ncnn
import numpy as np
import openvino
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

from mmvoxceleb.modalities import VIDEO
from mmvoxceleb.processing.detectors import open_detector
from mmvoxceleb.processing.labels.alignment import align_faces
from mmvoxceleb.processing.networks.bisenet import BiSeNet
from mmvoxceleb.processing.networks.farl import FaRLAttributes
from mmvoxceleb.processing.networks.ncnn_networks import NcnnPortrait, ncnn_bisenet
from mmvoxceleb.processing.networks.portrait import PortraitGenerator
from mmvoxceleb.processing.sample_models import load_sample_network
from mmvoxceleb.sample import sample_path
from mmvoxceleb.stores import open_store
from mmvoxceleb.stores.clip import StoredClip
from tests.support.farl_recipe import state_dict
from tests.support.pseudo_weights import fill, read_keys

Way = Callable[[torch.Tensor], torch.Tensor]
Judge = Callable[[list[torch.Tensor], list[torch.Tensor]], str]


class Method(torch.nn.Module):
    """One of several computations of a network, as a network."""

    def __init__(self, network: torch.nn.Module, compute: Callable[[Any, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.network = network
        self.compute = compute

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.compute(self.network, pictures)


@dataclass(frozen=True)
class Subject:
    """A network, what it is shown, and what compares its results.

    Args:
        network: In fp32, ready for inference.
        pictures: One [1, 3, H, W] each, normalised.
        judge: Compares results with those wanted.
        by_ncnn: Builds it for ncnn.
        fp32_part: What stays in fp32 when torch takes bf16.
    """

    network: torch.nn.Module
    pictures: list[torch.Tensor]
    judge: Judge
    by_ncnn: Callable[[], Way] | None = None
    fp32_part: Callable[[Any], torch.nn.Module] | None = None


def same_classes(wanted: list[torch.Tensor], found: list[torch.Tensor]) -> str:
    def classes(logits: torch.Tensor) -> torch.Tensor:
        return functional.interpolate(logits, (512, 512), mode="bilinear", align_corners=True).argmax(1)

    shares = [float((classes(a) == classes(b)).float().mean()) for a, b in zip(wanted, found, strict=True)]
    return f"{statistics.mean(shares):.3%} of pixels equal, at least {min(shares):.3%}"


def same_greys(span: float) -> Judge:
    def judge(wanted: list[torch.Tensor], found: list[torch.Tensor]) -> str:
        apart = [((a - b) * 255 / span).abs() for a, b in zip(wanted, found, strict=True)]
        close = statistics.mean(float((one <= 1).float().mean()) for one in apart)
        return f"{close:.2%} within 1 grey level; mean {float(torch.cat(apart).mean()):.2f}"

    return judge


def same_probabilities(wanted: list[torch.Tensor], found: list[torch.Tensor]) -> str:
    a, b = torch.cat(wanted).sigmoid(), torch.cat(found).sigmoid()
    apart, flips = (a - b).abs(), (a > 0.5) != (b > 0.5)
    largest, mean = float(apart.max()), float(apart.mean())
    return f"largest {largest:.4f}, mean {mean:.4f}; {int(flips.sum())} of {flips.numel()} labels differ"


def frames_of(video: str, count: int) -> list[NDArray[np.uint8]]:
    """Take frames from all over a video."""
    with av.open(video) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return [frames[place] for place in np.linspace(0, len(frames) - 1, count).astype(int)]


def faces_of(videos: list[str], count: int) -> tuple[list[NDArray[np.uint8]], list[NDArray[np.float32]]]:
    """Cut out squares of 256 px around the largest face, video after video in turns, and find its five points."""
    detector = open_detector("yunet")
    per_video = [frames_of(video, -(-count // len(videos))) for video in videos]
    faces, points = [], []
    for frame in [frame for turn in zip(*per_video, strict=True) for frame in turn][:count]:
        face = max(detector.detect([frame])[0], key=lambda found: found.area_px)
        left, top, right, bottom = face.box_xyxy_px
        side = 1.7 * max(right - left, bottom - top)
        corner = np.array([left + right - side, top + bottom - side]) / 2
        box = (*corner, *(corner + side))
        square = Image.fromarray(frame).transform((256, 256), Image.Transform.EXTENT, box, Image.Resampling.BILINEAR)
        faces.append(np.asarray(square))
        assert face.landmarks_px is not None
        points.append(((face.landmarks_px - corner) * 256 / side).astype(np.float32))
    return faces, points


def sample_frames(count: int) -> list[NDArray[np.uint8]]:
    """Take frames from all clips of the sample dataset in turns."""
    store = open_store(sample_path())
    clips = [StoredClip(store, clip) for clip in store.clips(VIDEO.folder())]
    found: list[NDArray[np.uint8]] = []
    for place, clip in islice(cycle(enumerate(clips)), count):
        names = clip.frames(VIDEO.folder())
        (data,) = clip.read(VIDEO.folder(), [names[(7 * len(found) + place) % len(names)]])
        found.append(np.asarray(Image.open(BytesIO(data)).convert("RGB")))
    return found


def normalised(
    frame: NDArray[np.uint8], size: int, mean: tuple[float, ...] = (0.5,) * 3, std: tuple[float, ...] = (0.5,) * 3
) -> torch.Tensor:
    resized = np.asarray(Image.fromarray(frame).resize((size, size), Image.Resampling.BILINEAR), np.float32) / 255
    values = (resized - np.array(mean, np.float32)) / np.array(std, np.float32)
    return torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1)[None]))


def subject_of(name: str, videos: list[str], count: int) -> Subject:
    """Build a network and its pictures."""
    if name.startswith("sample-"):
        network, frames = load_sample_network(), sample_frames(count)
        pictures = [normalised(frame, 256) for frame in frames]
        if name == "sample-masks":
            return Subject(Method(network, lambda net, x: net.mask(x)), pictures, same_classes)
        if name == "sample-drawings":
            return Subject(Method(network, lambda net, x: net.drawing(x)), pictures, same_greys(1))
        attributes = Method(network, lambda net, x: net.attributes(x))
        return Subject(attributes, pictures, same_probabilities, fp32_part=lambda net: net.network.attribute_head)
    faces, points = faces_of(videos, count)
    if name == "masks":
        parser = BiSeNet()
        parser.load_state_dict(fill(read_keys("bisenet")), strict=False)
        folded = parser.eval().fold()
        pictures = [normalised(face, 512, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)) for face in faces]
        return Subject(folded, pictures, same_classes, lambda: ncnn_bisenet(folded))
    if name == "drawings":
        portrait = PortraitGenerator()
        portrait.load_state_dict(fill(read_keys("drawing")), strict=False)
        drawing = Method(portrait.eval(), lambda net, x: net(x, 0))
        pictures = [normalised(face, 512) for face in faces]
        return Subject(drawing, pictures, same_greys(2), lambda: _ncnn_drawing(portrait))
    farl = FaRLAttributes()
    farl.load_state_dict(state_dict())
    pictures = [
        align_faces(torch.from_numpy(face[None].copy()), place[None]) for face, place in zip(faces, points, strict=True)
    ]
    return Subject(farl.eval(), pictures, same_probabilities)


def _ncnn_drawing(portrait: PortraitGenerator) -> Way:
    built = NcnnPortrait(portrait)
    return lambda x: built.decode(built.encode(x), 0)


def by_torch(subject: Subject, dtype: torch.dtype) -> Way:
    network = copy.deepcopy(subject.network).to(dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if subject.fp32_part is not None:
        subject.fp32_part(network).float()
    return lambda x: network(x.to(dtype, memory_format=torch.channels_last)).float()


def by_ncnn_in_bf16(build: Callable[[], Way]) -> Way:
    class Net(ncnn.Net):  # type: ignore[misc]
        def load_param_mem(self, text: str) -> int:
            self.opt.use_bf16_storage = True
            return int(super().load_param_mem(text))

    with mock.patch.object(ncnn, "Net", Net):
        return build()


def by_openvino(model: Any, hint: str) -> Way:
    options = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": hint}
    compiled = openvino.Core().compile_model(model, "CPU", options)
    return lambda x: torch.from_numpy(np.array(compiled(x.numpy())[0], np.float32))


def quantised(model: Any, pictures: list[torch.Tensor], is_transformer: bool) -> Any:
    import nncf

    kind = nncf.ModelType.TRANSFORMER if is_transformer else None
    data = nncf.Dataset([picture.numpy() for picture in pictures])
    return nncf.quantize(model, data, subset_size=len(pictures), model_type=kind)


def ways_of(subject: Subject, precisions: list[str], calibration: list[torch.Tensor]) -> dict[str, Way]:
    ways: dict[str, Way] = {"torch fp32": by_torch(subject, torch.float32)}
    with torch.no_grad():
        model = openvino.convert_model(subject.network, example_input=subject.pictures[0])
    if subject.by_ncnn is not None:
        ways["ncnn fp32"] = subject.by_ncnn()
    if "fp32" in precisions:
        ways["OpenVINO fp32"] = by_openvino(model, "f32")
    if "bf16" in precisions:
        ways["torch bf16"] = by_torch(subject, torch.bfloat16)
        if subject.by_ncnn is not None:
            ways["ncnn, stored as bf16"] = by_ncnn_in_bf16(subject.by_ncnn)
        ways["OpenVINO bf16"] = by_openvino(model, "bf16")
    if "int8" in precisions:
        model = quantised(model, calibration, isinstance(subject.network, FaRLAttributes))
        ways["OpenVINO int8"] = by_openvino(model, "f32")
    return ways


def main() -> None:
    networks = ("masks", "drawings", "attributes", "sample-masks", "sample-drawings", "sample-attributes")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="*", help="with faces; not needed for the sample networks")
    parser.add_argument("--network", choices=networks, default="masks")
    parser.add_argument("--precision", default="fp32,bf16,int8", help="of fp32, bf16, int8; comma-separated")
    parser.add_argument("--pictures", type=int, default=10, help="to measure")
    parser.add_argument("--calibration", type=int, default=10, help="other pictures, for int8")
    options = parser.parse_args()
    precisions = options.precision.split(",")
    if not options.network.startswith("sample-") and not options.videos:
        parser.error("give videos with faces")
    if unknown := set(precisions) - {"fp32", "bf16", "int8"}:
        parser.error(f"unknown precision {', '.join(sorted(unknown))}; the known ones are fp32, bf16, int8")
    torch.set_num_threads(1)
    subject = subject_of(options.network, options.videos, options.pictures + options.calibration)
    measured, calibration = subject.pictures[: options.pictures], subject.pictures[options.pictures :]
    with torch.inference_mode():
        ways = ways_of(subject, precisions, calibration)
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        results: dict[str, list[torch.Tensor]] = {way: [] for way in ways}
        for way in ways.values():
            way(measured[0])
        for picture in measured:
            for name, way in ways.items():
                start = time.process_time()
                results[name].append(way(picture))
                seconds[name].append(time.process_time() - start)
        used = "ncnn fp32" if "ncnn fp32" in ways else "torch fp32"
        median = {name: statistics.median(times) for name, times in seconds.items()}
        print(f"| {options.network} | s of CPU | speed, {used}: 1 | against torch fp32 |\n| --- | --- | --- | --- |")
        for name in ways:
            quality = subject.judge(results["torch fp32"], results[name])
            print(f"| {name} | {median[name]:.4f} | {median[used] / median[name]:.2f} | {quality} |")


if __name__ == "__main__":
    main()

"""Compare ncnn, which computes on a CPU, with OpenVINO and torch: processor time of one 512x512 picture, one thread.

    python -m pip install openvino
    python benchmarks/cpu_backends.py [--rounds 5]

Weights are random: the time does not depend on them. The three take turns.
"""

import argparse
import time
from collections.abc import Callable

import openvino
import torch

from mmvoxceleb.processing.networks.bisenet import BiSeNet
from mmvoxceleb.processing.networks.ncnn_networks import NcnnPortrait, ncnn_bisenet
from mmvoxceleb.processing.networks.portrait import PortraitGenerator


class Drawing(torch.nn.Module):
    """The drawing network in its first style, from picture to lines."""

    def __init__(self, network: PortraitGenerator) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        lines: torch.Tensor = self.network(pictures, 0)
        return lines


Way = Callable[[torch.Tensor], torch.Tensor]


def by_openvino(network: torch.nn.Module, example: torch.Tensor) -> Way:
    model = openvino.convert_model(network, example_input=example)
    options = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(model, "CPU", options)
    return lambda pictures: torch.from_numpy(compiled(pictures.numpy())[0])


def compare(name: str, ways: dict[str, Way], rounds: int) -> None:
    pictures = torch.randn(1, 3, 512, 512)
    wanted = ways["torch"](pictures)
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    differences = {way: float((compute(pictures) - wanted).abs().max()) for way, compute in ways.items()}
    for _ in range(rounds):
        for way, compute in ways.items():
            start = time.process_time()
            compute(pictures)
            seconds[way].append(time.process_time() - start)
    least = {way: min(found) for way, found in seconds.items()}
    for way in ways:
        print(f"| {name} | {way} | {least[way]:.3f} | {least[way] / least['ncnn']:.2f} | {differences[way]:.1e} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    torch.manual_seed(0)
    example = torch.randn(1, 3, 512, 512)
    print("| network | with | seconds | of ncnn | difference to torch |\n| --- | --- | --- | --- | --- |")
    with torch.inference_mode():
        parser_network, portrait = BiSeNet().eval().fold(), PortraitGenerator().eval()
        drawing, ncnn_portrait = Drawing(portrait), NcnnPortrait(portrait)
        masks: dict[str, Way] = {"torch": parser_network, "openvino": by_openvino(parser_network, example)}
        compare("masks", {**masks, "ncnn": ncnn_bisenet(parser_network)}, rounds)
        lines: dict[str, Way] = {"torch": drawing, "openvino": by_openvino(drawing, example)}
        by_ncnn: Way = lambda x: ncnn_portrait.decode(ncnn_portrait.encode(x), 0)  # noqa: E731
        compare("drawings", {**lines, "ncnn": by_ncnn}, rounds)


if __name__ == "__main__":
    main()

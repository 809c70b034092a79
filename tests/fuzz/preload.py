"""Imports, once, what the processes of the inputs share. No thread may be running when they are forked."""

import importlib
import pkgutil
import threading


def preload() -> None:
    """Import all that readers import, and compile what Numba compiles."""
    import cv2
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    for name in (
        "av",
        "datasets",
        "PIL.PngImagePlugin",
        "PIL.JpegImagePlugin",
        "safetensors.torch",
        "fsspec.implementations.http",
    ):
        importlib.import_module(name)
    for name in (
        "stores",
        "codecs",
        "modalities",
        "loading",
        "sampling",
        "hub",
        "validation",
        "processing",
        "processing.crop",
        "processing.decoders",
    ):
        package = importlib.import_module(f"mmvoxceleb.{name}")
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if not module.name.endswith(("decord_decoder", "torchcodec_decoder", "ncnn_networks", "ncnn_graph")):
                importlib.import_module(module.name)
    from PIL import Image

    Image.init()
    from mmvoxceleb.codecs.png import decode_picture
    from tests.support.corpus import drawing, frame, png

    for picture in (frame(0, 0), drawing(0, 0)):  # they have filters to undo
        decode_picture(png(picture), where="preload")
    if threading.active_count() > 1:
        raise RuntimeError(f"threads before the fork: {threading.enumerate()}")

"""A clip made from integers, the same on every machine, and what the original program says of it.

``python -m tests.support.syncnet_clip CHECKOUT`` runs the program of https://github.com/joonson/syncnet_python in that
folder, as it is, on the weights of the recipe, and writes ``reference/syncnet_seed0.npz``. It needs that program's own
requirements: python_speech_features 0.6 and scipy.
"""

import importlib
import sys
import types
import wave
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from mmvoxceleb.codecs.landmarks import FaceLandmarks
from tests.support.pseudo_weights import REFERENCE, fill, picture, read_keys

NUM_FRAMES = 30
STEP = 64
"""Only every 64th number of a vector is kept."""


def faces() -> np.ndarray:
    """uint8 [30, 224, 224, 3], RGB: two pictures that move across each other."""
    first, second = picture(0)[:224, :224].astype(np.int64), picture(1)[:224, :224].astype(np.int64)
    shown = [np.roll(first, 3 * index, axis=1) + np.roll(second, -2 * index, axis=0) for index in range(NUM_FRAMES)]
    return (np.stack(shown) // 2).astype(np.uint8)


def sound() -> np.ndarray:
    """int16 [19200], 16 kHz: noise that swells and falls."""
    raw = np.random.PCG64(np.random.SeedSequence([0, 7])).random_raw(NUM_FRAMES * 640).astype(np.uint64)
    noise = (raw % np.uint64(20001)).astype(np.int64) - 10000
    level = np.abs(np.arange(len(noise)) % 4000 - 2000)
    return (noise * level // 2000).astype(np.int16)


def landmarks_of(boxes: Any) -> FaceLandmarks:
    """Landmarks whose points lie in the corners of boxes [N, 4]; without a face where a box is NaN."""
    boxes = np.asarray(boxes, np.float32)
    points = np.repeat(boxes[:, None, :2], 478, axis=1)
    points[:, 1] = boxes[:, 2:]
    depth = np.where(np.isnan(boxes[:, :1]), np.nan, 0)[:, None].repeat(478, 1)
    rest = np.where(np.isnan(boxes[:, :1]), np.nan, 0)
    return FaceLandmarks(
        np.arange(len(boxes), dtype=np.int32),
        np.concatenate([points, depth], axis=2).astype(np.float32),
        rest.repeat(52, 1).astype(np.float32),
        rest.repeat(3, 1).astype(np.float32),
    )


def weights() -> dict[str, torch.Tensor]:
    """Every tensor of ``syncnet_v2.model``, by the recipe; both halves' vectors are about equally long."""
    state = fill(read_keys("syncnet"))
    state["netcnnlip.0.weight"] /= 8
    return state


def run_original(checkout: Path, scratch: Path) -> dict[str, Any]:
    """Run ``SyncNetInstance.evaluate``; only what converts files and moves tensors to a GPU is replaced."""
    torch.save(weights(), scratch / "syncnet_v2.model")
    kinds: list[Any] = [torch.Tensor, torch.nn.Module]
    for kind in kinds:
        kind.cuda = _itself
    sys.path.insert(0, str(checkout))
    original = importlib.import_module("SyncNetInstance")

    folder = scratch / "tmp" / "clip"

    def convert(*_: Any, **__: Any) -> int:
        for index, face in enumerate(faces()):  # PNG by content, so that no pixel changes
            (folder / f"{index + 1:06d}.jpg").write_bytes(cv2.imencode(".png", face[..., ::-1])[1].tobytes())
        with wave.open(str(folder / "audio.wav"), "wb") as file:
            file.setparams((1, 2, 16000, 0, "NONE", ""))
            file.writeframes(sound().tobytes())
        return 0

    original.subprocess.call = convert
    program = original.SyncNetInstance()
    program.loadParameters(str(scratch / "syncnet_v2.model"))
    kept: dict[str, list[Any]] = {"lip": [], "aud": []}
    network = program.__S__
    for name, list_ in kept.items():
        compute = getattr(network, f"forward_{name}")
        setattr(network, f"forward_{name}", lambda x, f=compute, k=list_: k.append(f(x)) or k[-1])
    options = types.SimpleNamespace(tmp_dir=str(scratch / "tmp"), reference="clip", batch_size=20, vshift=15)
    with torch.inference_mode():
        offset, confidence, distances = program.evaluate(options, "clip.avi")
    return {
        "offset": offset,
        "confidence": confidence,
        "distances": distances.astype(np.float32),
        "seen": torch.cat(kept["lip"]).numpy()[:, ::STEP],
        "heard": torch.cat(kept["aud"]).numpy()[:, ::STEP],
        "cepstra": original.python_speech_features.mfcc(sound(), 16000).astype(np.float32),
    }


def _itself(value: Any) -> Any:
    return value


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as scratch_folder:
        told = run_original(Path(sys.argv[1]), Path(scratch_folder))
    np.savez_compressed(REFERENCE / "syncnet_seed0.npz", **told)

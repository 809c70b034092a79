"""Files of weights, as safetensors and in both forms of ``torch.save``."""

from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import nn

from mmvoxceleb.processing.weights import fit_state_dict, load_state_dict
from tests.fuzz.kind import Kind, damage_file, pick
from tests.fuzz.mutations.json_values import damage_json
from tests.fuzz.mutations.raw import damage_bytes
from tests.fuzz.mutations.zips import damage_zip


def _network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))


class Checkpoints(Kind):
    """A checkpoint of ``torch.save``, which is a zip."""

    name = "weights-pth"
    has_checksums = True

    def build(self, case: Path) -> None:
        torch.manual_seed(0)
        torch.save(_network().state_dict(), case / "weights.pth")

    def damage(self, case: Path, rng: Random) -> str:
        return damage_file(rng, case / "weights.pth", damage_bytes if rng.random() < 0.5 else damage_zip)

    def read(self, case: Path) -> Any:
        network, path = _network(), pick(Random(0), case, "weights.*")
        fit_state_dict(network, load_state_dict(path), source=path)
        return {
            name: (str(value.dtype), tuple(value.shape), value.numpy().tobytes())
            for name, value in network.state_dict().items()
        }

    def fault(self, got: Any, clean: Any, case: Path, told: list[str]) -> str | None:
        if self.has_checksums:
            return super().fault(got, clean, case, told)
        for name, (dtype, shape, data) in got.items():
            if (dtype, shape) != clean[name][:2]:
                return f"{name} is {dtype} {shape}"
            if (
                dtype == "torch.float32"
                and not torch.isfinite(torch.frombuffer(bytearray(data), dtype=torch.float32)).all()
            ):
                return f"{name} has values that are not finite"
        return None


class OldCheckpoints(Checkpoints):
    """A checkpoint of ``torch.save`` before 1.6, which is a row of pickles."""

    name = "weights-legacy"
    has_checksums = False

    def build(self, case: Path) -> None:
        torch.manual_seed(0)
        torch.save(_network().state_dict(), case / "weights.pth", _use_new_zipfile_serialization=False)

    def damage(self, case: Path, rng: Random) -> str:
        return damage_file(rng, case / "weights.pth", damage_bytes)


class Safetensors(Checkpoints):
    """Weights as safetensors, which has no checksums."""

    name = "weights-safetensors"
    has_checksums = False

    def build(self, case: Path) -> None:
        from safetensors.torch import save_file

        torch.manual_seed(0)
        save_file(_network().state_dict(), case / "weights.safetensors")

    def damage(self, case: Path, rng: Random) -> str:
        return damage_file(rng, case / "weights.safetensors", damage_bytes if rng.random() < 0.5 else _damage_header)


def _damage_header(rng: Random, data: bytes) -> tuple[bytes, str]:
    size = int.from_bytes(data[:8], "little")
    header, what = damage_json(rng, data[8 : 8 + size])
    return len(header).to_bytes(8, "little") + header + data[8 + size :], f"header: {what}"

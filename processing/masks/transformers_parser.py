"""Any semantic segmentation model from Hugging Face as a face parser, with its classes mapped to ours by name."""

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmvoxceleb.errors import ConfigError, MissingExtraError, SourceUnavailableError, WeightsError
from mmvoxceleb.extras import install_hint
from mmvoxceleb.files.quoting import first_line
from mmvoxceleb.processing.masks.parser import NetworkParser
from mmvoxceleb.processing.weights import sha256_of
from mmvoxceleb.schema import CLASSES

if TYPE_CHECKING:
    import torch

__all__ = ["TransformersParser"]

_ALIASES: dict[str, str] = {
    # FaRL's names; its left and right are those of the picture's subject, as CelebAMask-HQ's are
    "face": "skin", "lb": "l_brow", "rb": "r_brow", "le": "l_eye", "re": "r_eye", "lr": "l_ear", "rr": "r_ear",
    "eyeg": "eye_g", "earr": "ear_r", "imouth": "mouth", "ulip": "u_lip", "llip": "l_lip",
    # the names as words
    "left_brow": "l_brow", "right_brow": "r_brow", "left_eyebrow": "l_brow", "right_eyebrow": "r_brow",
    "left_eye": "l_eye", "right_eye": "r_eye", "left_ear": "l_ear", "right_ear": "r_ear",
    "eyeglasses": "eye_g", "eyeglass": "eye_g", "glasses": "eye_g", "earring": "ear_r", "upper_lip": "u_lip",
    "lower_lip": "l_lip", "necklace": "neck_l", "clothing": "cloth", "clothes": "cloth",
}  # fmt: skip
"""Other names that are in use for our classes."""


class TransformersParser(NetworkParser):
    """Parse faces with a semantic segmentation model from ``transformers``. Needs the extra ``transformers``.

    It only reads ``.safetensors`` weights, and runs no code of the repository.

    Args:
        source: A local folder, or a repository on the Hub: ``user/name`` or ``user/name@revision``.
        options: Options of :class:`NetworkParser`.

    Raises:
        ImportError: transformers is not installed.
        SourceUnavailableError: There is no such folder or repository, or the Hub does not answer.
        WeightsError: The folder is not a transformers model.
    """

    def __init__(self, source: str, **options: Any) -> None:
        super().__init__(**options)
        try:
            import transformers
        except ImportError as error:
            raise MissingExtraError(
                f"the parser transformers:{source} needs: {install_hint('transformers')}"
            ) from error
        self._transformers = transformers.__name__
        self.source = source
        self._read_preprocessor()

    @cached_property
    def folder(self) -> Path:
        """The local folder of the model, downloaded once where it is a repository.

        Raises:
            SourceUnavailableError: There is no such folder or repository, or the Hub does not answer.
        """
        local = Path(self.source).expanduser()
        if local.is_dir():
            return local
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HFValidationError

        repository, _, revision = self.source.partition("@")
        try:
            return Path(
                snapshot_download(repository, revision=revision or None, allow_patterns=["*.json", "*.safetensors"])
            )
        except (OSError, HFValidationError) as error:
            raise SourceUnavailableError(
                f"{self.source}: no such folder, and no such model on the Hub ({error}); check the name"
            ) from error

    def identity(self) -> dict[str, Any]:
        hashes = [sha256_of(path) for path in sorted(self.folder.glob("*.safetensors"))]
        config = sha256_of(self.folder / "config.json")
        return {"model": "transformers", "source": Path(self.source).name, "sha256": [config, *hashes]}

    def _read_preprocessor(self) -> None:
        """Take size, mean and deviation from the model's own preprocessing; ImageNet's at 512 px where it has none."""
        if not (self.folder / "config.json").is_file():
            raise WeightsError(f"{self.folder}: has no config.json, so it is not a transformers model")
        path = self.folder / "preprocessor_config.json"
        config = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        size = config.get("size") or {}
        if isinstance(size, int):
            size = {"height": size, "width": size}
        if "height" in size and "width" in size:
            self.input_size = (int(size["height"]), int(size["width"]))
        elif "shortest_edge" in size:
            self.input_size = (int(size["shortest_edge"]),) * 2
        self.mean = tuple(config.get("image_mean") or self.mean)
        self.std = tuple(config.get("image_std") or self.std)

    def _load(self) -> "torch.nn.Module":
        import torch
        from transformers import AutoModelForSemanticSegmentation

        try:
            model = AutoModelForSemanticSegmentation.from_pretrained(
                self.folder, use_safetensors=True, trust_remote_code=False, local_files_only=True
            )
        except (OSError, ValueError) as error:
            raise WeightsError(
                f"{self.source}: cannot be loaded as a semantic segmentation model with .safetensors weights "
                f"({first_line(error)})"
            ) from error
        order = classes_of(model.config.id2label, self.source)

        class Mapped(torch.nn.Module):
            """Gives the model's logits in the order of our classes; one that it lacks is never chosen."""

            def __init__(self) -> None:
                super().__init__()
                self.model = model

            def forward(self, pictures: "torch.Tensor") -> "torch.Tensor":
                logits = self.model(pixel_values=pictures).logits
                ours: torch.Tensor = logits.new_full((len(logits), len(CLASSES), *logits.shape[2:]), -1e4)
                ours[:, [CLASSES.index(name) for name in order]] = logits[:, list(order.values())]
                return ours

        return Mapped().eval()


def classes_of(id2label: dict[int, str], source: str) -> dict[str, int]:
    """Find our classes among the labels of a model.

    Args:
        id2label: The label of each of the model's classes.
        source: The model, for messages.

    Returns:
        The model's class id for each of our class names that it has.

    Raises:
        ConfigError: A label is none of our classes, or two labels are the same one.
    """
    found: dict[str, int] = {}
    unknown: list[str] = []
    for number, label in sorted((int(number), str(label)) for number, label in id2label.items()):
        name = label.strip().lower().replace(" ", "_").replace("-", "_")
        name = _ALIASES.get(name, name)
        if name not in CLASSES:
            unknown.append(label)
        elif name in found:
            raise ConfigError(f"{source}: has two classes for {name}: ids {found[name]} and {number}")
        else:
            found[name] = number
    if unknown:
        raise ConfigError(
            f"{source}: has unknown classes: {', '.join(unknown)}; the known ones are {', '.join(CLASSES)}. "
            "Give the model's config.json id2label with these names"
        )
    return found

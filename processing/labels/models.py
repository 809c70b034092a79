"""The models that give attribute probabilities: FaRL, and image classifiers of Hugging Face ``transformers``."""

import hashlib
import logging
import os
from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.errors import ConfigError, MissingExtraError, SourceUnavailableError, WeightsError
from mmvoxceleb.extras import install_hint
from mmvoxceleb.processing.devices import BatchModel, to_device
from mmvoxceleb.processing.devices.transfer import host_tensor
from mmvoxceleb.processing.labels.alignment import cut_faces, places_in_frames
from mmvoxceleb.processing.weights import load_network, locate, sha256_of
from mmvoxceleb.schema import ATTRIBUTES, attribute_index

if TYPE_CHECKING:
    import torch

__all__ = ["PREFIX", "AttributeModel", "FaRLModel", "TransformersModel"]

PREFIX = "transformers:"

logger = logging.getLogger(__name__)


class AttributeModel(BatchModel):
    """One model. The constructor loads nothing; :meth:`sha256` finds its weights and :meth:`load` reads them."""

    name: str
    """What ``label_source`` calls it."""

    needs_landmarks: bool
    """Whether :meth:`prepare` wants float32 [N, 5, 2] beside the frames: five landmarks in continuous pixels."""

    @abstractmethod
    def sha256(self) -> str:
        """Hash the weights, downloading them first where they are not on this machine.

        Raises:
            WeightsError: There are none, or they are not what was published.
            SourceUnavailableError: They cannot be downloaded.
        """

    @abstractmethod
    def load(self, device: "torch.device", dtype: "torch.dtype") -> None:
        """Read the weights onto a device.

        Raises:
            WeightsError: They do not fit, are broken, or are unsafe to read.
        """

    @abstractmethod
    def unload(self) -> None:
        """Release the model."""

    @abstractmethod
    def compute(self, *prepared: "torch.Tensor") -> "tuple[torch.Tensor, ...]":
        """Predict for one batch: float32 [N, 40] probabilities, NaN for an attribute that the model does not know."""


class FaRLModel(AttributeModel):
    """FaRL ViT-B/16 with its CelebA head.

    Args:
        weights: ``face_attribute.farl.celeba.pt``, or a copy as ``.safetensors``; None means the published file.
    """

    name = "farl-celeba"
    needs_landmarks = True

    def __init__(self, weights: str | os.PathLike[str] | None = None) -> None:
        self.weights = weights
        self._path: Path | None = None
        self._network: Any = None
        self._dtype: Any = None

    def sha256(self) -> str:
        return sha256_of(self._locate())

    def load(self, device: "torch.device", dtype: "torch.dtype") -> None:
        from mmvoxceleb.processing.networks.farl import FaRLAttributes

        self._network = load_network(FaRLAttributes, self._locate()).to(device, dtype)
        self._dtype = dtype
        self.device = device

    def unload(self) -> None:
        self._network = None

    def prepare(self, *arrays: "torch.Tensor") -> "tuple[torch.Tensor, ...]":
        """Bring frames to the device as they are, and for each where the pixels of its aligned face are."""
        frames, landmarks = arrays
        height, width = frames.shape[1:3]
        # one by one, so that a frame's places do not hang on how many are computed at once
        places = np.concatenate(
            [places_in_frames(face[None], height=height, width=width) for face in landmarks.numpy()]
        )
        return to_device(frames, self.device), to_device(host_tensor([places], self.device), self.device)

    def compute(self, *prepared: "torch.Tensor") -> "tuple[torch.Tensor, ...]":
        return (self.logits(*prepared).sigmoid(),)

    def logits(self, frames: "torch.Tensor", places: "torch.Tensor") -> "torch.Tensor":
        """Compute float32 [N, 40] of what was prepared, before the sigmoid."""
        logits: torch.Tensor = self._network(cut_faces(frames, places).to(self._dtype)).float()
        return logits

    def _locate(self) -> Path:
        if self._path is None:
            self._path = locate("farl-celeba", self.weights)
        return self._path

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_network": None, "batcher": None}


class TransformersModel(AttributeModel):
    """An image classifier whose labels name CelebA attributes, matched regardless of case, spaces and underscores.

    It sees whole frames, prepared as its own ``preprocessor_config.json`` says. Only ``.safetensors`` are read and
    no code of the repository is run. Outputs are independent (sigmoid), unless the model's ``problem_type`` is
    ``single_label_classification``, or is not given and one label alone names an attribute (softmax).

    Args:
        source: A folder, or a Hub repository ``user/name``, or ``user/name@revision``.
    """

    needs_landmarks = False
    takes_any_size = True

    def __init__(self, source: str) -> None:
        self.source = source
        path = Path(source).expanduser()
        self._is_local = path.is_dir()
        # the name goes into published metadata, where a path of this machine has no business
        self.name = PREFIX + (path.resolve().name if self._is_local else source)
        self._folder: Path | None = path if self._is_local else None
        self._model: Any = None
        self._processor: Any = None
        self._columns: dict[int, int] = {}
        self._is_exclusive = False

    def sha256(self) -> str:
        files = sorted(self._locate().glob("*.safetensors"))
        if len(files) == 1:
            return sha256_of(files[0])
        return hashlib.sha256("".join(f"{path.name} {sha256_of(path)}\n" for path in files).encode()).hexdigest()

    def load(self, device: "torch.device", dtype: "torch.dtype") -> None:
        folder = self._locate()
        try:
            from transformers import AutoImageProcessor, AutoModelForImageClassification
            from transformers.utils import logging as hf_logging
        except ImportError as error:
            raise MissingExtraError(f"{self.name} needs: {install_hint('transformers')} ({error})") from error
        bars = hf_logging.is_progress_bar_enabled()
        hf_logging.disable_progress_bar()
        try:
            # the PIL backend gives the same pictures with and without torchvision
            self._processor = AutoImageProcessor.from_pretrained(folder, backend="pil", local_files_only=True)
            model, report = AutoModelForImageClassification.from_pretrained(
                folder, use_safetensors=True, local_files_only=True, trust_remote_code=False, output_loading_info=True
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise WeightsError(f"{folder}: is not an image classifier that transformers can read ({error})") from error
        finally:
            if bars:
                hf_logging.enable_progress_bar()
        if report["missing_keys"]:
            raise WeightsError(
                f"{folder}: is missing {len(report['missing_keys'])} of its model's tensors: "
                f"{', '.join(sorted(report['missing_keys'])[:5])}; its results would be random. Get it again"
            )
        self._columns = match_labels(model.config.id2label, self.name)
        kind = model.config.problem_type
        self._is_exclusive = kind == "single_label_classification" or (kind is None and len(self._columns) == 1)
        missing = [name for index, name in enumerate(ATTRIBUTES) if index not in self._columns]
        if missing:
            logger.warning(
                "%s does not know %d attributes, which stay unknown (-1): %s",
                self.name, len(missing), ", ".join(missing),
            )  # fmt: skip
        self._model = model.eval().to(device, dtype)
        self.device = device

    def unload(self) -> None:
        self._model = self._processor = None

    def prepare(self, *arrays: "torch.Tensor") -> "tuple[torch.Tensor, ...]":
        (frames,) = arrays
        pictures = self._processor(images=list(frames.numpy()), return_tensors="pt")["pixel_values"]
        return (pictures.to(self.device),)

    def compute(self, *prepared: "torch.Tensor") -> "tuple[torch.Tensor, ...]":
        (pictures,) = prepared
        logits = self._model(pictures.to(self._model.dtype)).logits.float()
        outputs = logits.softmax(-1) if self._is_exclusive else logits.sigmoid()
        result = outputs.new_full((len(outputs), len(ATTRIBUTES)), float("nan"))
        for attribute, column in self._columns.items():
            result[:, attribute] = outputs[:, column]
        return (result,)

    def _locate(self) -> Path:
        if self._folder is None:
            self._folder = self._download()
        if not any(self._folder.glob("*.safetensors")):
            raise WeightsError(
                f"{self._folder}: has no .safetensors, the only format of weights that is read; "
                "save the model with save_pretrained(folder) in a current transformers"
            )
        return self._folder

    def _download(self) -> Path:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

        repository, _, revision = self.source.partition("@")
        try:
            files = snapshot_download(repository, revision=revision or None, allow_patterns=["*.json", "*.safetensors"])
        except HFValidationError as error:
            raise ConfigError(
                f"{self.name}: is neither a folder on this machine nor the name of a Hub repository ({error})"
            ) from error
        except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
            raise SourceUnavailableError(
                f"{self.name}: cannot be downloaded from the Hub ({error}); check the name, or pass a folder"
            ) from error
        return Path(files)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_model": None, "_processor": None, "batcher": None}


def match_labels(labels: dict[int, str], model: str) -> dict[int, int]:
    """Find the column of each attribute that a classifier knows, by name.

    Args:
        labels: Name by column.
        model: The model's name, for messages.

    Returns:
        Column by position of the attribute.

    Raises:
        WeightsError: No label is an attribute, or two are the same one.
    """
    columns: dict[int, int] = {}
    for column, name in labels.items():
        try:
            attribute = attribute_index(str(name))
        except ConfigError:
            logger.info("%s: its label %r is not a CelebA attribute and is ignored", model, name)
            continue
        if attribute in columns:
            raise WeightsError(f"{model}: two of its labels mean {ATTRIBUTES[attribute]}; it cannot be used unchanged")
        columns[attribute] = int(column)
    if not columns:
        named = ", ".join(map(repr, list(labels.values())[:5]))
        raise WeightsError(
            f"{model}: none of its {len(labels)} labels names a CelebA attribute (it has {named}, ...); "
            "choose a model whose id2label has some"
        )
    return columns

"""Which models an option chooses, and the refusal of those whose licence does not allow every use."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.meta.models import NO_WEIGHTS, models_in
from mmvoxceleb.modalities import LABEL, Folder
from mmvoxceleb.processing.published import INCLUDED, PUBLISHED, Model, WeightFile
from mmvoxceleb.processing.weights import find, sha256_of
from mmvoxceleb.stores import Store, open_store
from mmvoxceleb.stores.clip import StoredClip

if TYPE_CHECKING:
    from mmvoxceleb.processing.engines.work import Work

__all__ = ["PERMISSIVE", "Role", "attribute_model", "check_permissive", "check_work", "known_models", "models_of"]

PERMISSIVE = "permissive"
"""The value of ``--licence`` that refuses all other models."""

Role = Literal["detector", "landmarks", "parser", "drawer", "attributes", "figures"]
"""What a model is chosen for."""

_CHOICES: Mapping[tuple[Role, str], tuple[str, ...]] = MappingProxyType(
    {
        ("detector", "s3fd"): ("s3fd",),
        ("detector", "yunet"): ("yunet",),
        ("detector", "mediapipe"): ("face-landmarker",),
        ("detector", "haar"): ("haar",),
        ("landmarks", "mediapipe"): ("face-landmarker",),
        ("parser", "bisenet"): ("bisenet",),
        ("parser", "open"): ("face-landmarker", "selfie-segmenter"),
        ("parser", "sample"): ("sample",),
        ("drawer", "portrait"): ("portrait-drawing",),
        ("drawer", "open"): ("coherent-lines",),
        ("drawer", "sample"): ("sample",),
        ("attributes", "farl-celeba"): ("farl-celeba",),
        ("attributes", "open"): ("face-landmarker",),
        ("attributes", "sample"): ("sample",),
        ("figures", "yunet"): ("yunet",),
        ("figures", "silero-vad"): ("silero-vad",),
        ("figures", "syncnet"): ("syncnet",),
    }
)
"""Keys of the models by what they are chosen for and the name that chooses them."""

_ANEW = "Make it anew with --models open, into another store"

_INSTEAD: Mapping[Role, str] = MappingProxyType(
    {
        "detector": "--detector yunet (MIT)",
        "landmarks": "the published face_landmarker.task (Apache-2.0): leave its path out",
        "parser": "--parser open (Apache-2.0)",
        "drawer": "--drawer open (MIT)",
        "attributes": "--weights open (Apache-2.0)",
        "figures": "other figures, by --figures",
    }
)


def models_of(role: Role, name: str) -> tuple[Model, ...] | None:
    """Return the models that a name chooses; None where the name is none of ours, so that nothing is known of them."""
    keys = _CHOICES.get((role, name))
    return None if keys is None else tuple(PUBLISHED[key] if key in PUBLISHED else INCLUDED[key] for key in keys)


def attribute_model(weights: str | None) -> tuple[str, str | None]:
    """Tell what ``label --weights`` chooses: the name of the model, and the user's own file of it."""
    if weights is None or weights in ("open", "sample") or weights.startswith("transformers:"):
        return weights or "farl-celeba", None
    return "farl-celeba", weights


def check_permissive(role: Role, name: str, path: str | os.PathLike[str] | None = None) -> None:
    """Refuse a model whose licence does not allow every use, before anything is downloaded.

    Args:
        role: What it is chosen for.
        name: What chooses it: ``yunet``, ``bisenet``, ``open``, ``transformers:...``.
        path: The user's own file instead of the published one. It passes if it is, by its sha256, a published file
            of a permissive licence; of any other the licence is unknown.

    Raises:
        ConfigError: It is refused; the message names the model, its licence, and what may be chosen instead.
    """
    models = models_of(role, name)
    if path is not None and Path(path).expanduser().is_file():
        models = _of_file(Path(path).expanduser())
        name = str(path)
    if models is None:
        raise _refusal(role, name, "its licence is unknown here")
    for model in models:
        if not model.is_permissive:
            raise _refusal(role, _named(model), f"its licence: {model.licence}")
        own = find(model) if path is None and isinstance(model, WeightFile) else None
        if own is not None and _of_file(own) is None:
            raise _refusal(role, str(own), f"it is not the published {own.name}, so its licence is unknown")


def _of_file(path: Path) -> tuple[Model, ...] | None:
    """Tell which published file this is, by its content."""
    found = sha256_of(path)
    return next(((model,) for model in PUBLISHED.values() if model.sha256 == found), None)


def _named(model: Model) -> str:
    return f"{model.key} ({model.file_name})" if isinstance(model, WeightFile) else model.key


def _refusal(role: Role, name: str, reason: str) -> ConfigError:
    return ConfigError(f"--licence {PERMISSIVE} refuses {name}: {reason}. Choose {_INSTEAD[role]}")


def known_models() -> dict[str, Model]:
    """Return all models as provenance names them: by the sha256 of their weights, or ``none:`` and a name."""
    from mmvoxceleb.processing.detectors.haar import CASCADE
    from mmvoxceleb.processing.drawings.open_drawer import MODEL
    from mmvoxceleb.processing.sample_models import SAMPLE_SHA256
    from mmvoxceleb.sample import SWAPPED_SIDES_SHA256

    return {
        **{model.sha256: model for model in PUBLISHED.values() if model.sha256},
        f"{NO_WEIGHTS}: {CASCADE}": INCLUDED["haar"],
        f"{NO_WEIGHTS}: {MODEL}": INCLUDED["coherent-lines"],
        SAMPLE_SHA256: INCLUDED["sample"],
        SWAPPED_SIDES_SHA256: INCLUDED["sample"],
    }


def check_work(work: "Work") -> None:
    """Refuse work in which a stage computes with, or reads what was made with, a model that is not permissive.

    The second is looked up in the provenance of each clip, where a stage reads masks, landmarks or labels that no stage
    of the run makes.

    Raises:
        ConfigError: There is such a model, or what a stage reads does not say what made it.
    """
    from mmvoxceleb.processing.source import StoredClips

    made: set[Folder] = set()
    read: set[Folder] = set()
    for stage in work.steps.stages:
        _check_section(f"the stage {stage.name}", stage.settings())
        read |= {*stage.made_from, *((LABEL.folder(),) if stage.uses_label else ())} - made
        made |= set(stage.folders)
    if isinstance(work.source, StoredClips) and read:
        there = [work.source.store]
        if work.writer.location != work.source.location and work.writer.tree.kind("") == "folder":
            there.insert(0, open_store(work.writer.location))
        for folder in read:
            _check_read(folder, work.units(), there)


def _check_read(folder: Folder, clip_ids: Iterable[str], stores: Sequence[Store]) -> None:
    """Check what made the files of a folder; of a clip that several stores have, those of the first count."""
    from mmvoxceleb.processing.labels.stage import MANUAL

    having = [(store, set(store.clips(folder))) for store in stores]
    for clip_id in clip_ids:
        store = next((store for store, clips in having if clip_id in clips), None)
        if store is None:
            continue
        meta = StoredClip(store, clip_id).meta
        section = meta.get(folder.path)
        if folder == LABEL.folder() and meta.get("label_source") == MANUAL:
            continue
        what = f"{folder.path} of clip {clip_id} in {store.location}"
        if not isinstance(section, Mapping):
            raise ConfigError(f"--licence {PERMISSIVE} refuses {what}: its meta does not say what made it. {_ANEW}")
        _check_section(what, section)


def _check_section(what: str, section: Mapping[str, Any]) -> None:
    known = known_models()
    for found in models_in({"settings": section}):
        model = known.get(found)
        if model is None or not model.is_permissive:
            reason = f"weights of unknown licence ({found})" if model is None else f"{_named(model)}, {model.terms}"
            raise ConfigError(f"--licence {PERMISSIVE} refuses {what}: it is by {reason}. {_ANEW}")

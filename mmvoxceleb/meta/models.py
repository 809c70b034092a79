"""Which models made a clip's files, as its provenance tells it."""

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["NO_WEIGHTS", "models_in"]

NO_WEIGHTS = "none"
"""In place of the weights of a model that is a plain computation."""

_MODEL_WORDS = ("weights", "model", "detector")


def models_in(section: Any, path: str = "") -> Iterator[str]:
    """Find the models in a section of provenance, wherever a stage put them; hashes of inputs are others.

    Yields:
        The sha256 of weights; of a model that has none, ``none:`` and its name.
    """
    if isinstance(section, Mapping):
        if section.get("weights") == NO_WEIGHTS and isinstance(section.get("model"), str):
            yield f"{NO_WEIGHTS}: {section['model']}"
        if isinstance(section.get("cascade"), str):
            yield f"{NO_WEIGHTS}: {section['cascade']}"
        for key, inner in section.items():
            yield from models_in(inner, f"{path}/model/{key}" if "model" in section else f"{path}/{key}")
    elif isinstance(section, list):
        for inner in section:
            yield from models_in(inner, path)
    elif isinstance(section, str) and path.endswith("sha256") and any(word in path for word in _MODEL_WORDS):
        yield section

"""What only the publisher of an export can tell, for its card."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from mmvoxceleb.cliplists.citing import Citation
from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.meta.removals import Removals

__all__ = ["CardFacts", "ModelFacts"]


@dataclass(frozen=True)
class ModelFacts:
    """What is known of published weights.

    Args:
        name: A short name with the file's.
        purpose: What it is for.
        licence: What is known about the right to use it, and what it was trained on.
        paper: The publication.
        terms: What the licence comes to: permissive, research only, none, sample or unknown.
        results: What may be done with what it makes.
    """

    name: str
    purpose: str
    licence: str
    paper: str
    terms: str = "unknown"
    results: str = "not known"

    @property
    def is_permissive(self) -> bool:
        """Whether any use is allowed."""
        return self.terms in ("permissive", "sample")

    def forbids(self, licence: str) -> bool:
        """Whether what this model made cannot be under a licence of the Hub: it is for research, or nobody gave one."""
        return self.terms == "none" or (self.terms == "research only" and "-nc" not in licence)


@dataclass(frozen=True)
class CardFacts:
    """What only the publisher can tell; nothing here has a default that claims anything.

    Args:
        repo_id: ``user/name`` on the Hub, for the examples.
        title: Heading of the card. Default: Multimodal VoxCeleb; Talking faces where no clip is VoxCeleb's.
        licence: A licence identifier of the Hub; without one the card names ``other``, and LICENSE.md explains why.
        contact: Where people ask for removal: an address or a URL.
        coverage: Which videos could be had, when, from where.
        label_accuracy: What is known of the labels' accuracy.
        models: By sha256 of the weights.
        charts: Draw charts for the card; they need matplotlib.
        clip_list: The clip list by which the clips were chosen.
        elsewhere: URLs of the removal lists that whoever has a copy should obey.
    """

    repo_id: str = "user/name"
    title: str = ""
    licence: str | None = None
    contact: str | None = None
    coverage: str | None = None
    label_accuracy: str | None = None
    models: Mapping[str, ModelFacts] = field(default_factory=dict)
    charts: bool = True
    clip_list: Citation | None = None
    elsewhere: tuple[str, ...] = ()

    def licence_for(self, sha256s: Iterable[str]) -> tuple[str | None, str]:
        """Decide which licence a card may name, and say which model contradicts the publisher's.

        Args:
            sha256s: Of the models in the provenance.

        Returns:
            :attr:`licence`, or None where none was named or a model contradicts it; and that contradiction.
        """
        if self.licence is None:
            return None, ""
        for sha256 in sha256s:
            model = self.models.get(sha256)
            if model is not None and model.forbids(self.licence):
                return None, f"{model.name} made a part of it ({model.licence})"
        return self.licence, ""

    def to_json(self) -> dict[str, Any]:
        """Return the facts as JSON values."""
        values = asdict(self)
        if self.clip_list is None:
            del values["clip_list"]
        else:
            values["clip_list"] = self.clip_list.to_json()
        if self.elsewhere:
            values["elsewhere"] = list(self.elsewhere)
        else:
            del values["elsewhere"]
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any], where: str) -> "CardFacts":
        """Undo :meth:`to_json`.

        Args:
            values: What the JSON held.
            where: The file, for the message.

        Raises:
            CorruptSourceError: They are damaged, or of another version of this program.
        """
        try:
            models = {sha256: ModelFacts(**model) for sha256, model in values.get("models", {}).items()}
            cited, named = values.get("clip_list"), values.get("elsewhere", [])
            elsewhere = tuple(sorted(Removals(elsewhere=frozenset(named)).elsewhere))
            clip_list = None if cited is None else Citation.from_json(cited)
            facts = cls(**{**values, "models": models, "clip_list": clip_list, "elsewhere": elsewhere})
        except (TypeError, AttributeError, ValueError) as error:
            raise CorruptSourceError(
                f"{where}: the facts for the card are damaged, or from another version of mmvoxceleb ({error}); export "
                "it again"
            ) from error
        texts = [facts.repo_id, facts.title, *(text for model in models.values() for text in asdict(model).values())]
        texts += [
            text for text in (facts.licence, facts.contact, facts.coverage, facts.label_accuracy) if text is not None
        ]
        if not all(isinstance(text, str) for text in texts) or not isinstance(facts.charts, bool):
            raise CorruptSourceError(f"{where}: the facts for the card are damaged; export it again")
        return facts

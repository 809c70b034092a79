"""Describe an export from the markers of its shards: ``export.json``, the charts and the card."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mmvoxceleb.files.atomic import write_atomically, writing
from mmvoxceleb.hub.manifest import MANIFEST, ExportFolder, manifest_of
from mmvoxceleb.hub.notes import ShardNote
from mmvoxceleb.hub.settings import ExportSettings

if TYPE_CHECKING:
    from mmvoxceleb.hub.card import CardFacts

__all__ = ["describe_export", "name_repository"]


def describe_export(folder: ExportFolder, settings: ExportSettings, facts: "CardFacts | None") -> list[ShardNote]:
    """Write ``export.json``, the charts and the card of an export from its markers.

    Args:
        folder: The export.
        settings: Its settings.
        facts: What the card should say; by default what it was told when the export was made.
    """
    from mmvoxceleb.hub.card import CardFacts, write_card

    plan = folder.read_plan() or {}
    if facts is None:
        facts = CardFacts.from_json(plan.get("facts", {}), str(folder.root))
    else:
        folder.write_plan(plan | {"facts": facts.to_json()})
    notes = folder.notes()
    write_atomically(folder.root / MANIFEST, manifest_of(settings, notes, facts.to_json()))
    write_card(folder.root, settings, notes, facts)
    return notes


def name_repository(root: Path, repo_id: str, *, version: str | None = None) -> None:
    """Let an export's card name the repository that it is pushed to, and set the version of the dataset.

    Args:
        root: The export.
        repo_id: ``user/name``.
        version: ``MAJOR.MINOR.PATCH``; None keeps the export's.

    Raises:
        OutputError: The export cannot be written, or another run is at work there.
    """
    from mmvoxceleb.hub.card import CardFacts

    folder = ExportFolder(root)
    settings, plan = folder.settings(), folder.read_plan() or {}
    facts = CardFacts.from_json(plan.get("facts", {}), str(root))
    named = replace(settings, version=version or settings.version)
    if (root / MANIFEST).is_file() and (facts.repo_id != repo_id or named != settings):
        with writing(root), folder.lock():
            folder.write_plan(plan | {"settings": named.to_json()})
            describe_export(folder, named, replace(facts, repo_id=repo_id))

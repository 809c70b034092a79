"""The dataset card: README.md, LICENSE.md and charts, from the export's own numbers and ``card.md.jinja``."""

import functools
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from mmvoxceleb.files.atomic import write_atomically
from mmvoxceleb.hub.card_data import card_data, title_of
from mmvoxceleb.hub.card_facts import CardFacts, ModelFacts
from mmvoxceleb.hub.charts import CHARTS, draw_charts
from mmvoxceleb.hub.layout import PREVIEW, WHOLE, configs_of, features_of
from mmvoxceleb.hub.notes import ShardNote
from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.hub.statistics import ExportStatistics, SplitStatistics, statistics_of
from mmvoxceleb.modalities import LABEL, MASKS, MODALITIES, TEXT, VIDEO, frame_modalities, modalities
from mmvoxceleb.schema import ATTRIBUTES, SENSITIVE_ATTRIBUTES

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["CardFacts", "ModelFacts", "write_card"]

logger = logging.getLogger(__name__)

_TEMPLATE = Path(__file__).with_name("card.md.jinja")

_IDENTITY_MEANINGS = {
    "clip_id": "the original key, `id11248#yDqlBD8m_b8#00004.txt#000.mp4`",
    "person_id": "identity in VoxCeleb",
    "video_id": "YouTube id of the source video",
    "utterance": "name of VoxCeleb's annotation",
    "chunk": "number of the face tube in the utterance",
    "num_frames": "frames of the whole clip",
}
_OTHER_IDENTITY_MEANINGS = {
    "clip_id": "the key, `person#video#utterance.txt#chunk.mp4`",
    "person_id": "identity, as the publisher named it or the file",
    "video_id": "name of the source video",
    "utterance": "number of the stretch of the video",
}


def write_card(root: Path, settings: ExportSettings, notes: Sequence[ShardNote], facts: CardFacts) -> None:
    """Write the card of an export, its charts and, where no licence is named, LICENSE.md.

    Args:
        root: The export.
        settings: What was exported.
        notes: Its finished shards.
        facts: What the publisher says.
    """
    statistics = statistics_of(notes)
    charts = draw_charts(statistics) if facts.charts else {}
    for path in CHARTS.values():
        if path in charts:
            write_atomically(root / path, charts[path])
        else:
            (root / path).unlink(missing_ok=True)
    named, contradicted = facts.licence_for(sha256 for _, sha256 in statistics.models)
    if contradicted:
        logger.warning("%s: the card does not name %s as the licence, since %s", root, facts.licence, contradicted)
    if named is None:
        licence = _template().render(is_licence_file=True, **_of_models(statistics, facts))
        write_atomically(root / "LICENSE.md", licence.encode())
    else:
        (root / "LICENSE.md").unlink(missing_ok=True)
    write_atomically(root / "README.md", render_card(settings, notes, statistics, facts, charts=tuple(charts)).encode())


def render_card(
    settings: ExportSettings,
    notes: Sequence[ShardNote],
    statistics: ExportStatistics,
    facts: CardFacts,
    *,
    charts: Sequence[str] = (),
) -> str:
    """Format the card: YAML, then text.

    Args:
        settings: What was exported.
        notes: Its finished shards.
        statistics: Their numbers.
        facts: What the publisher says.
        charts: Paths of the charts that there are.
    """
    return _template().render(
        card_data=card_data(settings, notes, statistics, facts).to_yaml(),
        charts={name: path for name, path in CHARTS.items() if path in charts},
        **_values(settings, notes, statistics, facts),
    )


@functools.cache
def _template() -> "Template":
    """Compile the template: once, where ``DatasetCard.from_template`` does it each time and parses the YAML again."""
    import jinja2

    template: Template = jinja2.Template(_TEMPLATE.read_text(encoding="utf-8"))
    return template


def _values(
    settings: ExportSettings, notes: Sequence[ShardNote], statistics: ExportStatistics, facts: CardFacts
) -> dict[str, Any]:
    """Work out what the template fills in."""
    kinds = modalities(settings.modalities)
    parts = {note.part for note in notes}
    configs = [config.name for config in configs_of(settings) if config.name != PREVIEW or PREVIEW in parts]
    pictures = {name for split in statistics.splits.values() for name in split.pictures}
    always = [kind.pictures for kind in frame_modalities(MODALITIES) if not kind.is_timeline]
    counted = [kind.pictures for kind in frame_modalities() if kind.pictures in pictures or kind.pictures in always]
    return {
        "settings": settings,
        "statistics": statistics,
        "facts": facts,
        "is_generated": statistics.is_generated,
        "is_of_voxceleb": statistics.is_of_voxceleb,
        "voxceleb_persons": statistics.voxceleb_persons,
        "title": title_of(facts, statistics),
        "titles": [kind.title for kind in kinds],
        "persons": len(statistics.persons),
        "example_person": _example_person(statistics),
        "size": sum(note.bytes for note in notes if note.part == WHOLE),
        "config_names": configs,
        "by_torchcodec": [
            f"`{name}`" for name, kind in features_of(settings).items() if type(kind).__name__ in ("Audio", "Video")
        ],
        "light_config": next((kind.name for kind in (LABEL, TEXT) if kind.name in configs), None),
        "masks_config": MASKS.name if MASKS.name in configs and len(configs) > 2 else None,
        "has_labels": LABEL in kinds,
        "has_text": TEXT in kinds,
        "has_frames": VIDEO in kinds,
        "fields": _fields(settings, statistics),
        "counted_columns": counted,
        "numbers": [_numbers(name, split, counted) for name, split in statistics.splits.items()],
        "sensitive": ", ".join(f"`{name}`" for name in ATTRIBUTES if name in SENSITIVE_ATTRIBUTES),
        "models": [_model(stage, sha256, facts.models.get(sha256)) for stage, sha256 in statistics.models],
        "contradicted": facts.licence_for(sha256 for _, sha256 in statistics.models)[1],
        **_of_models(statistics, facts),
        "lossless": [kind.title for kind in frame_modalities(settings.modalities) if not kind.is_timeline],
        "cited_steps": _cited_steps(facts),
        "leaked": [*statistics.shared_persons, *statistics.shared_videos],
    }


def _example_person(statistics: ExportStatistics) -> str:
    """Name an identity as a Python string holds it, without its quotes: one of VoxCeleb's, or the first of others'."""
    if statistics.is_of_voxceleb:
        return "id10001"
    first = min(statistics.persons, default="PERSON")
    return json.dumps(first, ensure_ascii=False)[1:-1]


def _cited_steps(facts: CardFacts) -> list[tuple[str, str, str, str]]:
    """Row of each condition by which the clips were chosen."""
    steps = facts.clip_list.steps if facts.clip_list is not None else ()
    return [
        (f"`{step.condition.replace('|', '/')}`", f"{step.passed:,}", f"{step.unknown:,}", f"{step.left:,}")
        for step in steps
    ]


def _fields(settings: ExportSettings, statistics: ExportStatistics) -> list[tuple[str, str, str]]:
    """Name, type and meaning of each column."""
    options = settings.record_options(count_frames=False)
    meanings = _IDENTITY_MEANINGS | ({} if statistics.is_of_voxceleb else _OTHER_IDENTITY_MEANINGS)
    for modality in modalities(settings.modalities):
        meanings |= modality.meanings(options)
    rows = []
    for name, feature in features_of(settings).items():
        inner = getattr(feature, "feature", feature)
        kind = inner.dtype if type(inner).__name__ == "Value" else type(inner).__name__
        rows.append((f"`{name}`", f"list of {kind}" if type(feature).__name__ == "List" else kind, meanings[name]))
    return rows


def _numbers(name: str, split: SplitStatistics, counted: Sequence[str]) -> list[str]:
    """Row of a split in the table of numbers."""
    lengths = sorted(split.frames)
    middle = f"{lengths[0]} / {int(median(lengths))} / {lengths[-1]}" if lengths else "unknown"
    totals = [split.clips, len(split.persons), len(split.videos)]
    pictures = [f"{split.pictures.get(column, 0):,}" for column in counted]
    frames = f"{sum(lengths):,}" if lengths else "unknown"
    return [name, *(f"{total:,}" for total in totals), frames, middle, *pictures]


def _model(stage: str, sha256: str, known: ModelFacts | None) -> tuple[str, str, str, str, str]:
    """Row of weights in the table of models."""
    if known is None:
        return stage, "not among the weights that mmvoxceleb knows", f"`{sha256}`", "unknown", "not known"
    return stage, known.name, f"`{sha256}`", known.licence, known.results


def _of_models(statistics: ExportStatistics, facts: CardFacts) -> dict[str, Any]:
    """Say what the models let one do: which they are, where all may be used for anything; else what each restricts."""
    made = [(stage, facts.models.get(sha256)) for stage, sha256 in statistics.models]
    known = {model.name: model for _, model in made if model is not None}
    are_open = bool(known) and all(model is not None and model.is_permissive for _, model in made)
    restricting = {
        f"{stage} by {model.name}": model.results for stage, model in made if model and not model.is_permissive
    }
    return {
        "is_of_voxceleb": statistics.is_of_voxceleb,
        "voxceleb_persons": statistics.voxceleb_persons,
        "open_models": [f"{name}, {model.licence}" for name, model in known.items()] if are_open else [],
        "restrictions": [] if are_open else list(restricting.items()),
    }

"""The dataset card: README.md, LICENSE.md and charts, from the export's own numbers."""

from collections.abc import Sequence
from pathlib import Path

from mmvoxceleb.files.atomic import write_atomically
from mmvoxceleb.hub import card_text
from mmvoxceleb.hub.card_data import card_data
from mmvoxceleb.hub.card_facts import CardFacts, ModelFacts
from mmvoxceleb.hub.charts import CHARTS, draw_charts
from mmvoxceleb.hub.notes import ShardNote
from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.hub.statistics import ExportStatistics, statistics_of

__all__ = ["CardFacts", "ModelFacts", "render_card", "write_card"]


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
    if facts.licence is None:
        write_atomically(root / "LICENSE.md", card_text.LICENCE_FILE.encode())
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
    data = card_data(settings, notes, statistics, facts)
    sections = [
        card_text.opening(settings, statistics, notes, facts),
        card_text.loading(settings, facts),
        card_text.record(settings),
        card_text.numbers(statistics, charts),
        card_text.rights(facts),
        card_text.people(facts),
        card_text.labels(settings, statistics, facts, charts),
        card_text.making(settings, statistics, facts),
        card_text.coverage(statistics, facts),
        card_text.splits(statistics),
        card_text.bias(),
        card_text.removal(facts),
        card_text.citations(settings),
    ]
    body = "\n\n".join(section.strip() for section in sections if section.strip())
    return f"---\n{data.to_yaml()}\n---\n\n{body}\n"

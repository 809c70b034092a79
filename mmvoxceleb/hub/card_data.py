"""The YAML of the card: configs, splits, features, sizes, licence, tags."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mmvoxceleb.hub.card_facts import CardFacts
from mmvoxceleb.hub.layout import PREVIEW, WHOLE, Config, configs_of, features_among
from mmvoxceleb.hub.notes import ShardNote
from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.hub.statistics import ExportStatistics
from mmvoxceleb.modalities import TEXT, modalities
from mmvoxceleb.schema import SPLITS

if TYPE_CHECKING:
    from huggingface_hub import DatasetCardData

__all__ = ["card_data", "title_of"]

GATE = (
    "The clips show real people who were not asked. By requesting access you agree to use them for research that is "
    "lawful where you work, not to identify, surveil or imitate anybody, not to pass the files on, and to delete a "
    "person's clips when they are removed here."
)
GATE_OF_OTHERS = GATE.replace("real people who were not asked", "real people")
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def title_of(facts: CardFacts, statistics: ExportStatistics) -> str:
    """Return the heading of the card: the publisher's, or one that is true of any such clips."""
    return facts.title or ("Multimodal VoxCeleb" if statistics.is_of_voxceleb else "Talking faces")


def card_data(
    settings: ExportSettings, notes: Sequence[ShardNote], statistics: ExportStatistics, facts: CardFacts
) -> "DatasetCardData":
    """Build the YAML of the card.

    Args:
        settings: What was exported.
        notes: The finished shards.
        statistics: Their numbers.
        facts: What the publisher says.
    """
    from huggingface_hub import DatasetCardData

    named, _ = facts.licence_for(sha256 for _, sha256 in statistics.models)
    licence: dict[str, Any] = {"license": named} if named else _OTHER_LICENCE
    configs: list[dict[str, Any]] = []
    infos: list[dict[str, Any]] = []
    for config in configs_of(settings) if settings.format == "parquet" else ():
        members = [note for note in notes if note.part == config.part and note.rows]
        if config.name == PREVIEW and not members:
            continue
        entry: dict[str, Any] = {"config_name": config.name}
        if config.name == WHOLE:
            entry["default"] = True
        if config.is_projection:
            entry["columns"] = list(config.columns)
        entry["data_files"] = [
            {"split": split, "path": f"data/{config.part}/{split}-*.parquet"} for split in _splits(members)
        ]
        configs.append(entry)
        infos.append(_info(settings, config, members))
    if settings.format == "webdataset":
        splits = _splits(notes)
        files = [{"split": split, "path": f"data/{split}-*.tar"} for split in splits]
        configs = [{"config_name": WHOLE, "default": True, "data_files": files}]
    described: dict[str, Any] = {
        name: value for name, value in (("configs", configs), ("dataset_info", infos)) if value
    }
    is_from_voxceleb = statistics.voxceleb_persons > 0 and not statistics.is_generated
    return DatasetCardData(
        **licence,
        pretty_name=title_of(facts, statistics),
        language=["en"] if TEXT.name in settings.modalities else None,
        task_categories=[task for kind in modalities(settings.modalities) for task in kind.tasks] or None,
        size_categories=[next((name for limit, name in _SIZES if statistics.clips < limit), "1M<n<10M")],
        annotations_creators=["machine-generated"] if _is_predicted(statistics) else None,
        source_datasets=["extended|other-voxceleb"] if is_from_voxceleb else None,
        tags=_tags(settings, statistics),
        extra_gated_prompt=None if statistics.is_generated else GATE if is_from_voxceleb else GATE_OF_OTHERS,
        **described,
    )


_OTHER_LICENCE = {"license": "other", "license_name": "several-see-license-md", "license_link": "LICENSE.md"}


def _splits(notes: Sequence[ShardNote]) -> list[str]:
    """Name the splits that have clips, ``train`` first."""
    return [split for split in SPLITS if any(note.split == split and note.rows for note in notes)]


def _is_predicted(statistics: ExportStatistics) -> bool:
    return any(source.startswith("predicted") for source in statistics.label_sources)


def _tags(settings: ExportSettings, statistics: ExportStatistics) -> list[str]:
    origin = ["voxceleb"] if statistics.voxceleb_persons else []
    tags = ["face", *origin, "mmvid", *(tag for kind in modalities(settings.modalities) for tag in kind.tags)]
    return [*tags, "webdataset"] if settings.format == "webdataset" else tags


def _info(settings: ExportSettings, config: Config, notes: Sequence[ShardNote]) -> dict[str, Any]:
    from datasets import DatasetInfo, SplitDict, SplitInfo

    splits = SplitDict()
    for split in _splits(notes):
        members = [note for note in notes if note.split == split]
        size = sum(note.column_bytes.get(column, 0) for note in members for column in config.columns)
        splits[split] = SplitInfo(split, num_bytes=size, num_examples=sum(note.rows for note in members))
    info = DatasetInfo(
        features=features_among(settings, config.columns),
        splits=splits,
        download_size=sum(note.bytes for note in notes),
        dataset_size=sum(split.num_bytes for split in splits.values()),
    )
    return {"config_name": config.name, **info._to_yaml_dict()}

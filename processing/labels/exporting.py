"""Labels out of a store."""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from mmvoxceleb.errors import ConfigError, MissingModalityError
from mmvoxceleb.files.atomic import write_atomically, writing
from mmvoxceleb.meta.removal_list import read_removals
from mmvoxceleb.modalities import LABEL
from mmvoxceleb.processing.labels.files import form_of, write_annotations
from mmvoxceleb.processing.labels.importing import label_in
from mmvoxceleb.processing.labels.stage import MANUAL
from mmvoxceleb.schema import ATTRIBUTES, SENSITIVE_ATTRIBUTES
from mmvoxceleb.stores import Store, open_store
from mmvoxceleb.stores.clip import StoredClip

__all__ = ["ExportReport", "export_labels"]


@dataclass
class ExportReport:
    """What an export wrote.

    Args:
        written: Clips in the file.
        predicted: Clips left out because their label is predicted.
        partly: Clips whose label is predicted, and of which only the attributes that somebody has set were written.
        left_out: Attributes left out, sorted.
        open_values: Values that are unknown; the parsed form cannot say so.
    """

    written: list[str] = field(default_factory=list)
    predicted: list[str] = field(default_factory=list)
    partly: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    open_values: int = 0


def export_labels(
    store: str | os.PathLike[str],
    file: str | os.PathLike[str],
    *,
    include_predicted: bool = False,
    drop_sensitive: bool = False,
) -> ExportReport:
    """Write the labels of a store into one file: ``.csv``, ``.json``, or ``.txt`` for the original's parsed form.

    Args:
        store: A dataset, on this machine or anywhere.
        file: Where to; its suffix chooses the form.
        include_predicted: Whether values that a model predicted are written, too.
        drop_sensitive: Whether the attributes of :data:`~mmvoxceleb.schema.SENSITIVE_ATTRIBUTES` are left out.

    Raises:
        MissingModalityError: There is no label to write.
        ConfigError: The parsed form was asked for predicted labels: it cannot say that they are, and a later import
            would take them for hand-made. Or the suffix is unknown.
        OutputError: The file cannot be written.
    """
    form = form_of(file)
    if form == "parsed" and include_predicted:
        raise ConfigError(
            f"{file}: the parsed form cannot say that a label is predicted, so a later import would take it for "
            "manual; write .csv or .json"
        )
    reader = open_store(store)
    report = ExportReport(left_out=sorted(SENSITIVE_ATTRIBUTES) if drop_sensitive else [])
    labels: dict[str, list[int]] = {}
    sources: dict[str, str] = {}
    for clip in read_removals(store).keep(reader.clips(LABEL.folder())):
        source, mended = _source_in(reader, clip)
        is_guess = source.startswith("predicted") and not include_predicted
        if is_guess and not mended:
            report.predicted.append(clip)
            continue
        label = label_in(reader, clip)
        assert label is not None
        if is_guess:
            label = [value if name in mended else -1 for name, value in zip(ATTRIBUTES, label, strict=True)]
            source = MANUAL
            report.partly.append(clip)
        labels[clip] = label
        sources[clip] = source
    if not labels:
        raise MissingModalityError(
            f"{reader.location}: has no labels to export"
            + (f" but {len(report.predicted)} predicted ones; add --predicted" if report.predicted else "")
        )
    kept = [index for index, name in enumerate(ATTRIBUTES) if name not in report.left_out]
    report.open_values = sum(label[index] == -1 for label in labels.values() for index in kept)
    report.written = sorted(labels)
    with writing(file):
        write_atomically(file, write_annotations(form, labels, sources, report.left_out))
    return report


def _source_in(store: Store, clip: str) -> tuple[str, Collection[str]]:
    """Return where a label is from, and the attributes of it that somebody has set one by one."""
    meta = StoredClip(store, clip).meta
    section = meta.get(LABEL.name)
    mended = section.get("mended") if isinstance(section, Mapping) else None
    return meta.get("label_source") or "", mended if isinstance(mended, Mapping) else ()

"""Hand-made labels into a store."""

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mmvoxceleb.counting import counted
from mmvoxceleb.errors import ConfigError, CorruptSourceError, SourceUnavailableError
from mmvoxceleb.files.quoting import shortened
from mmvoxceleb.meta.provenance import LedgerRow, Provenance
from mmvoxceleb.meta.removal_list import read_removals
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.meta.watch import RemovalWatch
from mmvoxceleb.modalities import LABEL
from mmvoxceleb.processing.labels.files import (
    Annotations,
    contradictions,
    read_annotations,
)
from mmvoxceleb.processing.labels.stage import MANUAL, format_label, mended_source
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.processing.removal import erase, obey
from mmvoxceleb.schema import ATTRIBUTES
from mmvoxceleb.stores import Store, open_store
from mmvoxceleb.stores.clip import StoredClip

__all__ = ["ImportReport", "import_labels", "label_in", "write_label"]


@dataclass
class ImportReport:
    """What an import did, or with ``dry_run`` would do.

    Args:
        written: Clips whose label is new, or differs from the one that was there, or was not called manual.
        unchanged: Clips that had this very label as manual already.
        replaced: How many of ``written`` had another label; by its ``label_source``.
        unknown_clips: Clips of the file that the store has not; left out.
        empty: Clips of which the file says that nothing holds; left out unless asked for.
        predicted: Clips that the file itself calls predicted; left out.
        removed: Clips on the removal list; left out.
        unknown_names: Names that are not attributes, with the number of times; left out.
        contradictions: What cannot well hold together, by clip; imported as annotated.
        stale_text: Clips whose text was made from another label.
        forgotten: How many values become unknown that were known, by clip.
        negative: How many values -1 of the file were read as absent, because it has no 0.
    """

    written: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    replaced: Counter[str] = field(default_factory=Counter)
    unknown_clips: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    predicted: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unknown_names: Counter[str] = field(default_factory=Counter)
    contradictions: dict[str, list[str]] = field(default_factory=dict)
    stale_text: list[str] = field(default_factory=list)
    forgotten: dict[str, int] = field(default_factory=dict)
    negative: int = 0


def import_labels(
    file: str | os.PathLike[str],
    store: str | os.PathLike[str],
    *,
    ignore_unknown: bool = False,
    allow_empty: bool = False,
    strict: bool = False,
    keep_others: bool = False,
    dry_run: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> ImportReport:
    """Write hand-made labels into a store; they take the place of predicted ones, and stay when those are made again.

    Args:
        file: Annotations in any form that :func:`~mmvoxceleb.processing.labels.files.read_annotations` reads.
        store: The folder of a dataset.
        ignore_unknown: Whether names that are not attributes are left out instead of being an error.
        allow_empty: Whether clips of which nothing holds are imported; such a line is more often one that was
            never filled in.
        strict: Whether unknown clips, empty labels, contradictions and known values that become unknown are errors.
        keep_others: Whether attributes that the file leaves open keep the values that they have in the store.
        dry_run: Whether to report only.
        progress: Called with the number of clips done and their total.

    Raises:
        CorruptSourceError: The file is broken, or none of its clips is in the store; with ``strict`` also if anything
            is to be reported. Nothing is written.
        ConfigError: The file names unknown attributes, or the store is behind a URL. Nothing is written.
        SourceUnavailableError: The store is not there.
        IncompatibleOutputError: The store is one folder down from there.
    """
    root = _local_folder(store)
    annotations = read_annotations(file)
    if annotations.unknown and not ignore_unknown:
        raise ConfigError(_unknown_names(file, annotations))
    report = ImportReport(
        predicted=sorted(annotations.predicted), unknown_names=annotations.unknown, negative=annotations.negative
    )
    writer = StoreWriter(root)
    writer.check()
    watch = RemovalWatch(writer.tree)
    removals = read_removals(root)
    chosen = _choose(file, annotations, _clips_of(open_store(root)), report, removals, allow_empty, keep_others)
    if report.unknown_clips and len(report.unknown_clips) == len(annotations.labels):
        raise CorruptSourceError(
            f"{file}: none of its clips, such as {shortened(report.unknown_clips[0], 100)}, is in {root}; check their "
            "names"
        )
    reader = open_store(root)
    if not keep_others:
        report.forgotten = _forgotten(reader, chosen)
    if strict:
        _refuse(file, report)
    fingerprint = hashlib.sha256(Path(file).read_bytes()).hexdigest()
    provenance = Provenance(root)
    rows = []
    for number, (clip, label) in enumerate(sorted(chosen.items())):
        meta = provenance.read(clip)
        before = label_in(reader, clip)
        section: dict[str, Any] = {"annotation_file": Path(file).name, "annotation_sha256": fingerprint}
        source = MANUAL
        if before is not None and keep_others:
            section = _mended(meta, label, Path(file).name)
            label = [was if value == -1 else value for was, value in zip(before, label, strict=True)]
            source = mended_source(meta.get("label_source"), label, section["mended"])
        if before == label and meta.get("label_source") == source:
            report.unchanged.append(clip)
        else:
            if not dry_run:
                if clip not in watch.now():
                    write_label(clip, label, {**section, "label_source": source}, source, provenance, writer)
                if clip in watch.now():  # since the import began, perhaps while it was written
                    erase(writer.tree, Removals(clip_id=frozenset({clip})))
                    report.removed.append(clip)
                    continue
                rows.append(LedgerRow(clip, "label", "done"))
            report.written.append(clip)
            if before is not None:
                report.replaced[str(meta.get("label_source") or "of unknown origin")] += 1
        text = meta.get("text")
        read = text.get("input") if isinstance(text, dict) else None
        if isinstance(text, dict) and not (isinstance(read, dict) and read.get("label") == label):
            report.stale_text.append(clip)
        if progress is not None:
            progress(number + 1, len(chosen))
    if rows:
        provenance.record(rows)
        provenance.compact()
        obey(writer.tree, watch, removals)
    return report


def _choose(
    file: str | os.PathLike[str],
    annotations: Annotations,
    clips: frozenset[str],
    report: ImportReport,
    removals: Removals,
    allow_empty: bool,
    keep_others: bool,
) -> dict[str, list[int]]:
    chosen: dict[str, list[int]] = {}
    for name, label in annotations.labels.items():
        forms = (unicodedata.normalize(form, name) for form in ("NFC", "NFD"))  # macOS gives names in the second
        spellings = [each for form in (name, *forms) for each in (form, f"{form}.mp4")]
        clip = next((each for each in spellings if each in clips), name)
        if clip not in clips:
            report.unknown_clips.append(name)
        elif clip in removals:
            report.removed.append(clip)
        elif set(label) == {-1} if keep_others else (1 not in label and not allow_empty):
            report.empty.append(clip)
        elif chosen.setdefault(clip, label) != label:
            raise CorruptSourceError(
                f"{file}: clip {shortened(clip, 100)} appears twice, in two spellings and with different attributes; "
                "keep one"
            )
        else:
            if found := contradictions(label):
                report.contradictions[clip] = found
    report.unknown_clips.sort()
    return chosen


def _mended(meta: Mapping[str, Any], label: Sequence[int], name: str) -> dict[str, Any]:
    """Say what is known of a label of which a file sets some attributes, as the viewer does of those set by hand."""
    section = meta.get(LABEL.name)
    section = dict(section) if isinstance(section, Mapping) else {}
    mended = section.get("mended")
    at = datetime.now(timezone.utc).isoformat(timespec="seconds")
    said = {
        attribute: {"value": value, "by": name, "at": at}
        for attribute, value in zip(ATTRIBUTES, label, strict=True)
        if value != -1
    }
    return {**section, "mended": {**(mended if isinstance(mended, Mapping) else {}), **said}}


def _refuse(file: str | os.PathLike[str], report: ImportReport) -> None:
    found = [f"clip {clip} is not in the store" for clip in report.unknown_clips]
    found += [f"clip {clip} has no attribute that holds" for clip in report.empty]
    found += [f"clip {clip} has {', '.join(both)}" for clip, both in report.contradictions.items()]
    found += [f"clip {clip} leaves {counted(count, 'known value')} open" for clip, count in report.forgotten.items()]
    if found:
        raise CorruptSourceError(
            f"{file}: doubtful entries ({len(found):,}), so nothing was imported: {'; '.join(found[:5])}"
            f"{'; ...' if len(found) > 5 else ''}. Fix them, or import without --strict"
        )


def write_label(
    clip: str,
    label: Sequence[int],
    section: Mapping[str, Any],
    source: str | None,
    provenance: Provenance,
    writer: StoreWriter,
) -> None:
    """Write the label of a clip, and what is known of it.

    Args:
        clip: The key.
        label: 40 values, each -1, 0 or 1.
        section: What the provenance says of the label.
        source: The clip's ``label_source``.
        provenance: Of the store.
        writer: Into the store.
    """
    provenance.begin(clip, ["label"])
    writer.write(LABEL.folder(), clip, [("", format_label(label))])
    provenance.finish(clip, {"label": dict(section), "label_source": source})


def _unknown_names(file: str | os.PathLike[str], annotations: Annotations) -> str:
    import difflib

    phrases = []
    for name, count in annotations.unknown.most_common(5):
        known = {attribute.lower(): attribute for attribute in ATTRIBUTES}
        close = difflib.get_close_matches(name.lower(), known, 1)
        meant = f"; did you mean {known[close[0]]}?" if close else ""
        phrases.append(f"{name!r} ({counted(count, 'time')}{meant})")
    more = f" and {len(annotations.unknown) - 5} more" if len(annotations.unknown) > 5 else ""
    return (
        f"{file}: names that are no CelebA attributes: {', '.join(phrases)}{more}; nothing was imported. Mend them, "
        f"or leave them out with --ignore-unknown. The 40 known ones are: {', '.join(ATTRIBUTES)}"
    )


def _local_folder(store: str | os.PathLike[str]) -> Path:
    if "://" in os.fspath(store):
        raise ConfigError(f"{store}: labels can be imported into a folder on this machine only")
    root = Path(store).expanduser()
    if not root.is_dir():
        raise SourceUnavailableError(f"{store}: no such folder; name that of the dataset")
    return root


def _forgotten(store: Store, chosen: Mapping[str, Sequence[int]]) -> dict[str, int]:
    """Count the values that a store knows and the labels that replace them leave open, by clip."""
    found = {}
    for clip, label in sorted(chosen.items()):
        before = label_in(store, clip) or ()
        if count := sum(was != -1 and value == -1 for was, value in zip(before, label, strict=False)):
            found[clip] = count
    return found


def _clips_of(store: Store) -> frozenset[str]:
    folders = [folder for folder in store.folders() if folder.modality != "meta"]
    return frozenset(clip for folder in folders for clip in store.clips(folder))


def label_in(store: Store, clip: str) -> list[int] | None:
    """Return the label of a clip, 40 values; None without one."""
    stored = StoredClip(store, clip)
    return stored.value(LABEL) if stored.has(LABEL.folder()) else None

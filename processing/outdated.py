"""Results that were computed from frames which a crop replaces: they are deleted, since they would pass for its own."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from mmvoxceleb.meta.inputs import CONVERT, folders_of_stage, inputs_in
from mmvoxceleb.meta.provenance import LedgerRow, Provenance, unfinished_in
from mmvoxceleb.meta.videos import CROP
from mmvoxceleb.modalities import AUDIO, LABEL, META
from mmvoxceleb.processing.labels.stage import is_by_hand
from mmvoxceleb.processing.output import StoreWriter

__all__ = ["outdated_by_frames", "take_away"]

_REASON = "frames replaced: it was made from the earlier ones"


def outdated_by_frames(meta: Mapping[str, Any], crop: Mapping[str, Any]) -> list[str]:
    """List the stages whose results are of the frames of a clip, or of other results that are.

    What a killed run left is among them. Labels that somebody has set stay, and so does sound that was cut from the
    same place of the same video.

    Args:
        meta: The clip's provenance before its frames are replaced.
        crop: What its provenance will say of the crop.
    """
    inputs = inputs_in(meta)
    outdated = {stage for stage in unfinished_in(meta) if stage not in (CROP, LABEL.name)}
    while True:
        gone = {folder.path for stage in outdated for folder in folders_of_stage(stage, meta.get(stage))}
        more = {
            stage
            for stage, given in inputs.items()
            if stage not in outdated
            and not (stage == LABEL.name and is_by_hand(meta[stage]))
            and _is_outdated(stage, given, crop, gone)
        }
        if not more:
            return sorted(outdated)
        outdated |= more


def _is_outdated(stage: str, given: Mapping[str, Any], crop: Mapping[str, Any], gone: Collection[str]) -> bool:
    if stage == AUDIO.name:
        return any(given.get(key) != crop.get(key) for key in ("source", "start", "num_frames"))
    read = {name for name, value in given.items() if value is not None}
    return given.get("frames") not in (0, None) or not read.isdisjoint(gone)


def take_away(writer: StoreWriter, clip_id: str, stages: Sequence[str]) -> list[str]:
    """Delete what stages have made of a clip, and then what its provenance says of them.

    Args:
        writer: Of the store.
        clip_id: The clip.
        stages: Their names. Files of a stage of which no folder is known stay, and count as unfinished.

    Returns:
        The stages that had files.

    Raises:
        OSError: A file cannot be deleted.
    """
    provenance = Provenance(writer.tree)
    meta = provenance.read(clip_id)
    folders = {
        stage: [folder for folder in folders_of_stage(stage, meta.get(stage)) if folder.kind is not META]
        for stage in stages
    }
    had_files = [stage for stage in stages if any(writer.has(folder, clip_id) for folder in folders[stage])]
    for folder in (folder for stage in had_files for folder in folders[stage]):
        writer.remove(folder, clip_id)
    provenance.record(LedgerRow(clip_id, stage, "rejected", _REASON) for stage in had_files)
    facts = ("label_source",) if LABEL.name in stages else ()
    unknown = [stage for stage in stages if not folders[stage] and stage != CONVERT]
    provenance.forget(clip_id, stages, facts=facts, unfinished=unknown)
    return had_files

"""Results that were computed from frames which a crop replaces: they are deleted, since they would pass for its own."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmvoxceleb.meta.inputs import folders_of_stage, inputs_in
from mmvoxceleb.meta.provenance import LedgerRow, Provenance
from mmvoxceleb.modalities import AUDIO, LABEL
from mmvoxceleb.processing.labels.stage import is_by_hand
from mmvoxceleb.processing.output import StoreWriter

__all__ = ["outdated_by_frames", "take_away"]

_REASON = "frames replaced: it was made of the earlier ones"


def outdated_by_frames(meta: Mapping[str, Any], crop: Mapping[str, Any]) -> list[str]:
    """List the stages whose results are of the frames of a clip, or of other results that are.

    Labels that somebody has set stay, and so does sound that was cut from the same place of the same video.

    Args:
        meta: The clip's provenance before its frames are replaced.
        crop: What its provenance will say of the crop.
    """
    outdated: list[str] = []
    inputs = inputs_in(meta)
    for stage, given in inputs.items():
        if stage == LABEL.name and is_by_hand(meta[stage]):
            continue
        if stage == AUDIO.name:
            is_outdated = any(given.get(key) != crop.get(key) for key in ("source", "start", "num_frames"))
        else:
            is_outdated = given.get("frames") not in (0, None)
        outdated += [stage] if is_outdated else []
    gone = {folder.path for stage in outdated for folder in folders_of_stage(stage)}
    read_too = [
        stage
        for stage, given in inputs.items()
        if stage not in outdated and not gone.isdisjoint(key for key, value in given.items() if value is not None)
    ]
    return sorted([*outdated, *read_too])


def take_away(writer: StoreWriter, clip_id: str, stages: Sequence[str]) -> None:
    """Delete what stages have made of a clip, and say so in its provenance and in the ledger.

    Args:
        writer: Of the store.
        clip_id: The clip.
        stages: Their names. Files of a stage that is not named after its modality stay, and count as unfinished.

    Raises:
        OSError: A file cannot be deleted.
    """
    provenance = Provenance(writer.tree)
    provenance.forget(clip_id, stages, facts=("label_source",) if LABEL.name in stages else ())
    for stage in stages:
        for folder in folders_of_stage(stage):
            writer.remove(folder, clip_id)
    provenance.record(LedgerRow(clip_id, stage, "rejected", _REASON) for stage in stages)

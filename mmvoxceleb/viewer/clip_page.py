"""All that the page shows of one clip, as JSON."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from mmvoxceleb.errors import MissingModalityError, MMVoxCelebError
from mmvoxceleb.meta.figures import all_figures, finite
from mmvoxceleb.modalities import LABEL, TEXT, VIDEO, FileModality, FrameModality, file_modalities
from mmvoxceleb.modalities.base import Shown
from mmvoxceleb.schema import ATTRIBUTES, ClipId, split_of
from mmvoxceleb.stores.clip import StoredClip
from mmvoxceleb.viewer.facts import numbered_kinds, thresholds_in
from mmvoxceleb.viewer.over_time import has_curves
from mmvoxceleb.viewer.pictures import folder_named

__all__ = ["describe", "file_kind", "label_of", "sound_of", "strip_of"]

FRAMES_PER_SECOND = 25
_SOURCES = ("source", "start", "end", "fps", "face_box_xyxy_px", "crop_box_xyxy_px", "boxes_from")


def describe(clip: StoredClip, tidy: Callable[[object], str]) -> dict[str, Any]:
    """Collect what there is of a clip. What cannot be read is told in ``problems``.

    Args:
        clip: The clip.
        tidy: Takes the machine's paths out of a message.
    """
    parsed, problems = ClipId.parse(clip.clip_id), []
    rows, extras = [], []
    values: dict[str, Any] = {}
    numbered = numbered_kinds()
    for kind in file_modalities():
        try:
            if clip.has(kind.folder()):
                values[kind.name] = clip.value(kind)
        except MMVoxCelebError as error:
            problems.append(tidy(error))
    for name, value in values.items():
        kind = next(kind for kind in file_modalities() if kind.name == name)
        extras.append({"modality": name, "title": kind.title, "sound": kind.sound(value) is not None,
                       "outlines": _has_outlines(kind)})  # fmt: skip
        if kind not in (TEXT, LABEL, *numbered) and (shown := kind.shown(value)) is not None:
            rows.append(_row(shown))
    try:
        meta: Mapping[str, Any] = clip.meta
    except MMVoxCelebError as error:
        meta = {}
        problems.append(tidy(error))
    layers = _layers(clip, problems, tidy)
    numbers: dict[str, float | None] = {}
    for kind in numbered:
        found = kind.numbers(values[kind.name]) if kind.name in values else {}
        numbers |= {**dict.fromkeys(found), **finite(found)}
    return {
        "name": clip.clip_id,
        "person": parsed.person_id,
        "video": parsed.video_id,
        "split": split_of(parsed.person_id),
        "rate": FRAMES_PER_SECOND,
        "layers": layers,
        "files": extras,
        "rows": rows,
        "sentences": values.get(TEXT.name, []),
        "figures": all_figures(meta, numbers),
        "curves": [
            *({"modality": name, "style": ""} for name in values if has_curves(file_kind(name))),
            *(
                {"modality": layer["modality"], "style": layer["style"]}
                for layer in layers
                if layer["modality"] not in values and has_curves(folder_named(layer["modality"]).kind)
            ),
        ],
        "source": _source(meta, tidy),
        "crop": _crop(meta),
        "problems": problems,
        **label_of(values.get(LABEL.name), meta),
    }


def label_of(label: list[int] | None, meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return the label of a clip with probabilities, thresholds and where it comes from."""
    section = meta.get(LABEL.name)
    section = section if isinstance(section, Mapping) else {}
    text = meta.get(TEXT.name)
    read = text.get("input") if isinstance(text, Mapping) else None
    return {
        "label": None if label is None else dict(zip(ATTRIBUTES, label, strict=True)),
        "label_source": str(meta.get("label_source") or ""),
        "probabilities": section.get("probabilities") or {},
        "thresholds": thresholds_in(section),
        "mended": section.get("mended") or {},
        "is_text_old": isinstance(read, Mapping) and label is not None and read.get("label") != label,
    }


def sound_of(clip: StoredClip, modality: str) -> bytes:
    """Return the file of a modality that is heard, FLAC.

    Raises:
        MissingModalityError: The clip has no such sound.
    """
    sound = file_kind(modality).sound(clip.value(file_kind(modality)))
    if sound is None:
        raise MissingModalityError(f"clip {clip.clip_id} has no such sound")
    return bytes(sound.data)


def strip_of(clip: StoredClip, modality: str, width: int, height: int) -> bytes | None:
    """Draw a modality over the time of the clip, PNG; None if there is nothing to draw."""
    import io

    kind = file_kind(modality)
    picture = kind.strip(clip.value(kind), (width, height))
    if picture is None:
        return None
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def file_kind(name: str) -> FileModality:
    """Return a modality of one file per clip.

    Raises:
        MissingModalityError: None has that name.
    """
    kind = next((kind for kind in file_modalities() if kind.name == name), None)
    if kind is None:
        raise MissingModalityError("no modality of one file has that name")
    return kind


def _layers(clip: StoredClip, problems: list[str], tidy: Callable[[object], str]) -> list[dict[str, Any]]:
    found = []
    for folder in clip.store.folders():
        kind = folder.kind
        if not isinstance(kind, FrameModality):
            continue
        try:
            if not clip.has(folder):
                continue
            indices = clip.indices(folder).tolist()
        except MMVoxCelebError as error:
            problems.append(tidy(error))
            continue
        found.append({
            "modality": kind.name, "style": folder.style, "title": kind.title, "indices": indices,
            "is_timeline": kind.is_timeline,
            "classes": [[name, list(colour)] for name, colour in kind.pixel_classes],
        })  # fmt: skip
    for kind in file_modalities():
        if (
            type(kind).drawn is not FileModality.drawn
            and not _has_outlines(kind)
            and clip.has(kind.folder())
            and clip.has(VIDEO.folder())
        ):
            found.append({
                "modality": kind.name, "style": "", "title": kind.title, "classes": [], "is_timeline": False,
                "indices": clip.indices(VIDEO.folder()).tolist(),
            })  # fmt: skip
    return sorted(found, key=lambda layer: (not layer["is_timeline"], str(layer["modality"]), str(layer["style"])))


def _has_outlines(kind: FileModality) -> bool:
    return type(kind).outlines is not FileModality.outlines


def _row(shown: Shown) -> dict[str, Any]:
    return {"title": shown.title, "chips": [name for name, _ in shown.chips],
            "lines": list(shown.lines), "note": shown.note}  # fmt: skip


def _source(meta: Mapping[str, Any], tidy: Callable[[object], str]) -> list[list[str]]:
    """List where a clip comes from, for reading: names of fields and their values."""
    crop = meta.get("crop") if isinstance(meta.get("crop"), Mapping) else {}
    assert isinstance(crop, Mapping)
    found = []
    for name in _SOURCES:
        value = crop.get(name, meta.get(name))
        if isinstance(value, Mapping):
            found += [[str(key), _file_name(tidy(inner))] for key, inner in value.items() if _is_plain(inner)]
        elif isinstance(value, list):
            found.append([name, ", ".join(map(str, value))])
        elif _is_plain(value):
            found.append([name, _file_name(tidy(value))])
    return found


def _crop(meta: Mapping[str, Any]) -> dict[str, Any] | None:
    """Say where in the picture of the source the clip lies; None where its provenance does not tell."""
    crop = meta.get("crop")
    video = crop.get("video") if isinstance(crop, Mapping) else None
    if not isinstance(crop, Mapping) or not isinstance(video, Mapping):
        return None
    size = [video.get("width_px"), video.get("height_px")]
    paths = crop.get("crop_boxes_xyxy_px")
    boxes = paths if isinstance(paths, list) else [crop.get("crop_box_xyxy_px")]
    face = crop.get("face_box_xyxy_px")
    if not _are_numbers(size, 2) or not boxes or not all(_are_numbers(box, 4) for box in boxes):
        return None
    return {"size": size, "boxes": boxes, "face": face if _are_numbers(face, 4) else None}


def _are_numbers(values: Any, count: int) -> bool:
    return (isinstance(values, list) and len(values) == count
            and all(isinstance(value, int | float) and math.isfinite(value) for value in values))  # fmt: skip


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _file_name(text: str) -> str:
    """Leave the folders of this machine out of a path."""
    return text.rsplit("/", 1)[-1] if text.startswith(("/", "~", "file:")) else text

"""Texts that people hand in: annotations of VoxCeleb, tables of crops, identities and labels."""

import itertools
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from mmvoxceleb.processing.crop.annotations import annotation_files, read_annotation
from mmvoxceleb.processing.crop.sources import free_videos, metadata_videos
from mmvoxceleb.processing.crop.videos import SourceVideo
from mmvoxceleb.processing.labels.files import Form, read_annotations, write_annotations
from mmvoxceleb.processing.labels.importing import import_labels
from mmvoxceleb.schema import ATTRIBUTES, ClipId
from tests.fuzz.kind import Kind, damage_file, pick
from tests.fuzz.kinds.stores import read_store, record_fault
from tests.fuzz.mutations.json_values import damage_json
from tests.fuzz.mutations.texts import damage_text
from tests.support.corpus import label_of, make_corpus
from tests.support.videos import write_annotation


class Annotations(Kind):
    """Boxes of VoxCeleb."""

    name = "annotations"

    def build(self, case: Path) -> None:
        boxes = np.array([[10 + number, 20, 110 + number, 140] for number in range(12)], np.float64)
        write_annotation(case / "txt" / "id10001" / "video" / "00001.txt", range(0, 24, 2), boxes, height=360)
        write_annotation(case / "txt" / "id10001" / "video" / "00002.txt", range(12), boxes, height=360, width=640)

    def damage(self, case: Path, rng: Random) -> str:
        return damage_file(rng, pick(rng, case, "txt/*/*/*"), damage_text)

    def read(self, case: Path) -> Any:
        found = []
        for _, _, path in annotation_files(case / "txt"):
            annotation = read_annotation(path)
            boxes = annotation.boxes_on_every_frame(640, 360)
            found.append((annotation.frames.tolist(), np.asarray(boxes).tolist()))
        return found

    def fault(self, got: Any, clean: Any, case: Path, told: list[str]) -> str | None:
        for frames, boxes in got:
            if frames[0] < 0 or any(one >= other for one, other in itertools.pairwise(frames)):
                return "frames do not ascend"
            if not np.isfinite(boxes).all() or len(boxes) != frames[-1] - frames[0] + 1:
                return "boxes are not one for each frame, or no numbers"
        return None


class CropTables(Kind):
    """``vox-metadata.csv`` and tables of identities."""

    name = "crop-tables"

    def build(self, case: Path) -> None:
        (case / "raw").mkdir()
        for name in ("one.mp4", "two.mp4"):
            (case / "raw" / name).write_bytes(b"")
        rows = [
            f"id1000{number},vide{number},{number * 10},{number * 10 + 50},10-20-410-420,25,640,480,train\n"
            for number in range(4)
        ]
        header = "person_id,video_id,start,end,bbox,fps,width,height,partition\n"
        (case / "vox-metadata.csv").write_text(header + "".join(rows))
        (case / "identities.csv").write_text("file,person_id,video_id\none.mp4,id10001,first\ntwo.mp4,id10002,second\n")

    def damage(self, case: Path, rng: Random) -> str:
        return damage_file(rng, pick(rng, case, "*.csv"), damage_text)

    def read(self, case: Path) -> Any:
        table, _ = metadata_videos(case / "raw", case / "vox-metadata.csv")
        videos = (*table, *free_videos(case / "raw", case / "identities.csv"))
        return [(replace(video, path=None), ids_of(video)) for video in videos]

    def fault(self, got: Any, clean: Any, case: Path, told: list[str]) -> str | None:
        for video, ids in got:
            for clip_id, utterance in zip(ids, video.utterances, strict=True):
                clip = ClipId.parse(clip_id)
                if (clip.person_id, clip.video_id) != (video.person_id, video.video_id):
                    return f"{clip_id!r:.100} is not the name of {video.key!r:.60}"
                if not clip_id.isprintable() or ".." in clip_id.split("/"):
                    return f"{clip_id!r:.100} is no name for a file"
                if utterance.row is not None and not 0 <= utterance.row.start < utterance.row.end:
                    return f"{utterance.row} is no clip"
        return None


def ids_of(video: SourceVideo) -> list[str]:
    """Name a clip of each utterance."""
    return [video.clip_id(utterance, 0) for utterance in video.utterances]


class LabelFiles(Kind):
    """Attributes by hand as CSV, JSON and the original's parsed form, imported into a store."""

    name = "label-files"

    def build(self, case: Path) -> None:
        clips = make_corpus(case / "store", clips=3, frames=1).clips
        labels = {clip: label_of(number + 1) for number, clip in enumerate(clips)}
        forms: dict[Form, str] = {"csv": "csv", "json": "json", "parsed": "txt"}
        for form, suffix in forms.items():
            (case / f"labels.{suffix}").write_bytes(write_annotations(form, labels, {}))

    def damage(self, case: Path, rng: Random) -> str:
        path = pick(rng, case, "labels.*")
        (case / "chosen").write_text(path.name)
        return damage_file(rng, path, damage_json if path.suffix == ".json" else damage_text)

    def read(self, case: Path) -> Any:
        chosen = case / "chosen"
        path = case / (chosen.read_text() if chosen.exists() else "labels.csv")
        labels = read_annotations(path).labels
        import_labels(path, case / "store", ignore_unknown=True)
        return {"labels": labels, "records": read_store(case / "store")}

    def fault(self, got: Any, clean: Any, case: Path, told: list[str]) -> str | None:
        for clip, label in got["labels"].items():
            if (
                not isinstance(clip, str)
                or len(label) != len(ATTRIBUTES)
                or any(value not in (-1, 0, 1) for value in label)
            ):
                return f"{clip!r:.40}: {label!r:.80}"
        for clip, record in got["records"].items():
            if what := record_fault(record):
                return f"{clip}: {what}"
        return None

"""VoxCeleb's own lists: the annotation files of VoxCeleb1 and 2, and vox-metadata.csv."""

import os
from dataclasses import replace
from pathlib import Path

from mmvoxceleb.processing.crop.annotations import annotation_files
from mmvoxceleb.processing.crop.metadata import Metadata, read_metadata
from mmvoxceleb.processing.crop.names import PartNames
from mmvoxceleb.processing.crop.sources.files import VideoFiles, video_of
from mmvoxceleb.processing.crop.sources.grouping import refused_row
from mmvoxceleb.processing.crop.videos import SourceVideo, SourceVideos, Utterance

__all__ = ["annotated_videos", "metadata_videos"]


def annotated_videos(raw: str | os.PathLike[str], annotations: str | os.PathLike[str]) -> list[SourceVideo]:
    """List the videos that a folder of VoxCeleb annotations speaks of, sorted; those that are not in ``raw`` too.

    A video is found by its id: ``<id>.mp4`` in any container, in any subfolder, or ``... [<id>].mp4``.

    Raises:
        SourceUnavailableError: A folder is not there or empty.
    """
    files = VideoFiles(raw)
    grouped: dict[tuple[str, str], list[tuple[str, Utterance]]] = {}
    names = PartNames()
    for person, video, path in annotation_files(annotations):
        person_id, video_id, utterance, note = names.give(person, video, path.stem, str(path))
        assert utterance is not None
        part = video, Utterance(utterance, annotation=path, note=note)
        grouped.setdefault((person_id, video_id), []).append(part)
    videos = []
    for (person_id, video_id), found in sorted(grouped.items()):
        utterances = tuple(sorted((each for _, each in found), key=lambda each: each.name))
        videos.append(video_of(person_id, video_id, files.by_id(found[0][0]), utterances))
    return videos


def metadata_videos(raw: str | os.PathLike[str], metadata: str | os.PathLike[str]) -> tuple[SourceVideos, Metadata]:
    """List the videos that a vox-metadata.csv speaks of, sorted; those that are not in ``raw`` too.

    Raises:
        SourceUnavailableError: The folder or the file is not there.
        CorruptSourceError: The file is not what it should be, or has no row that is right.
    """
    table = read_metadata(metadata)
    files = VideoFiles(raw)
    grouped: dict[tuple[str, str], list[Utterance]] = {}
    for row in table.rows:
        grouped.setdefault((row.person_id, row.video_id), []).append(Utterance(row.utterance, row=row))
    name = Path(metadata).name
    videos = SourceVideos(
        refused=[
            refused_row(f"{name}, line {bad.line}", f"line {bad.line}", bad.problem, bad.person_id, bad.video_id)
            for bad in table.bad
        ]
    )
    for (person, video), wanted in sorted(grouped.items()):
        names = f"{person}#{video}"
        person_id, video_id, _, note = PartNames().give(person, video, None, names, origin=f"{names!a} in {name}")
        utterances = tuple(replace(utterance, note=note) for utterance in wanted)
        videos.append(video_of(person_id, video_id, files.by_id(video), utterances))
    return videos, table

"""The numbers of an export, from its markers: nothing is read twice."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mmvoxceleb.hub.layout import WHOLE
from mmvoxceleb.hub.notes import ClipNote, ShardNote
from mmvoxceleb.hub.quality import Quality
from mmvoxceleb.sample import SAMPLE_VIDEOS
from mmvoxceleb.schema import ATTRIBUTES, SPLITS, ClipId

__all__ = ["ExportStatistics", "SplitStatistics", "statistics_of"]

_VOXCELEB_PERSON = re.compile(r"id[0-9]{5}")


@dataclass(frozen=True)
class SplitStatistics:
    """The numbers of one split.

    Args:
        clips: Clips.
        persons: Identities.
        videos: Source videos.
        frames: Lengths of the clips in frames, where known.
        pictures: Pictures beside the frames, by name of their column (of the first style).
        attribute_counts: How many clips have each of the 40 attributes; empty without labels.
        attribute_known: For how many clips each attribute is given.
    """

    clips: int
    persons: frozenset[str]
    videos: frozenset[str]
    frames: tuple[int, ...]
    pictures: Mapping[str, int]
    attribute_counts: tuple[int, ...]
    attribute_known: tuple[int, ...]


@dataclass(frozen=True)
class ExportStatistics:
    """The numbers of an export.

    Args:
        splits: By split; splits without clips are left out.
        label_sources: How many clips have each source of labels; the empty name stands for none given.
        models: Stage and sha256 of the weights named in the clips' provenance.
        quality: The loss of the H.264 videos.
        skipped: Damaged clips that were left out, with the reason.
    """

    splits: dict[str, SplitStatistics]
    label_sources: Counter[str] = field(default_factory=Counter)
    models: tuple[tuple[str, str], ...] = ()
    quality: Quality | None = None
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def clips(self) -> int:
        """Clips in all splits."""
        return sum(split.clips for split in self.splits.values())

    @property
    def is_generated(self) -> bool:
        """Whether all clips are of the bundled sample, whose persons are generated."""
        return bool(self.splits) and all(split.videos <= SAMPLE_VIDEOS for split in self.splits.values())

    @property
    def is_of_voxceleb(self) -> bool:
        """Whether all identities are named as VoxCeleb names its own: ``id`` and five digits."""
        return 0 < self.voxceleb_persons == len(self.persons)

    @property
    def voxceleb_persons(self) -> int:
        """Number of identities that are named like that."""
        return sum(_VOXCELEB_PERSON.fullmatch(person) is not None for person in self.persons)

    @property
    def persons(self) -> frozenset[str]:
        """The identities of all splits."""
        return frozenset().union(*(split.persons for split in self.splits.values()))

    @property
    def shared_persons(self) -> list[str]:
        """Identities that stand in two splits; there should be none."""
        return _shared([split.persons for split in self.splits.values()])

    @property
    def shared_videos(self) -> list[str]:
        """Source videos that stand in two splits."""
        return _shared([split.videos for split in self.splits.values()])


def _shared(sets: Sequence[frozenset[str]]) -> list[str]:
    counts = Counter(name for members in sets for name in members)
    return sorted(name for name, count in counts.items() if count > 1)


def statistics_of(notes: Iterable[ShardNote]) -> ExportStatistics:
    """Count what the finished shards hold."""
    whole = [note for note in notes if note.part == WHOLE]
    splits: dict[str, SplitStatistics] = {}
    for name in SPLITS:
        clips = [clip for note in whole if note.split == name for clip in note.clips]
        if clips:
            splits[name] = _split_statistics(clips)
    qualities = [note.quality for note in whole if note.quality is not None]
    return ExportStatistics(
        splits=splits,
        label_sources=Counter(clip.label_source or "" for note in whole for clip in note.clips if clip.label),
        models=tuple(sorted({(model["stage"], model["sha256"]) for note in whole for model in note.models})),
        quality=sum(qualities, start=Quality()) if qualities else None,
        skipped={clip: reason for note in whole for clip, reason in note.skipped.items()},
    )


def _split_statistics(clips: Sequence[ClipNote]) -> SplitStatistics:
    keys = [ClipId.parse(clip.clip_id) for clip in clips]
    labels = [clip.label for clip in clips if clip.label]
    positions = range(len(ATTRIBUTES)) if labels else range(0)
    return SplitStatistics(
        clips=len(clips),
        persons=frozenset(key.person_id for key in keys),
        videos=frozenset(key.video_id for key in keys),
        frames=tuple(clip.num_frames for clip in clips if clip.num_frames is not None),
        pictures=sum((Counter(clip.num_pictures) for clip in clips), start=Counter()),
        attribute_counts=tuple(sum(label[position] == "1" for label in labels) for position in positions),
        attribute_known=tuple(sum(label[position] != "-" for label in labels) for position in positions),
    )

"""What a validation found: counts, and problems by kind."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from mmvoxceleb.modalities import modalities

__all__ = ["FolderCount", "Problem", "Report", "problem_titles"]

_STORE_TITLES = {
    "archive": "archives that cannot be opened",
    "name": "names that are not names of clips",
    "missing": "clips that lack a modality",
    "extra": "clips that have no video",
    "gap": "gaps in the frames",
    "repeat": "two files for one frame",
    "unmatched": "pictures without a frame",
    "stray": "files that are not pictures",
    "empty": "empty clips and files",
    "picture": "damaged pictures",
    "size": "pictures of several sizes in one clip",
    "outdated": "results that were made from other files than are there now",
}


def problem_titles() -> dict[str, str]:
    """Return the title of each kind of problem, in the order in which a report shows them."""
    titles = dict(_STORE_TITLES)
    for modality in modalities():
        titles |= modality.problem_titles
    return {**titles, "leak": "persons or videos in both splits"}


@dataclass(frozen=True)
class Problem:
    """One problem that a validation found.

    Args:
        kind: Kind of the problem, a key of :func:`problem_titles`.
        message: What is wrong, in a few words.
        clip_id: The clip; empty if the problem concerns no single clip.
        file: Folder of the layout and name of the file, such as ``mask/0000004.png``; empty if the problem concerns no
            single file.
    """

    kind: str
    message: str
    clip_id: str = ""
    file: str = ""

    def __str__(self) -> str:
        return ": ".join(part for part in (" ".join(filter(None, (self.clip_id, self.file))), self.message) if part)


@dataclass
class FolderCount:
    """Numbers of clips and files in one folder of the layout.

    Args:
        clips: Number of clips in the folder.
        files: Number of files of these clips.
        missing: Number of clips that have a video but are not in this folder; in a store without videos, of clips that
            are only in other folders. Clips of which it is known why they cannot be here are not counted.
        extra: Number of clips in this folder that have no video; 0 in a store without videos.
    """

    clips: int = 0
    files: int = 0
    missing: int = 0
    extra: int = 0


@dataclass
class Report:
    """Result of a validation. It counts all problems, and keeps the first few of each kind.

    Args:
        location: Path or URL of the store.
        deep: Whether all pictures were decoded.
        most_kept: Number of problems of each kind to keep.
        folders: Counts by folder of the layout (``video``, ``draw/style1``, ...).
        clips: Number of clips by split.
        persons: Number of identities by split.
        videos: Number of source videos.
        frames_per_clip: Frames of the shortest, the median and the longest clip; None without videos.
        pictures_decoded: Number of pictures that were decoded.
        seconds: Duration of the validation in s.
        explained: Number of clips that lack a modality for a reason that their provenance gives, such as ``audio: the
            video has no sound``, by the reason. These are no problems.
        problem_counts: Number of problems by kind.
        problems: The problems that were kept.
    """

    location: str
    deep: bool = False
    most_kept: int = 20
    folders: dict[str, FolderCount] = field(default_factory=dict)
    clips: dict[str, int] = field(default_factory=dict)
    persons: dict[str, int] = field(default_factory=dict)
    videos: int = 0
    frames_per_clip: tuple[int, int, int] | None = None
    pictures_decoded: int = 0
    seconds: float = 0.0
    explained: dict[str, int] = field(default_factory=dict)
    problem_counts: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether there are no problems."""
        return not self.problem_counts

    @property
    def num_problems(self) -> int:
        """Number of all problems, including those that were not kept."""
        return sum(self.problem_counts.values())

    def add(self, problems: Iterable[Problem]) -> None:
        """Count problems, and keep the first ``most_kept`` of each kind."""
        for problem in problems:
            count = self.problem_counts.get(problem.kind, 0)
            self.problem_counts[problem.kind] = count + 1
            if count < self.most_kept:
                self.problems.append(problem)

    def of_kind(self, kind: str) -> list[Problem]:
        """Return the problems of a kind that were kept."""
        return [problem for problem in self.problems if problem.kind == kind]

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {"ok": self.ok, "num_problems": self.num_problems, **asdict(self)}

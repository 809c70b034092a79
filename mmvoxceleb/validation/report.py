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
}


def problem_titles() -> dict[str, str]:
    """List the kinds of problems with their titles, in the order in which they are shown."""
    titles = dict(_STORE_TITLES)
    for modality in modalities():
        titles |= modality.problem_titles
    return {**titles, "leak": "persons or videos in both splits"}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Args:
        kind: A key of :func:`problem_titles`.
        message: What is wrong, in a few words.
        clip_id: The clip; empty where it is not about one.
        file: Folder of the layout and file, ``mask/0000004.png``; empty where it is not about one.
    """

    kind: str
    message: str
    clip_id: str = ""
    file: str = ""

    def __str__(self) -> str:
        return ": ".join(part for part in (" ".join(filter(None, (self.clip_id, self.file))), self.message) if part)


@dataclass
class FolderCount:
    """What one folder of the layout holds.

    Args:
        clips: Clips in it.
        files: Files of those clips.
        missing: Clips of the reference that are not in it; the reference is the video, or all clips without one.
        extra: Clips that the reference does not have.
    """

    clips: int = 0
    files: int = 0
    missing: int = 0
    extra: int = 0


@dataclass
class Report:
    """The result of a validation. Of each kind of problem all are counted and the first few kept.

    Args:
        location: The store.
        deep: Whether all pictures were decoded.
        most_kept: Problems to keep of each kind.
        folders: Counts by folder of the layout (``video``, ``draw/style1``, ...).
        clips: Clips by split.
        persons: Persons by split.
        videos: YouTube videos.
        frames_per_clip: Shortest, median and longest clip in frames; ``None`` without video.
        pictures_decoded: Pictures that were read whole.
        seconds: Time taken.
        problem_counts: Number of problems by kind.
        problems: The problems kept.
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
    problem_counts: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problem_counts

    @property
    def num_problems(self) -> int:
        """How many things are wrong, including those that were not kept."""
        return sum(self.problem_counts.values())

    def add(self, problems: Iterable[Problem]) -> None:
        """Count problems, and keep the first of each kind."""
        for problem in problems:
            count = self.problem_counts.get(problem.kind, 0)
            self.problem_counts[problem.kind] = count + 1
            if count < self.most_kept:
                self.problems.append(problem)

    def of_kind(self, kind: str) -> list[Problem]:
        """List the problems of a kind that were kept."""
        return [problem for problem in self.problems if problem.kind == kind]

    def to_json(self) -> dict[str, Any]:
        """Return the report as what ``json.dumps`` takes."""
        return {"ok": self.ok, "num_problems": self.num_problems, **asdict(self)}

"""Send a finished export to the Hub.

``HfApi.upload_large_folder`` makes as many commits as it likes, cannot set messages or tags, and keeps its own state in
the folder; ``upload_folder`` makes one commit of everything, and starts over when it is killed. So the content of some
files is sent first (``preupload_lfs_files``), then these are committed together, one commit after the other: commits
are few, a finished batch is never sent again, and within a batch the Hub itself knows what it has.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmvoxceleb.errors import ConfigError, IncompatibleOutputError, SourceUnavailableError
from mmvoxceleb.files.inside import inside
from mmvoxceleb.files.retry import status_of
from mmvoxceleb.hub.charts import CHARTS
from mmvoxceleb.hub.hub_client import HubRepo, RemoteFile, is_same
from mmvoxceleb.hub.manifest import MANIFEST, ExportFolder
from mmvoxceleb.hub.notes import ShardNote
from mmvoxceleb.hub.whole import check_shards, require_whole

__all__ = ["PushPlan", "PushReport", "plan_push", "push_export"]

FILES_PER_COMMIT = 250
BYTES_PER_COMMIT = 10 << 30
_FILES_PER_SENDING = 4
_DAMAGED = "Nothing damaged was sent: run mmvoxceleb export again, which rewrites such shards; then push again"
_DESCRIPTION = ("README.md", "LICENSE.md", MANIFEST, *CHARTS.values())


@dataclass(frozen=True)
class PushPlan:
    """Differences between an export and its repository, which a push removes.

    Args:
        root: Folder of the export.
        version: Version of the dataset.
        shards: Shards to send, in order.
        unchanged: Number of shards that the Hub has already.
        description: Names of the card, manifest and charts to commit.
        stale: Files of earlier exports to delete from the branch.
        is_new: Whether the repository has to be created.
        unchecked: Why the Hub could not be reached, in which case the plan sends everything; empty if it was reached.
    """

    root: Path
    version: str
    shards: tuple[ShardNote, ...]
    unchanged: int
    description: tuple[str, ...]
    stale: tuple[str, ...]
    is_new: bool
    unchecked: str = ""

    @property
    def bytes(self) -> int:
        """Size of the shards to send in bytes; the Hub may turn out to have some of this content already."""
        return sum(note.bytes for note in self.shards)

    @property
    def batches(self) -> list[list[ShardNote]]:
        """The shards to send, grouped into commits of at most 250 files and 10 GiB; a larger shard is one commit."""
        batches: list[list[ShardNote]] = []
        size = 0
        for note in self.shards:
            if not batches or len(batches[-1]) >= FILES_PER_COMMIT or size + note.bytes > BYTES_PER_COMMIT:
                batches.append([])
                size = 0
            batches[-1].append(note)
            size += note.bytes
        return batches

    @property
    def has_work(self) -> bool:
        """Whether the export differs from the repository."""
        return bool(self.shards or self.description or self.stale)


@dataclass
class PushReport:
    """Results of a push.

    Args:
        sent: Number of shards that were committed.
        unchanged: Number of shards that the Hub had already.
        commits: The commits that were made.
        tag: Tag of the version, such as ``v1.0.0``.
    """

    sent: int = 0
    unchanged: int = 0
    commits: list[str] = field(default_factory=list)
    tag: str = ""


def plan_push(
    root: Path,
    repo: HubRepo,
    *,
    public: bool = False,
    may_be_offline: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> PushPlan:
    """Compare an export with its repository, without changing anything.

    Args:
        root: Folder of a finished export.
        repo: The repository to push to.
        public: Whether the repository may be public.
        may_be_offline: If the Hub cannot be reached, plan to send everything, instead of raising an error.
        progress: Called with the number of shards whose hash was just checked, and the number of shards to send.

    Raises:
        CorruptSourceError: A shard to send is damaged.
        UnsafeArchiveError: A file of the export is a link to a place outside ``root``.
        ConfigError: ``root`` is not a finished export for the Hub, or the repository is public and ``public`` is false.
        SourceUnavailableError: The Hub cannot be reached, or refuses the request.
    """
    folder = ExportFolder(root)
    settings = folder.settings()
    if settings.format == "folder":
        raise ConfigError(f"{root}: the original layout has too many files for the Hub; export as parquet")
    notes = folder.notes()
    if not (root / MANIFEST).is_file() or any(not inside(root, note.path).is_file() for note in notes):
        raise ConfigError(f"{root}: the export is not finished; rerun mmvoxceleb export, which resumes")
    unchecked, private, remote = "", None, dict[str, RemoteFile]()
    try:
        private = repo.is_private()
        remote = repo.files() if private is not None else {}
    except SourceUnavailableError as error:
        if not may_be_offline or status_of(error) is not None:
            raise
        unchecked = str(error)
    if private is False and not public:
        raise ConfigError(f"{repo.repo_id} is public; pass --public if the clips may be seen by everybody")
    changed = [note for note in notes if not is_same(remote.get(note.path), inside(root, note.path), note.sha256)]
    damages = {note.path: damage for note, damage in check_shards(root, changed, settings, progress=progress) if damage}
    require_whole(damages, root, _DAMAGED)
    local = {note.path for note in notes} | {name for name in _DESCRIPTION if inside(root, name).is_file()}
    return PushPlan(
        root=root,
        version=settings.version,
        shards=tuple(changed),
        unchanged=len(notes) - len(changed),
        description=tuple(name for name in _DESCRIPTION if name in local and not _has(remote, root, name)),
        stale=tuple(sorted(path for path in remote if path not in local and _is_ours(path))),
        is_new=private is None and not unchecked,
        unchecked=unchecked,
    )


def push_export(
    plan: PushPlan,
    repo: HubRepo,
    *,
    public: bool = False,
    gated: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> PushReport:
    """Carry out a plan: send the shards commit by commit, then the card and manifest, and tag the version.

    Args:
        plan: The plan that :func:`plan_push` returned.
        repo: The repository to push to; it is created if it does not exist.
        public: Make a new repository public.
        gated: Require readers of a new public repository to request access.
        progress: Called with the number of files and bytes that were just sent.

    Raises:
        IncompatibleOutputError: The repository already has a tag of this version with other content.
        CorruptSourceError: A shard has changed since :func:`plan_push`.
        OutputError: Another run is writing to the export.
        SourceUnavailableError: The Hub cannot be reached, or refuses the request. Plan and push again to resume:
            commits that were made are kept.
    """
    with ExportFolder(plan.root).lock(to_read=True):
        return _push(plan, repo, public=public, gated=gated, progress=progress)


def _push(
    plan: PushPlan, repo: HubRepo, *, public: bool, gated: bool, progress: Callable[[int, int], None] | None
) -> PushReport:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    report = PushReport(unchanged=plan.unchanged, tag=f"v{plan.version}")
    repo.create(private=not public)
    if public and gated and plan.is_new:
        repo.gate()
    tags = repo.tags()
    if plan.has_work and report.tag in tags:
        raise IncompatibleOutputError(
            f"{repo.repo_id}: has a tag {report.tag} with other content; export with a higher --dataset-version"
        )
    batches = plan.batches
    for number, batch in enumerate(batches, 1):
        additions = [CommitOperationAdd(note.path, str(inside(plan.root, note.path))) for note in batch]
        changed = {
            note.path: "was changed a moment ago"
            for note, addition in zip(batch, additions, strict=True)
            if addition.upload_info.sha256.hex() != note.sha256
        }
        require_whole(changed, plan.root, _DAMAGED)
        for few, notes in zip(_by(additions, _FILES_PER_SENDING), _by(batch, _FILES_PER_SENDING), strict=True):
            repo.send(list(few))
            if progress is not None:
                progress(len(notes), sum(note.bytes for note in notes))
        report.commits.append(
            repo.commit(additions, f"Version {plan.version}: shards, part {number} of {len(batches)}")
        )
        report.sent += len(batch)
    if plan.description or plan.stale:
        last: list[Any] = [CommitOperationAdd(name, str(inside(plan.root, name))) for name in plan.description]
        last += [CommitOperationDelete(path) for path in plan.stale]
        report.commits.append(repo.commit(last, f"Version {plan.version}: card and list of files"))
    if report.tag not in tags:
        repo.tag(report.tag, report.commits[-1] if report.commits else repo.revision)
    return report


def _by(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for first in range(0, len(items), size):
        yield items[first : first + size]


def _has(remote: dict[str, RemoteFile], root: Path, name: str) -> bool:
    return is_same(remote.get(name), root / name, "")


def _is_ours(path: str) -> bool:
    return (path.startswith("data/") and path.endswith((".parquet", ".tar"))) or path in _DESCRIPTION

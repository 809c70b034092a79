"""Remove clips from a repository on the Hub, in one commit."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmvoxceleb.counting import counted
from mmvoxceleb.errors import ConfigError
from mmvoxceleb.files.atomic import write_atomically, writing
from mmvoxceleb.hub.card import CardFacts, write_card
from mmvoxceleb.hub.charts import CHARTS
from mmvoxceleb.hub.dropping import Dropped, concerned, drop_clips, planned
from mmvoxceleb.hub.hub_client import HubRepo, is_same
from mmvoxceleb.hub.manifest import MANIFEST, manifest_of, read_manifest
from mmvoxceleb.meta.removals import Removals

__all__ = ["HubRemoval", "purge_advice", "remove_from_hub"]


@dataclass
class HubRemoval(Dropped):
    """Results of a removal from a repository.

    Args:
        commit: The commit that was made; empty if there was nothing to do.
        tags: Tags of the repository that still hold the clips.
    """

    commit: str = ""
    tags: list[str] = field(default_factory=list)


def remove_from_hub(repo: HubRepo, removals: Removals, *, dry_run: bool = False) -> HubRemoval:
    """Remove clips from the shards of a repository, and correct its card, in one commit.

    Only the shards that hold such clips are downloaded; they stay in a temporary folder until the commit. The history
    and the tags of the repository still hold the clips afterwards.

    Args:
        repo: A repository that :func:`mmvoxceleb.hub.push.push_export` filled.
        removals: Identities, videos and clips to remove.
        dry_run: Only report which clips and shards would change.

    Returns:
        The removed clips, the shards that changed, the commit, and the tags that still hold the clips; or what they
        would be.

    Raises:
        ConfigError: The repository has no ``export.json``.
        CorruptSourceError: ``export.json``, or a shard that holds such a clip, differs from what was pushed.
        UnsafeArchiveError: ``export.json`` names a path outside the repository.
        OutputError: There is no space for the shards.
        SourceUnavailableError: The Hub cannot be reached, or refuses the request.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    files = repo.files()
    if MANIFEST not in files:
        raise ConfigError(f"{repo.repo_id}: has no {MANIFEST}, so it was not pushed by mmvoxceleb; check --repo")
    with tempfile.TemporaryDirectory(prefix="mmvoxceleb-removal-") as name, writing(name):
        root = Path(name)
        settings, notes, told = read_manifest(repo.download(MANIFEST, root).read_bytes(), f"{repo.repo_id}/{MANIFEST}")
        touched = concerned(notes, removals)
        if dry_run or not touched:
            return HubRemoval(**vars(planned(notes, removals)))
        for note in touched:
            repo.download(note.path, root)
        dropped = drop_clips(root, settings, notes, removals)
        facts = CardFacts.from_json(told, f"{repo.repo_id}/{MANIFEST}")
        write_atomically(root / MANIFEST, manifest_of(settings, dropped.notes, told))
        write_card(root, settings, dropped.notes, facts)
        described = [MANIFEST, "README.md", *(path for path in CHARTS.values() if (root / path).is_file())]
        changed = [path for path in described if not is_same(files.get(path), root / path, "")]
        operations: list[Any] = [CommitOperationAdd(path, str(root / path)) for path in (*dropped.rewritten, *changed)]
        operations += [CommitOperationDelete(path) for path in dropped.deleted]
        # whose clips they were is not written into the history that is there to forget them
        commit = repo.commit(operations, f"Remove {counted(len(dropped.clips), 'clip')} on request")
    return HubRemoval(**vars(dropped), commit=commit, tags=sorted(repo.tags()))


def purge_advice(repo_id: str, tags: list[str], paths: list[str]) -> str:
    """Say what the history still holds, and how to get rid of it."""
    lines = [
        f"The files as they were are still in the history of {repo_id}"
        + (f", and under its tags {', '.join(tags)}" if tags else "")
        + ". To purge them, in Python with huggingface_hub (this cannot be undone):",
        "  from huggingface_hub import HfApi; api = HfApi()",
        *(f"  api.delete_tag({repo_id!r}, tag={tag!r}, repo_type='dataset')" for tag in tags),
        f"  api.super_squash_history({repo_id!r}, repo_type='dataset')",
        f"  paths = {paths!r}",
        f"  old = [f for f in api.list_lfs_files({repo_id!r}, repo_type='dataset') if f.filename in paths]",
        f"  kept = {{f.lfs.sha256 for f in api.get_paths_info({repo_id!r}, paths, repo_type='dataset')}}",
        f"  api.permanently_delete_lfs_files({repo_id!r}, [f for f in old if f.file_oid not in kept], "
        "repo_type='dataset')",
        "Copies that others downloaded, and prepared copies in caches, are beyond reach of this command.",
    ]
    return "\n".join(lines)

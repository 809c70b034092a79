"""Talk to the Hub through ``huggingface_hub``: passing failures are tried again, final ones said in one line."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mmvoxceleb.errors import ConfigError, SourceUnavailableError
from mmvoxceleb.files.hashing import sha256_of
from mmvoxceleb.files.retry import status_of, with_retries
from mmvoxceleb.files.stalls import StalledError, bytes_below, while_growing

__all__ = ["HubRepo", "RemoteFile", "is_same"]

_GROWTH_SECONDS = 300.0
"""Longest time in which a download must grow; ``huggingface_hub`` writes blocks of 10 MB."""

Result = TypeVar("Result")

_ADVICE = {
    401: "not logged in, or the token is wrong: run `hf auth login`, or set HF_TOKEN",
    403: "the token may not do this: make one with write access at https://huggingface.co/settings/tokens",
    404: "there is no such repository or revision: check the name",
    412: "somebody else commits to it at the same time: run this again when they are done",
}


@dataclass(frozen=True)
class RemoteFile:
    """A file of a repository.

    Args:
        path: Its path.
        size: Bytes.
        sha256: Of large files; empty for the others.
        blob_id: Git's hash.
    """

    path: str
    size: int
    sha256: str
    blob_id: str


class HubRepo:
    """A dataset repository on the Hub. ``huggingface_hub`` finds the access token by itself.

    Args:
        repo_id: Name of the repository, ``user/name``.
        revision: Name of the branch.

    Raises:
        ConfigError: ``repo_id`` is not of the form ``user/name``.
    """

    def __init__(self, repo_id: str, *, revision: str = "main") -> None:
        from huggingface_hub import HfApi

        if repo_id.count("/") != 1 or not all(repo_id.split("/")):
            raise ConfigError(f"{repo_id!r} is not the name of a repository; expected user/name")
        self.repo_id, self.revision = repo_id, revision
        self.api = HfApi(library_name="mmvoxceleb")
        self._where: dict[str, Any] = {"repo_id": repo_id, "repo_type": "dataset"}

    def try_hard(self, action: Callable[[], Result]) -> Result:
        """Call ``action`` until it succeeds, as long as its failure may be passing.

        Raises:
            SourceUnavailableError: The failure is final, or lasts; the message says what to do.
        """
        from huggingface_hub.errors import OfflineModeIsEnabled

        def advised() -> Result:
            try:
                return action()
            except OfflineModeIsEnabled as error:
                raise SourceUnavailableError(
                    f"{self.repo_id}: HF_HUB_OFFLINE is set; unset it to reach the Hub"
                ) from error
            except Exception as error:
                status = status_of(error)
                if status in _ADVICE:
                    raise SourceUnavailableError(f"{self.repo_id}: HTTP {status}, {_ADVICE[status]}") from error
                raise

        return with_retries(advised, f"{self.repo_id} on the Hub")

    def is_private(self) -> bool | None:
        """Return whether the repository is private; None if there is none that this user can see."""
        from huggingface_hub.errors import RepositoryNotFoundError

        def ask() -> bool | None:
            try:
                return bool(self.api.repo_info(**self._where).private)
            except RepositoryNotFoundError:
                return None

        return self.try_hard(ask)

    def create(self, *, private: bool) -> None:
        """Make the repository, if there is none, and its branch."""
        self.try_hard(lambda: self.api.create_repo(**self._where, private=private, exist_ok=True))
        if self.revision != "main":
            self.try_hard(lambda: self.api.create_branch(**self._where, branch=self.revision, exist_ok=True))

    def gate(self) -> None:
        """Make readers request access, each to be granted by hand."""
        self.try_hard(lambda: self.api.update_repo_settings(**self._where, gated="manual"))

    def files(self) -> dict[str, RemoteFile]:
        """List the files of the branch; none where the branch, or the repository, is not there yet."""
        from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError
        from huggingface_hub.hf_api import RepoFile

        def ask() -> dict[str, RemoteFile]:
            try:
                tree = list(self.api.list_repo_tree(**self._where, revision=self.revision, recursive=True))
            except (RepositoryNotFoundError, RevisionNotFoundError):
                return {}
            return {
                item.path: RemoteFile(item.path, item.size, item.lfs.sha256 if item.lfs else "", item.blob_id)
                for item in tree
                if isinstance(item, RepoFile)
            }

        return self.try_hard(ask)

    def tags(self) -> dict[str, str]:
        """Return the commit of each tag."""
        refs = self.try_hard(lambda: self.api.list_repo_refs(**self._where))
        return {tag.name: tag.target_commit for tag in refs.tags}

    def tag(self, name: str, commit: str) -> None:
        """Name a commit."""
        self.try_hard(lambda: self.api.create_tag(**self._where, tag=name, revision=commit, exist_ok=True))

    def send(self, additions: list[Any]) -> None:
        """Upload the content of large files without committing them; what the Hub has is not sent again."""
        self.try_hard(
            lambda: self.api.preupload_lfs_files(
                **self._where, additions=additions, revision=self.revision, num_threads=4, free_memory=False
            )
        )

    def commit(self, operations: list[Any], message: str) -> str:
        """Commit, and return the commit's hash."""
        info = self.try_hard(
            lambda: self.api.create_commit(
                **self._where, operations=operations, commit_message=message, revision=self.revision
            )
        )
        return str(info.oid)

    def download(self, path: str, folder: Path) -> Path:
        """Download a file to its place below ``folder``.

        Raises:
            SourceUnavailableError: The Hub does not give it, or sends next to nothing.
        """

        def get() -> Path:
            where = {**self._where, "filename": path, "revision": self.revision}
            return Path(self.api.hf_hub_download(**where, local_dir=str(folder)))

        try:
            return while_growing(lambda: self.try_hard(get), lambda: bytes_below(folder), seconds=_GROWTH_SECONDS)
        except StalledError as error:
            raise SourceUnavailableError(
                f"{self.repo_id}: {path} does not arrive from the Hub ({error}); run this again when it does"
            ) from error


def is_same(remote: RemoteFile | None, path: Path, sha256: str) -> bool:
    """Return whether the Hub has a file already.

    Args:
        remote: What the Hub has at its path.
        path: The local file.
        sha256: Its hash where it is known; empty reads the file.
    """
    if remote is None or remote.size != path.stat().st_size:
        return False
    if remote.sha256:
        return remote.sha256 == (sha256 or sha256_of(path))
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest() == remote.blob_id

"""Open the folder at a path or URL, to read or to write."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.files.local import LocalTree
from mmvoxceleb.files.ranges import ByteSource, LocalSource, is_http, is_url
from mmvoxceleb.files.tree import FileTree, OutputTree

__all__ = ["Place", "forget_listings", "open_output", "open_source", "open_tree"]

Place: TypeAlias = "str | os.PathLike[str] | OutputTree"
"""What :func:`open_output` takes."""


def open_tree(location: str, storage_options: Mapping[str, Any] | None = None) -> FileTree:
    """Return the tree at a path or URL; nothing is listed yet."""
    if is_http(location):
        from mmvoxceleb.files.http_tree import HttpTree

        return HttpTree(location, storage_options)
    if _is_remote(location):
        from mmvoxceleb.files.remote import RemoteTree

        return RemoteTree(location, storage_options)
    return LocalTree(location.removeprefix("file://"))


def open_source(location: str, storage_options: Mapping[str, Any] | None = None) -> ByteSource:
    """Return the byte source for a path or URL; nothing is opened or asked yet."""
    if is_http(location):
        from mmvoxceleb.files.http_tree import HttpSource

        return HttpSource(location, storage_options)
    if _is_remote(location):
        from mmvoxceleb.files.remote_system import RemoteSource

        return RemoteSource(location, storage_options)
    return LocalSource(location.removeprefix("file://"))


def forget_listings(location: str, storage_options: Mapping[str, Any] | None = None) -> None:
    """Let fsspec answer from no listing that it kept of an earlier time; HTTP's are never kept.

    Raises:
        SourceUnavailableError: The address means nothing to fsspec, or its server does not answer.
    """
    if _is_remote(location) and not is_http(location):
        from mmvoxceleb.files.remote_system import RemoteSystem

        remote = RemoteSystem(location, storage_options or {})
        remote.patiently(lambda: remote.at("")[0].invalidate_cache(), location)


def _is_remote(location: str) -> bool:
    return is_url(location) and not location.startswith("file://")


def open_output(place: Place) -> OutputTree:
    """Return the place to write at a path or URL; nothing is asked or made yet.

    URLs are those of fsspec: ``s3://``, ``gs://``, ``az://``, ``sftp://``, ``memory://`` ... Credentials and endpoints
    come from the services' own configuration or from fsspec's (``~/.config/fsspec/*.json``,
    ``FSSPEC_S3_ENDPOINT_URL``). ``file://`` is a folder on disk.

    Raises:
        ConfigError: URLs of this kind cannot be written to, or its driver is not installed.
    """
    if isinstance(place, OutputTree):
        return place
    address = os.fspath(place)
    if _is_remote(address):
        from mmvoxceleb.files.remote import RemoteTree

        tree = RemoteTree(address)
        tree.check_writable()
        return tree
    if not address:
        raise ConfigError("the output has no name; pass a folder or URL for the results")
    return LocalTree(Path(address.removeprefix("file://")))

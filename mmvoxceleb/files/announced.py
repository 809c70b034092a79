"""Doing something alone where nobody can be made to wait: it is announced by a file that others see."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mmvoxceleb.errors import OutputError
from mmvoxceleb.files.partial import partial_prefix
from mmvoxceleb.files.tree import OutputTree

__all__ = ["announced"]

_ATTEMPTS = 5


@contextmanager
def announced(tree: OutputTree, folder: str, purpose: str, is_abandoned: Callable[[str], bool]) -> Iterator[None]:
    """Announce it, and go on if nobody else has: of two who announce, at least one sees the other.

    Args:
        tree: Where it is done.
        folder: Where it is announced.
        purpose: What it is.
        is_abandoned: Tells the announcement of a killed run.

    Raises:
        OutputError: Somebody else is doing it.
    """
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random

    tries = Retrying(
        retry=retry_if_exception_type(OutputError), stop=stop_after_attempt(_ATTEMPTS),
        wait=wait_random(0.1, 1.5), reraise=True,
    )  # fmt: skip
    mine = tries(_announce, tree, folder, purpose, is_abandoned)
    try:
        yield
    finally:
        tree.remove(mine)


def _announce(tree: OutputTree, folder: str, purpose: str, is_abandoned: Callable[[str], bool]) -> str:
    mine = f"{folder}/{partial_prefix()}{purpose}-{secrets.token_hex(8)}"
    tree.write(mine, b"")
    try:
        found = [f"{folder}/{name}" for name in tree.names(folder) if f".{purpose}-" in name]
        others = [path for path in found if path != mine and not is_abandoned(path)]
        if others:
            raise OutputError(
                f"{tree.location}: another process is running a {purpose} there ({others[0]}), so nothing was changed; "
                "rerun the command when it has ended. The marker of a killed run counts for a day, or until you "
                "delete it"
            )
    except BaseException:
        tree.remove(mine)
        raise
    return mine

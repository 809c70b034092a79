"""Which drawing style is read where nobody chose one."""

import logging

from mmvoxceleb.modalities import DEFAULT_STYLE
from mmvoxceleb.stores.interface import Store

__all__ = ["settled_style", "settled_styles"]

logger = logging.getLogger(__name__)
_told: set[tuple[str, str]] = set()


def settled_style(style: str, store: Store) -> str:
    """Return ``style`` if one was chosen, else the default one, or the only style of a store that has another.

    Other drawers have other styles, and whoever has one kind of drawings need not name it. At the level INFO, the log
    says which is taken: no warning, for a store with one style leaves no doubt.

    Args:
        style: What was asked for; empty if nothing was.
        store: Where it is looked for.
    """
    if style:
        return style
    there = sorted({folder.style for folder in store.folders() if folder.style})
    if len(there) != 1 or there == [DEFAULT_STYLE]:
        return DEFAULT_STYLE
    if (told := (store.location, there[0])) not in _told:
        _told.add(told)
        logger.info(
            "%s: has no drawings of the default style, %s; its only style, %s, is taken",
            store.location, DEFAULT_STYLE, there[0],
        )  # fmt: skip
    return there[0]


def settled_styles(styles: tuple[str, ...], store: Store) -> tuple[str, ...]:
    """Return ``styles`` if any were chosen, else the one of :func:`settled_style`."""
    return styles or (settled_style("", store),)

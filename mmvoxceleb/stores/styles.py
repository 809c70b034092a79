"""Which drawing style is meant where nobody chose one."""

import logging

from mmvoxceleb.modalities import DEFAULT_STYLE
from mmvoxceleb.stores.interface import Store

__all__ = ["settled_style", "settled_styles"]

logger = logging.getLogger(__name__)
_told: set[tuple[str, str]] = set()


def settled_style(style: str, store: Store) -> str:
    """Return ``style``, or the only style of a store that has drawings, but none in the default one.

    Other drawers have other styles, and whoever has one kind of drawings need not name it. At the level INFO, the log
    says which is taken: no warning, for a store with one style leaves no doubt.

    Args:
        style: What was asked for, or the default.
        store: Where it is looked for.
    """
    if style != DEFAULT_STYLE:
        return style
    there = sorted({folder.style for folder in store.folders() if folder.style})
    if len(there) != 1 or there == [DEFAULT_STYLE]:
        return style
    if (told := (store.location, there[0])) not in _told:
        _told.add(told)
        logger.info(
            "%s: has no drawings of the default style, %s; its only style, %s, is taken",
            store.location,
            style,
            there[0],
        )
    return there[0]


def settled_styles(styles: tuple[str, ...], store: Store) -> tuple[str, ...]:
    """Do the same for several; more than one were chosen."""
    return (settled_style(styles[0], store),) if len(styles) == 1 else styles

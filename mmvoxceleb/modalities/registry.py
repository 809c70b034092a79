"""Which modalities there are, by name, and the folders that they have in a store."""

import functools
import logging
import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.files.quoting import quoted, shortened

if TYPE_CHECKING:
    from mmvoxceleb.modalities.base import Modality

__all__ = [
    "IDENTITY_FIELDS",
    "SAMPLE_KEYS",
    "Folder",
    "kind_of",
    "kinds",
    "modality_of_name",
    "names_in",
    "register_built_in",
    "register_modality",
    "unregister_modality",
]

IDENTITY_FIELDS: tuple[str, ...] = ("clip_id", "person_id", "video_id", "utterance", "chunk", "num_frames")
"""Fields of every record, whatever its modalities."""

SAMPLE_KEYS: tuple[str, ...] = ("clip_id", "image", "image_index", "image_clip_id", "flipped")
"""Keys that a training sample may have, whatever its modalities."""

ENTRY_POINTS = "mmvoxceleb.modalities"
"""Group of the entry points that name a modality, a class or an object."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_RESERVED = ("all", "sample")

_kinds: "dict[str, Modality]" = {}
_built_in: set[str] = set()
_begun: list[str] = []
_loaded: list[str] = []
_loading = threading.RLock()
logger = logging.getLogger(__name__)


def register_modality(modality: "Modality | type[Modality]") -> "Modality":
    """Register a modality of your own, so that loading, sampling, export, preview and validation know it.

    Call this function in the module that defines the class: worker processes import that module, and so register the
    modality, too.

    Args:
        modality: The modality, or its class, which is called without arguments. A modality whose class has the same
            module and name as a registered one replaces it.

    Returns:
        The registered object.

    Raises:
        ConfigError: A name, column or sample key of the modality is invalid, or belongs to another modality.
    """
    added = modality() if isinstance(modality, type) else modality
    others = [kind for kind in _kinds.values() if not _is_same(kind, added)]
    names_of_others = {*_RESERVED, *(name for kind in others for name in _names_of(kind))}
    for name in _names_of(added):
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"modality {name!r}: expected a name of lower-case letters, digits and _, such as head_pose"
            )
        if name in names_of_others:
            raise ConfigError(f"modality {added.name!r}: the name {name!r} is taken; choose another one")
    columns = {*IDENTITY_FIELDS, *(column for kind in others for column in kind.columns())}
    keys = {*SAMPLE_KEYS, *(key for kind in others for key in kind.sample_keys)}
    for what, taken, own in (("column", columns, added.columns()), ("key of a sample", keys, added.sample_keys)):
        if twice := sorted(taken.intersection(own)):
            raise ConfigError(f"modality {added.name!r}: the {what} {twice[0]!r} is taken; choose another one")
    for name in [name for name, kind in _kinds.items() if name != added.name and _is_same(kind, added)]:
        del _kinds[name]  # it was renamed in a notebook
    _kinds[added.name] = added
    _forget_names()
    return added


def register_built_in(modality: "Modality") -> None:
    """Register a modality of the package, which :func:`unregister_modality` refuses to remove."""
    _built_in.add(register_modality(modality).name)


def unregister_modality(name: str) -> None:
    """Remove a modality of your own, as if it had never been registered.

    Args:
        name: Name of the modality.

    Raises:
        ConfigError: No modality has this name, or it is one of the package.
    """
    kind = kind_of(name)
    if kind.name in _built_in:
        raise ConfigError(
            f"modality {name!r} belongs to mmvoxceleb and cannot be removed; to read only some modalities, pass "
            "modalities=(...)"
        )
    del _kinds[kind.name]
    _forget_names()


def _forget_names() -> None:
    _by_folder_name.cache_clear()
    _pattern_of_names.cache_clear()


def _is_same(kind: "Modality", other: "Modality") -> bool:
    """Tell a modality whose module was imported again, as in a notebook."""
    return (type(kind).__module__, type(kind).__qualname__) == (type(other).__module__, type(other).__qualname__)


def _names_of(modality: "Modality") -> tuple[str, ...]:
    return tuple(dict.fromkeys((modality.name, modality.folder_name, *modality.aliases)))


def kinds() -> "tuple[Modality, ...]":
    """List all that has a folder, in the order in which it came; those of entry points are imported first."""
    if not _loaded:
        with _loading:
            _load_entry_points()
    return tuple(_kinds.values())


def _load_entry_points() -> None:
    """Register those of entry points, once; the lock is held, by this thread perhaps twice, as theirs may call us."""
    from importlib.metadata import entry_points

    if _begun:
        return
    _begun.append(ENTRY_POINTS)
    for point in entry_points(group=ENTRY_POINTS):
        try:
            register_modality(point.load())
        except Exception as error:
            logger.warning(
                "the modality %s (entry point %s) cannot be used: %s", point.name, point.value, shortened(error)
            )
    _loaded.append(ENTRY_POINTS)


def kind_of(name: str) -> "Modality":
    """Return what is registered under a name.

    Raises:
        ConfigError: Nothing is.
    """
    found = _kinds.get(name) or next((kind for kind in kinds() if kind.name == name), None)
    if found is None:
        raise ConfigError(
            f"no modality {quoted(name)} is registered; import the module that calls register_modality, or "
            f"declare it as an entry point of the group {ENTRY_POINTS}"
        )
    return found


@functools.cache
def _by_folder_name() -> "dict[str, Modality]":
    return {name: kind for kind in kinds() for name in _names_of(kind)}


@functools.cache
def _pattern_of_names() -> re.Pattern[str]:
    """Match the names as whole words, the longest first."""
    names = sorted(_by_folder_name(), key=len, reverse=True)
    return re.compile(rf"(?<![a-z])(?:{'|'.join(map(re.escape, names))})(?![a-z])")


def modality_of_name(name: str) -> "Modality | None":
    """Return what a folder's name stands for, whatever its case; None for any other name."""
    return _by_folder_name().get(name.lower())


def names_in(text: str) -> "set[Modality]":
    """Return what the words in ``text``, in small letters, stand for."""
    return {_by_folder_name()[word] for word in _pattern_of_names().findall(text)}


@dataclass(frozen=True, order=True)
class Folder:
    """One folder of the layout, the unit in which a store is laid out and read.

    Args:
        modality: Name of a modality, or ``meta`` for the provenance of regenerated clips.
        style: The style, for a modality that has styles; empty for all others.
    """

    modality: str
    style: str = ""

    @property
    def kind(self) -> "Modality":
        """What it holds."""
        return kind_of(self.modality)

    @property
    def path(self) -> str:
        """Its path in a store as we write it: ``video``, ``mask``, ``draw/style1``, ``txt``, ``label``, ``meta``."""
        name = self.kind.folder_name
        return f"{name}/{self.style}" if self.style else name

    @property
    def is_frames(self) -> bool:
        """Whether a clip is many pictures here (video, mask, drawing) rather than one small file."""
        return self.kind.is_frames

    def __str__(self) -> str:
        return self.path

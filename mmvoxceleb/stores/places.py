"""Where the clips of a folder are: a million in little memory, and nothing asked of a file before it is needed."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from mmvoxceleb.files.tree import FileTree, Item, Outline
from mmvoxceleb.modalities import Folder
from mmvoxceleb.schema import ClipId
from mmvoxceleb.stores.naming import clip_of_file

__all__ = ["ClipNames", "ClipPlaces", "Place", "clip_of_item", "usual_form"]

_LOOKED_AT_TOGETHER = 1 << 14

IsClip = Callable[[str], bool]


class _Form(NamedTuple):
    """What the places of many clips have in common."""

    base: str
    kind: str
    suffix: str


class Place:
    """Where a clip of a folder is.

    Args:
        path: Relative to the tree.
        kind: ``folder`` of files, ``packed`` zip, or single ``file``.
        look: Tells what a listing says of it.
    """

    __slots__ = ("_item", "_look", "kind", "path")

    def __init__(self, path: str, kind: str, look: Callable[[str], Item]) -> None:
        self.path, self.kind, self._look = path, kind, look
        self._item: Item | None = None

    @property
    def item(self) -> Item:
        """What a listing says of it."""
        if self._item is None:
            self._item = self._look(self.path)
        return self._item

    @property
    def size(self) -> int:
        """Bytes of the file; -1 of a folder, and where the source does not say."""
        return self.item.size

    @property
    def version(self) -> str:
        """What changes when the file does; may be empty."""
        return self.item.version


class ClipNames:
    """Names of clips that the folders of a store share, each once in memory."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        self._in_order: list[str] = []
        self._numbered: list[str] = []
        self._numbers: dict[str, int] = {}
        self._is_shared = False
        self._growing = threading.Lock()

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), ()

    def begin(self, clips: list[str]) -> bool:
        """Begin with names that are sorted and known to be clips; return False if there are others already."""
        with self._growing:
            if self.known:
                return self._in_order is clips and len(self.known) == len(clips)
            self.known = dict(zip(clips, clips, strict=True))
            self._in_order = clips
            return True

    def all_of(self, count: int) -> dict[str, str] | None:
        """Return all names if there are so many, to keep; names that come later are not in it."""
        with self._growing:
            if len(self.known) != count:
                return None
            self._is_shared = True
            return self.known

    def is_clip(self, name: str) -> bool:
        """Tell whether something has the name of a clip."""
        return name in self.known or ClipId.matches(name)

    def clips_among(self, names: list[str]) -> list[str]:
        """Return those that are names of clips, in their order, each as it is kept here."""
        return [clip for clip in self.matched(names) if clip is not None]

    def matched(self, names: list[str]) -> Sequence[str | None]:
        """Return each name as it is kept here if it is that of a clip, else None.

        Of all names in their order it is :meth:`in_order` itself.
        """
        known = self.known
        if len(names) == len(known) and names == (in_order := self.in_order()):  # faster than to look up a million
            return in_order
        clips = list(map(known.get, names))
        if None in clips:
            new = [name for name, clip in zip(names, clips, strict=True) if clip is None and ClipId.matches(name)]
            with self._growing:
                if self._is_shared and new:
                    self.known, self._is_shared = dict(self.known), False
                known = self.known
                known.update((name, name) for name in new if not name.startswith("."))
            clips = list(map(known.get, names))
            if len(clips) == len(known) and clips == (in_order := self.in_order()):
                return in_order
        return clips

    def in_order(self) -> list[str]:
        """Return all names, sorted; sorted once for all folders."""
        if len(self._in_order) != len(self.known):
            self._in_order = sorted(self.known)
        return self._in_order

    def numbers(self, names: Sequence[str | None]) -> dict[str, int] | None:
        """Return the position of each name, if these are all in their order; counted once for all folders."""
        with self._growing:
            if names is not self._in_order:
                return None
            if self._numbered is not self._in_order:
                self._numbered = self._in_order
                self._numbers = dict(zip(self._in_order, range(len(self._in_order)), strict=True))
            return self._numbers


class _AllAlike(Mapping[str, _Form]):
    """One form for all names, in no memory of its own: most folders have all clips."""

    def __init__(self, names: dict[str, str], form: _Form) -> None:
        self.names, self._form = names, form

    def __getitem__(self, clip: str) -> _Form:
        if clip not in self.names:
            raise KeyError(clip)
        return self._form

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, clip: object) -> bool:
        return clip in self.names


class ClipPlaces(Mapping[str, Place]):
    """The places of a folder's clips, by name. Picklable.

    Args:
        tree: What they are in.
        names: Names of clips that are known from other folders, shared with those.
    """

    def __init__(self, tree: FileTree, names: ClipNames) -> None:
        self._tree = tree
        self._names = names
        self._forms: dict[str, _Form] | _AllAlike = {}
        self._told: dict[str, Item] | None = None
        self._in_order: list[str] = []
        self.is_plain = False
        """Whether these are files with one suffix, beside which is nothing that matters: as nearly always."""

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self._tree, ClipNames()), {"_forms": self._forms, "_told": self._told}

    def add(self, folder: Folder, base: str, outline: Outline) -> Iterator[tuple[str, str, str]]:
        """Add what is in a folder of the tree, and yield clips that are there twice, with both paths.

        Nearly all of a million files are named alike, so those are taken together.
        """
        suffix, kind = usual_form(folder)
        is_first = not self._forms
        forms: dict[tuple[str, str], _Form] = {}
        usual = [name for name in outline.files if name.endswith(suffix)] if suffix else []
        if len(usual) < len(outline.files) or outline.folders:
            alike = set(usual)
            for item in Outline([name for name in outline.files if name not in alike], outline.folders).items():
                found = clip_of_item(folder, item, self._names.is_clip)
                if found is not None:
                    ending = item.name[len(found[0]) :]
                    form = forms.setdefault((found[1], ending), _Form(base, found[1], ending))
                    yield from self._add(self._names.clips_among([found[0]]), form, outline.told)
        length = -len(suffix)
        stems = [name[:length] for name in usual]
        yield from self._add(self._names.clips_among(stems), _Form(base, kind, suffix), outline.told)
        self.is_plain = is_first and not forms and not (outline.folders and folder.kind.has_styles)

    def add_kept(self, folder: Folder, base: str, clips: list[str]) -> None:
        """Add the clips of a plain folder, sorted, to none."""
        suffix, kind = usual_form(folder)
        known = clips if self._names.begin(clips) else self._names.clips_among(clips)
        for _ in self._add(known, _Form(base, kind, suffix), None):
            pass

    def _add(
        self, clips: Sequence[str], form: _Form, told: Mapping[str, Item] | None
    ) -> Iterator[tuple[str, str, str]]:
        forms, added = self._forms, clips
        if forms and (there := [clip for clip in clips if clip in forms]):
            for clip in sorted(there):
                yield clip, self._path(clip, forms[clip]), self._path(clip, form)
            absent = frozenset(there)
            added = [clip for clip in clips if clip not in absent]
        if not forms and (names := self._names.all_of(len(added))) is not None:
            self._forms = _AllAlike(names, form)
        elif added:
            self._forms = dict(forms) if isinstance(forms, _AllAlike) else forms
            self._forms.update(dict.fromkeys(added, form))
        if told is not None:
            self._told = {} if self._told is None else self._told
            if form.kind != "folder":
                self._told |= {self._path(clip, form): told[f"{clip}{form.suffix}"] for clip in added}

    def in_order(self) -> list[str]:
        """Return the names, sorted."""
        if len(self._in_order) != len(self._forms):
            forms, shared = self._forms, self._names.in_order()
            if len(shared) != len(forms):
                shared = [name for name in shared if name in forms]
            self._in_order = shared if len(shared) == len(forms) else sorted(forms)
        return self._in_order

    @staticmethod
    def _path(clip: str, form: _Form) -> str:
        return f"{form.base}/{clip}{form.suffix}"

    def __getitem__(self, clip: str) -> Place:
        form = self._forms[clip]
        return Place(self._path(clip, form), form.kind, self._look_at_folder if form.kind == "folder" else self._look)

    def __iter__(self) -> Iterator[str]:
        return iter(self._forms)

    def __len__(self) -> int:
        return len(self._forms)

    def __contains__(self, clip: object) -> bool:
        return clip in self._forms

    def of_kind(self, kind: str) -> list[Place]:
        """List the places of a kind, by the names of their clips."""
        return [self[clip] for clip in self.in_order() if self._forms[clip].kind == kind]

    def looked_at(self) -> Iterator[tuple[str, Place]]:
        """Yield clips, sorted, with their places, of which all is known: many are looked at together."""
        clips = iter(self.in_order())
        while chunk := list(islice(clips, _LOOKED_AT_TOGETHER)):
            places = [self[clip] for clip in chunk]
            files = [place for place in places if place.kind != "folder"]
            for place, item in zip(files, self._items([place.path for place in files]), strict=True):
                place._item = item
            yield from zip(chunk, places, strict=True)

    def _items(self, paths: Sequence[str]) -> list[Item]:
        if self._told is not None:
            return [self._told[path] for path in paths]
        return self._tree.look(paths)

    def _look(self, path: str) -> Item:
        return self._items([path])[0]

    @staticmethod
    def _look_at_folder(path: str) -> Item:
        return Item(path.rpartition("/")[2], is_folder=True)


def usual_form(folder: Folder) -> tuple[str, str]:
    """Return what follows the clip in the names of files, and their kind, in a folder with one file a clip."""
    return (".zip", "packed") if folder.is_frames else (getattr(folder.kind, "suffix", ""), "file")


def clip_of_item(folder: Folder, item: Item, is_clip: IsClip = ClipId.matches) -> tuple[str, str] | None:
    """Tell which clip something in a folder is, and of what kind: folder, packed or file; None for anything else.

    Args:
        folder: The folder of the layout.
        item: What is in it.
        is_clip: Tells names of clips.
    """
    if not item.is_folder and (clip := clip_of_file(folder, item.name, is_clip)) is not None:
        return clip, "file"
    clip = item.name.removesuffix(".zip")
    if not folder.is_frames or item.is_folder != (clip == item.name) or not is_clip(clip):
        return None
    return clip, "folder" if item.is_folder else "packed"

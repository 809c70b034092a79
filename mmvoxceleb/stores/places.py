"""Where the clips of a folder are: a million in little memory, and nothing asked of a file before it is needed."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from mmvoxceleb.files.tree import FileTree, Item
from mmvoxceleb.modalities import Folder
from mmvoxceleb.schema import ClipId
from mmvoxceleb.stores.naming import clip_of_file

__all__ = ["ClipPlaces", "Place", "clip_of_item"]

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


class ClipPlaces(Mapping[str, Place]):
    """The places of a folder's clips, by name. Picklable.

    Args:
        tree: What they are in.
        names: Names of clips that are known from other folders, shared with those.
    """

    def __init__(self, tree: FileTree, names: dict[str, str]) -> None:
        self._tree = tree
        self._names = names
        self._forms: dict[str, _Form] = {}
        self._told: dict[str, Item] = {}

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self._tree, {}), {"_forms": self._forms, "_told": self._told}

    def add(self, folder: Folder, base: str, items: Iterable[Item]) -> Iterator[tuple[str, str, str]]:
        """Add what is in a folder of the tree, and yield clips that are there twice, with both paths."""
        forms: dict[tuple[str, str], _Form] = {}
        names, matches = self._names, ClipId.matches

        def is_clip(name: str) -> bool:
            return name in names or matches(name)

        is_told = self._tree.outlines_sizes
        usual, kind_of_usual = (".zip", "packed") if folder.is_frames else (getattr(folder.kind, "suffix", ""), "file")
        length = -len(usual)
        for item in items:
            suffix, kind = usual, kind_of_usual
            is_usual = not item.is_folder and item.name.endswith(usual)
            clip = names.get(item.name[:length]) if is_usual else None
            if clip is None:  # not named as a clip of another folder is
                found = clip_of_item(folder, item, is_clip)
                if found is None:
                    continue
                name, kind = found
                clip = names.setdefault(name, name)
                suffix = item.name[len(clip) :]
            form = forms.get((kind, suffix))
            if form is None:
                form = forms[kind, suffix] = _Form(base, kind, suffix)
            first = self._forms.setdefault(clip, form)
            if first is not form:
                yield clip, self._path(clip, first), f"{base}/{item.name}"
            elif is_told and kind != "folder":
                self._told[f"{base}/{item.name}"] = item

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
        return [self[clip] for clip in sorted(self._forms) if self._forms[clip].kind == kind]

    def looked_at(self) -> Iterator[tuple[str, Place]]:
        """Yield clips, sorted, with their places, of which all is known: many are looked at together."""
        clips = iter(sorted(self._forms))
        while chunk := list(islice(clips, _LOOKED_AT_TOGETHER)):
            places = [self[clip] for clip in chunk]
            files = [place for place in places if place.kind != "folder"]
            for place, item in zip(files, self._items([place.path for place in files]), strict=True):
                place._item = item
            yield from zip(chunk, places, strict=True)

    def _items(self, paths: Sequence[str]) -> list[Item]:
        if self._tree.outlines_sizes:
            return [self._told[path] for path in paths]
        return self._tree.look(paths)

    def _look(self, path: str) -> Item:
        return self._items([path])[0]

    @staticmethod
    def _look_at_folder(path: str) -> Item:
        return Item(path.rpartition("/")[2], is_folder=True)


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

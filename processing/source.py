"""Where an engine takes clips from: their frames, decoded once, and what identifies them."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.errors import CorruptSourceError, MissingModalityError
from mmvoxceleb.files.json_text import parse_json_object
from mmvoxceleb.modalities import LABEL, META, VIDEO
from mmvoxceleb.processing.pictures import PICTURE_SUFFIXES, decode_rgb
from mmvoxceleb.processing.stage import Clip
from mmvoxceleb.stores.interface import Entry, Store
from mmvoxceleb.stores.numbering import refuse_repeats

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ClipSource", "CroppedSource", "Frames", "LabelSource", "StoreSource"]

_VIDEO, _META = VIDEO.folder(), META.folder()


class Frames:
    """Decoded frames of a clip and the hashes of the bytes that they came from.

    Args:
        pictures: uint8 [N, H, W, 3], RGB.
        indices: Frame index of each, ascending.
        hashes: sha256 of each frame's bytes.
    """

    def __init__(self, pictures: "NDArray[np.uint8]", indices: Sequence[int], hashes: Sequence[bytes]) -> None:
        self.pictures = pictures
        self._position = {index: position for position, index in enumerate(indices)}
        self._hashes = hashes

    def take(self, indices: Sequence[int]) -> "NDArray[np.uint8]":
        """Give the pictures of ``indices``, in that order; without a copy where that is all of them."""
        if list(indices) == list(self._position):
            return self.pictures
        return self.pictures[[self._position[index] for index in indices]]

    def digest(self, indices: Sequence[int]) -> str:
        """Hash the bytes of the frames ``indices``."""
        return hashlib.sha256(b"".join(self._hashes[self._position[index]] for index in indices)).hexdigest()


class ClipSource(ABC):
    """Gives clips to an engine. Cheap to pickle; its methods may be called from several threads."""

    @property
    @abstractmethod
    def location(self) -> str:
        """The path or URL, for messages."""

    @abstractmethod
    def clip_ids(self) -> list[str]:
        """List the clips, sorted."""

    @abstractmethod
    def clip(self, clip_id: str, *, with_label: bool = False) -> Clip:
        """Describe a clip without reading its frames.

        Raises:
            MMVoxCelebError: The clip cannot be had; the engine records the message and goes on.
        """

    @abstractmethod
    def listing(self, clip: Clip, indices: Sequence[int]) -> str:
        """Digest what tells the frames ``indices`` from others without reading them: names and sizes."""

    @abstractmethod
    def frames(self, clip: Clip, indices: Sequence[int]) -> Frames:
        """Read and decode frames.

        Raises:
            MMVoxCelebError: A frame is missing or broken; the message names it.
        """


class StoreSource(ClipSource):
    """The ``video`` modality of a store.

    Args:
        store: Any store.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    @property
    def location(self) -> str:
        return self.store.location

    def clip_ids(self) -> list[str]:
        """List the clips that have frames.

        Raises:
            MissingModalityError: The store has no clip with frames.
        """
        clip_ids = self.store.clips(_VIDEO)
        if not clip_ids:
            raise MissingModalityError(
                f"{self.location}: holds no video/<clip>/ with frames, which this needs; name the folder or zip "
                "above 'video', or make frames first with: mmvoxceleb regenerate crop"
            )
        return clip_ids

    def clip(self, clip_id: str, *, with_label: bool = False) -> Clip:
        entries = [
            entry for entry in self.store.entries(_VIDEO, clip_id) if entry.name.lower().endswith(PICTURE_SUFFIXES)
        ]
        refuse_repeats(f"{self.location}: clip {clip_id}", entries)
        return Clip(
            clip_id,
            [entry.index for entry in entries],
            meta=self._meta(clip_id),
            label=self._label(clip_id) if with_label else None,
            entries=entries,
        )

    def listing(self, clip: Clip, indices: Sequence[int]) -> str:
        return _listing(clip, indices)

    def frames(self, clip: Clip, indices: Sequence[int]) -> Frames:
        wanted = set(indices)
        entries = [entry for entry in clip.entries if entry.index in wanted]
        pictures: list[NDArray[np.uint8]] = []
        hashes: list[bytes] = []
        read = self.store.read(_VIDEO, clip.clip_id, entries) if entries else []
        for entry, data in zip(entries, read, strict=True):
            where = f"{self.location}: clip {clip.clip_id}, frame {entry.name}"
            picture = decode_rgb(data, where=where)
            if pictures and picture.shape != pictures[0].shape:
                raise CorruptSourceError(
                    f"{where}: is {picture.shape[1]} x {picture.shape[0]} px where the clip began with "
                    f"{pictures[0].shape[1]} x {pictures[0].shape[0]}; all frames of a clip must have one size"
                )
            pictures.append(picture)
            hashes.append(hashlib.sha256(data).digest())
        return Frames(_stacked(pictures), [entry.index for entry in entries], hashes)

    def _label(self, clip_id: str) -> Sequence[int] | None:
        try:
            (data,) = self.store.read(LABEL.folder(), clip_id)
        except MissingModalityError:
            return None
        return LABEL.parse(data, clip_id=clip_id)

    def _meta(self, clip_id: str) -> dict[str, Any]:
        try:
            (data,) = self.store.read(_META, clip_id)
        except MissingModalityError:
            return {}
        return parse_json_object(data, f"{self.location}: {_META}/{clip_id}.json", "delete it")


class LabelSource(StoreSource):
    """The clips of a store that have a label, without their frames: all that text needs.

    Args:
        store: Any store with the modality ``label``.
    """

    def clip_ids(self) -> list[str]:
        """List the clips that have a label.

        Raises:
            MissingModalityError: The store has no labels.
        """
        clip_ids = self.store.clips(LABEL.folder())
        if not clip_ids:
            raise MissingModalityError(
                f"{self.location}: holds no label/<clip>.txt, which text is made from; make labels first with "
                "mmvoxceleb regenerate label or mmvoxceleb label import"
            )
        return clip_ids

    def clip(self, clip_id: str, *, with_label: bool = False) -> Clip:
        (data,) = self.store.read(LABEL.folder(), clip_id)
        label = LABEL.parse(data, clip_id=clip_id)
        return Clip(clip_id, (), meta=self._meta(clip_id), label=label if with_label else None)


class CroppedSource(ClipSource):
    """One clip that was cropped a moment ago, still in memory: the same as :class:`StoreSource` gives of its files.

    Args:
        location: Where the clip was written, for messages.
        clip_id: The key.
        files: The files of ``video/<clip_id>``.
        pictures: uint8 [H, W, 3], RGB, of some frames, by index; the others are decoded when they are wanted.
    """

    def __init__(
        self,
        location: str,
        clip_id: str,
        files: Sequence[tuple[str, bytes]],
        pictures: "Mapping[int, NDArray[np.uint8]]",
    ) -> None:
        self._location = location
        self._clip_id = clip_id
        self._files = files
        self._pictures = pictures

    @property
    def location(self) -> str:
        return self._location

    def clip_ids(self) -> list[str]:
        return [self._clip_id]

    def clip(self, clip_id: str, *, with_label: bool = False) -> Clip:
        entries = [Entry(name, index, len(data)) for index, (name, data) in enumerate(self._files)]
        return Clip(clip_id, range(len(entries)), entries=entries)

    def listing(self, clip: Clip, indices: Sequence[int]) -> str:
        return _listing(clip, indices)

    def frames(self, clip: Clip, indices: Sequence[int]) -> Frames:
        pictures, hashes = [], []
        for index in indices:
            name, data = self._files[index]
            picture = self._pictures.get(index)
            where = f"{self.location}: clip {clip.clip_id}, frame {name}"
            pictures.append(decode_rgb(data, where=where) if picture is None else picture)
            hashes.append(hashlib.sha256(data).digest())
        return Frames(_stacked(pictures), indices, hashes)


def _stacked(pictures: "Sequence[NDArray[np.uint8]]") -> "NDArray[np.uint8]":
    return np.stack(pictures) if pictures else np.empty((0, 0, 0, 3), np.uint8)


def _listing(clip: Clip, indices: Sequence[int]) -> str:
    wanted = set(indices)
    lines = [f"{entry.name}\t{entry.size}\n" for entry in clip.entries if entry.index in wanted]
    return hashlib.sha256("".join(lines).encode()).hexdigest()

"""What the page can ask for and change: one method for each, from a mapping to JSON or bytes."""

import builtins
import hashlib
import io
import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from mmvoxceleb.errors import ConfigError, MissingModalityError, MMVoxCelebError
from mmvoxceleb.meta.marks import MARKS_PATH, Marks
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.modalities import VIDEO, figures, file_modalities
from mmvoxceleb.schema import ATTRIBUTES, SPLITS, ClipId
from mmvoxceleb.stores.clip import StoredClip
from mmvoxceleb.viewer.catalog import OUTCOMES, Catalog
from mmvoxceleb.viewer.clip_page import describe, file_kind, label_of, sound_of, strip_of
from mmvoxceleb.viewer.facts import margins_in
from mmvoxceleb.viewer.indexing import Index
from mmvoxceleb.viewer.over_time import curves_of, outlines_of
from mmvoxceleb.viewer.pictures import folder_named, packed, poster
from mmvoxceleb.viewer.place import Place

__all__ = ["Mender", "Viewing"]

_MOST_ROWS = 200
_MOST_ON_SHEET, _MOST_IN_GIF = 24, 12
_LOOKING = ("state", "clips", "clip", "poster", "pictures", "sound", "strip", "curves", "outlines", "list", "sheet",
            "gif", "marks", "marked")  # fmt: skip
_MARKED = ("person_id", "video_id", "clip_id")


class Mender(Protocol):
    """Sets attributes by hand; see :class:`mmvoxceleb.processing.labels.mending.LabelMender`."""

    def set(self, clip_id: str, attribute: str, value: int, was: int) -> None:
        """Set one attribute that was seen as ``was``."""

    def undo(self, clip_id: str) -> bool:
        """Take back what was set last."""

    def read(self, clip_id: str) -> tuple[builtins.list[int], dict[str, Any]]:
        """Return label and provenance as they are now."""


class Viewing:
    """Looks at a place.

    Args:
        place: What is looked at.
        mender: Writes labels that are set by hand; None for looking only.
        other: A second store, of which the same clips are laid beside; labels are set in the first one only.
        only: Show these clips alone.
        marks: Keeps who is marked for removal; None for looking only.
    """

    def __init__(
        self,
        place: Place,
        mender: Mender | None = None,
        other: Place | None = None,
        only: frozenset[str] | None = None,
        marks: Marks | None = None,
    ) -> None:
        self.place = place
        self._places = [place] if other is None else [place, other]
        self._mender = mender
        self._marks = marks
        self._store = "STORE"
        self.index = Index(place, only)

    def tell_path(self) -> None:
        """Put the path of the store into the commands that the page shows; who sees the page is on this machine."""
        self._store = os.path.abspath(self.place.location) if self.place.is_local else self.place.location

    def calls(self) -> dict[str, bool]:
        """Name the methods that the page may call, and tell which of them change something."""
        changing = [] if self._mender is None else ["mend", "undo"]
        changing += [] if self._marks is None else ["mark"]
        return {**dict.fromkeys(_LOOKING, False), **dict.fromkeys(changing, True)}

    def state(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Tell what is looked at, and how much of it has been read."""
        catalog = self.index.catalog
        return {
            "name": self.place.name,
            "clips": len(catalog),
            "read": self.index.num_read,
            "version": f"{id(catalog)}.{catalog.version}",
            "attributes": list(ATTRIBUTES),
            "splits": list(SPLITS),
            "problem": self.index.problem,
            "meanings": {each.name: f"{each.meaning}, {each.unit}" for each in figures()},
            "store": shlex.quote(self._store),
            "can_mend": self._mender is not None,
            "can_mark": self._marks is not None,
            "marks": hashlib.blake2b(self.marked({}), digest_size=8).hexdigest(),
        }

    def clips(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Filter: counts, and the rows from ``offset`` on."""
        querying = self.index.querying
        catalog = querying.catalog
        query = json.loads(wanted.get("filter") or "{}")
        with_counts = wanted.get("counts") != "0"
        with self.index.first():
            answer = querying.answer(query, str(wanted.get("sort") or ""), with_counts=with_counts)
        offset = max(0, int(wanted.get("offset") or 0))
        chosen = answer.order[offset : offset + min(_MOST_ROWS, int(wanted.get("limit") or 60))].tolist()
        removals = self.place.removals()
        self.index.ensure(chosen)
        rows = [self._row(catalog, position) for position in chosen
                if not ClipId.matches(catalog.names[position]) or catalog.names[position] not in removals]  # fmt: skip
        return {"offset": offset, "rows": rows, "counts": answer.counts, "total": len(answer.order),
                "clips": int(np.count_nonzero(catalog.has[answer.order]))}  # fmt: skip

    def marks(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """List who is marked for removal, and how to remove them."""
        catalog, listed = self.index.catalog, []
        for kind, name in self._marked():
            person = name.partition("#")[0] if kind != "video_id" else ""
            has = {"person_id": person in catalog.persons, "clip_id": catalog.position(name) >= 0}.get(kind, True)
            listed.append({"kind": kind, "name": name, "is_here": has})
        command = shlex.join(["mmvoxceleb", "remove", self._store, "--list", f"{self._store}/{MARKS_PATH}"])
        return {"marks": listed, "command": command}

    def marked(self, wanted: Mapping[str, Any]) -> bytes:
        """Give the marks as a list for ``remove``."""
        return self.index.marks.without(self.place.removals()).to_bytes()

    def mark(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Mark a clip or person for removal, or take the mark away, and list who is marked then."""
        assert self._marks is not None
        kind, name = str(wanted["kind"]), str(wanted["name"])
        if kind not in _MARKED:
            raise ConfigError("a person, a video or a clip is marked")
        now = self._marks.set(Removals(**{kind: frozenset({name})}), is_marked=bool(wanted["is_marked"]))
        self.index.mark(now)
        return self.marks({})

    def _marked(self) -> builtins.list[tuple[str, str]]:
        """Name kind and name of every mark, but of those who were removed meanwhile."""
        entries = self.index.marks.without(self.place.removals())
        return [
            (kind, name) for kind in ("person_id", "video_id", "clip_id") for name in sorted(getattr(entries, kind))
        ]

    def list(self, wanted: Mapping[str, Any]) -> bytes:
        """Give the names of the clips that a filter leaves, in order, one a line."""
        return "".join(f"{name}\n" for name in self._chosen(wanted)).encode()

    def sheet(self, wanted: Mapping[str, Any]) -> bytes:
        """Give a contact sheet of the first clips that a filter leaves, PNG."""
        from mmvoxceleb.preview import contact_sheet

        def drawn() -> bytes:
            buffer = io.BytesIO()
            contact_sheet(self.place.store, self._chosen(wanted)[:_MOST_ON_SHEET]).save(buffer, "PNG")
            return buffer.getvalue()

        return self._tidily(drawn)

    def gif(self, wanted: Mapping[str, Any]) -> bytes:
        """Give a clip as an animated GIF, or the first clips that a filter leaves."""
        from mmvoxceleb.preview import clip_gif, clips_gif

        if "clip" not in wanted:
            return self._tidily(lambda: clips_gif(self.place.store, self._chosen(wanted)[:_MOST_IN_GIF]))
        return self._tidily(lambda: clip_gif(self.place.store, self._clip(wanted).clip_id))

    def _chosen(self, wanted: Mapping[str, Any]) -> builtins.list[str]:
        """Name the clips that a filter leaves: no inputs that gave none, and nobody on the removal list."""
        catalog, query = self.index.catalog, json.loads(wanted.get("filter") or "{}")
        answer = self.index.querying.answer(query, str(wanted.get("sort") or ""), with_counts=False)
        names = catalog.names.some(answer.order[catalog.has[answer.order] != 0])
        return self.place.removals().keep(names)

    def _row(self, catalog: Catalog, position: int) -> dict[str, Any]:
        name = catalog.names[position]
        bits = int(catalog.has[position])
        return {
            "name": name,
            "person": catalog.persons[catalog.person[position]],
            "split": SPLITS[catalog.split[position]],
            "frames": int(catalog.num_frames[position]),
            "is_clip": bits != 0,
            "lacks": catalog.lacking(position) if bits else [],
            "source": catalog.sources[catalog.source[position]],
            "outcome": OUTCOMES[catalog.outcome[position]],
            "reason": self.place.tidy(catalog.reasons[catalog.reason[position]]),
            "problem": self.place.tidy(catalog.problems.get(position, "")),
            "sentence": catalog.sentences[position],
            "marked": bool(catalog.marked[position]),
            "is_doubtful": catalog.doubt is not None and bool(np.isfinite(catalog.doubt[position])),
        }

    def _clip(self, wanted: Mapping[str, Any]) -> StoredClip:
        name = str(wanted.get("clip", ""))
        if not ClipId.matches(name):
            raise MissingModalityError("there is no such clip")
        return self._places[int(wanted.get("place") or 0)].clip(name)

    def _layers_of_other(self, clip_id: str) -> builtins.list[dict[str, Any]]:
        """List what the second store has of a clip; nothing if there is no second store, or it lacks the clip."""
        found = []
        for place in self._places[1:]:
            if clip_id not in place.removals():
                told = describe(place.clip(clip_id), place.tidy)
                found += [{**layer, "of": place.name} for layer in told["layers"]]
        return found

    def clip(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Tell all of one clip."""
        clip = self._clip(wanted)
        try:
            found = describe(clip, self.place.tidy)
            found["others"] = self._layers_of_other(clip.clip_id)
        except MMVoxCelebError as error:
            raise ConfigError(self._tidy(error)) from error
        if self._mender is not None and found["label"] is not None:
            found |= label_of(*self._mender.read(clip.clip_id))
        position = self.index.catalog.position(clip.clip_id)
        if position >= 0:
            found |= {name: value for name, value in self._row(self.index.catalog, position).items()
                      if name in ("outcome", "reason", "lacks", "marked")}  # fmt: skip
        elif not found["layers"] and not found["files"]:
            raise MissingModalityError("there is no such clip")
        return found

    def mend(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Set an attribute by hand, and return the label as it is then."""
        assert self._mender is not None
        clip = self._clip(wanted)
        self._mender.set(clip.clip_id, str(wanted["attribute"]), int(wanted["value"]), int(wanted["was"]))
        return self._label_now(clip.clip_id)

    def undo(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Take back what was set last in a clip, and return the label as it is then."""
        assert self._mender is not None
        clip = self._clip(wanted)
        is_undone = self._mender.undo(clip.clip_id)
        return {**self._label_now(clip.clip_id), "is_undone": is_undone}

    def _label_now(self, clip_id: str) -> dict[str, Any]:
        assert self._mender is not None
        label, meta = self._mender.read(clip_id)
        catalog = self.index.catalog
        position = catalog.position(clip_id)
        if position >= 0:
            source = str(meta.get("label_source") or "")
            now = replace(catalog.facts(position), label=label, label_source=source, margins=margins_in(meta))
            catalog.put(position, now)
        return label_of(label, meta)

    def poster(self, wanted: Mapping[str, Any]) -> bytes:
        """Give the picture of a clip for the overview."""
        return self._tidily(lambda: poster(self._clip(wanted)))

    def pictures(self, wanted: Mapping[str, Any]) -> bytes:
        """Give some pictures of a clip in one answer; see :func:`mmvoxceleb.viewer.pictures.packed`."""
        name = str(wanted.get("modality"))
        drawing = next((kind for kind in file_modalities() if kind.name == name), None)
        folder = VIDEO.folder() if drawing is not None else folder_named(name, str(wanted.get("style") or ""))
        places = [int(place) for place in str(wanted.get("at", "")).split(",") if place]
        return self._tidily(lambda: packed(self._clip(wanted), folder, places, drawing, self._tidy))

    def sound(self, wanted: Mapping[str, Any]) -> bytes:
        """Give what is heard with a clip."""
        return self._tidily(lambda: sound_of(self._clip(wanted), str(wanted.get("modality"))))

    def strip(self, wanted: Mapping[str, Any]) -> bytes:
        """Give a drawing of a modality over the time of a clip; nothing if there is none."""
        size = [min(4000, max(16, int(wanted.get(name) or 64))) for name in ("width", "height")]
        return self._tidily(lambda: strip_of(self._clip(wanted), str(wanted.get("modality")), *size) or b"")

    def curves(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Measure a clip over time."""
        name = str(wanted.get("modality"))
        is_file = any(kind.name == name for kind in file_modalities())
        folder = file_kind(name).folder() if is_file else folder_named(name, str(wanted.get("style") or ""))
        try:
            return curves_of(self._clip(wanted), folder, self._tidy)
        except MMVoxCelebError as error:
            raise type(error)(self._tidy(error)) from error

    def outlines(self, wanted: Mapping[str, Any]) -> bytes:
        """Give what lies over the frames of a clip as lines."""
        return self._tidily(lambda: outlines_of(self._clip(wanted), file_kind(str(wanted.get("modality")))))

    def _tidily(self, give: Any) -> bytes:
        try:
            return bytes(give())
        except MMVoxCelebError as error:
            raise type(error)(self._tidy(error)) from error

    def _tidy(self, text: object) -> str:
        for place in self._places:
            text = place.tidy(text)
        return str(text)

"""Write clips into a store: each appears whole under its final name, or not at all."""

import io
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

from mmvoxceleb.errors import ConfigError, CorruptSourceError, IncompatibleOutputError
from mmvoxceleb.files.opening import Place, open_output
from mmvoxceleb.files.quoting import quoted
from mmvoxceleb.files.tree import Content, OutputTree
from mmvoxceleb.modalities import META, FileModality, Folder, FrameModality, modalities
from mmvoxceleb.modalities.registry import modality_of_name

__all__ = ["Layout", "StoreWriter"]

Layout: TypeAlias = Literal["folder", "packed"]

_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_OF_THE_SYSTEM = ("__MACOSX", "lost+found")
_MOST_NAMED = 3


class StoreWriter:
    """Writes the original layout, as folders of files or packed as one stored zip per clip.

    Args:
        place: The store's folder, made when absent, or its URL.
        layout: ``folder``: ``video/<clip_id>/0000000.png``; ``packed``: ``video/<clip_id>.zip``, a stored
            (not deflated) zip of the same files. ``txt``, ``label`` and ``meta`` are single files in both. By default
            ``folder`` on disk and ``packed`` on a URL, if there is no other.

    Raises:
        ConfigError: The place cannot be written to, or not in this layout.
    """

    def __init__(self, place: Place, layout: Layout | None = None) -> None:
        self.tree: OutputTree = open_output(place)
        if layout == "folder" and not self.tree.is_local:
            raise ConfigError(
                f"{self.tree.location}: clips cannot be written here as folders, because a folder cannot appear "
                "at once; use the layout 'packed' (--layout packed), one zip per clip"
            )
        self.layout: Layout = layout or ("folder" if self.tree.is_local else "packed")

    @property
    def location(self) -> str:
        """The path or URL, for messages."""
        return self.tree.location

    def check(self) -> None:
        """Find out whether results can go here: into a store, or where nothing is yet.

        Beside a store that is one folder down, they would hide it.

        Raises:
            ConfigError: Here is a file.
            IncompatibleOutputError: Here are other things, and no store.
        """
        self.tree.check()
        names = [name for name in self.tree.names("") if name[0] != "." and name not in _OF_THE_SYSTEM]
        if names and not any(modality_of_name(name) or name.lower().endswith(".zip") for name in names):
            more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
            raise IncompatibleOutputError(
                f"{self.location}: holds {', '.join(map(quoted, names[:_MOST_NAMED]))}{more}, and is not a store; name "
                "a new folder, or the folder of a store itself"
            )

    def snapshot(self) -> "StoreWriter":
        """A view to ask what is there now, with as few requests as possible."""
        return StoreWriter(self.tree.snapshot(), self.layout)

    def path_of(self, folder: Folder, clip_id: str) -> str:
        """Tell where in the store a clip's files go: a folder, a zip, or a single file."""
        if folder.is_frames:
            return f"{folder.path}/{clip_id}{'.zip' if self.layout == 'packed' else ''}"
        assert isinstance(folder.kind, FileModality)
        return f"{folder.path}/{clip_id}{folder.kind.suffix}"

    def form(self, folder: Folder, clip_id: str) -> Literal["folder", "packed", "file"] | None:
        """Tell in which form a clip is there; None if it is absent. What is there is whole."""
        if not folder.is_frames:
            return "file" if self.tree.kind(self.path_of(folder, clip_id)) == "file" else None
        path = f"{folder.path}/{clip_id}"
        return "packed" if self.tree.kind(f"{path}.zip") == "file" else self.tree.kind(path)

    def has(self, folder: Folder, clip_id: str) -> bool:
        """Return whether a clip is there, in any form."""
        return self.form(folder, clip_id) is not None

    def read(self, folder: Folder, clip_id: str) -> list[tuple[str, bytes]]:
        """Read name and content of a clip's files in either layout, by name; none where it is absent.

        Raises:
            CorruptSourceError: Its zip is damaged.
            OSError: They cannot be read.
        """
        if not folder.is_frames:
            names = [self.path_of(folder, clip_id)]
        else:
            path = f"{folder.path}/{clip_id}"
            packed = self.tree.read(f"{path}.zip")
            if packed is not None:
                return _unpack(packed, f"{self.location}: {path}.zip")
            is_there = self.tree.kind(path) == "folder"
            names = [f"{path}/{name}" for name in sorted(self.tree.names(path)) if name[0] != "."] if is_there else []
        files = zip(names, self.tree.read_many(names), strict=True)
        return [(name.rpartition("/")[2], data) for name, data in files if data is not None]

    def write(self, folder: Folder, clip_id: str, files: Sequence[tuple[str, Content]]) -> str:
        """Write a clip's files, replacing what was there, and return the final path, relative to the store.

        Args:
            folder: Where in the layout.
            clip_id: The key.
            files: Names and contents (:meth:`OutputTree.write`); exactly one for a single-file folder, or for frames in
                a video file, as its suffix says. Its name is not used.

        Raises:
            OSError: They cannot be written.
        """
        path = self.path_of(folder, clip_id)
        if not folder.is_frames:
            ((_, data),) = files
            self.tree.write(path, data)
            return path
        clip = f"{folder.path}/{clip_id}"
        if _is_video_file(folder, files):
            if self.tree.kind(clip) == "folder":
                self.tree.remove(clip)
            self.tree.write(clip, files[0][1])
            self.tree.remove(f"{clip}.zip")
            return clip
        if self.layout == "packed":
            self.tree.write(path, _pack(files))
            self.tree.remove(clip)
        else:
            if self.tree.kind(clip) == "file":
                self.tree.remove(clip)
            self.tree.write_folder(path, files)
            self.tree.remove(f"{clip}.zip")
        return path

    def remove(self, folder: Folder, clip_id: str) -> None:
        """Take a clip out of a folder; nothing happens where it is absent."""
        if not folder.is_frames:
            self.tree.remove(self.path_of(folder, clip_id))
            return
        suffix = getattr(folder.kind, "file_suffix", "")
        for end in ("", ".zip", *filter(None, [suffix])):
            self.tree.remove(f"{folder.path}/{clip_id}{end}")

    def remove_clip(self, clip_id: str) -> None:
        """Delete all files of a clip, in every folder of the store, and then what ``meta`` says of their making."""
        for kind in modalities():
            styles = self.tree.names(kind.folder_name) if kind.has_styles else ()
            for folder in kind.folders([name for name in styles if not name.startswith(".")]):
                if self.tree.kind(folder.path) == "folder":
                    self.remove(folder, clip_id)
        self.remove(META.folder(), clip_id)

    def clean_partial(self, folders: Iterable[Folder]) -> int:
        """Delete what killed runs left under temporary names in ``folders``; return how many there were."""
        return self.tree.clean_partial(folder.path for folder in folders)


def _is_video_file(folder: Folder, files: Sequence[tuple[str, Content]]) -> bool:
    suffix = folder.kind.file_suffix if isinstance(folder.kind, FrameModality) else ""
    return bool(suffix) and len(files) == 1 and files[0][0].endswith(suffix)


def _pack(files: Sequence[tuple[str, Content]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files:
            data = content if isinstance(content, bytes) else content.read_bytes()
            archive.writestr(zipfile.ZipInfo(name, _ZIP_DATE), data)
    return buffer.getvalue()


def _unpack(data: bytes, where: str) -> list[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [
                (name.rpartition("/")[2], archive.read(name))
                for name in sorted(archive.namelist())
                if not name.endswith("/")
            ]
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise CorruptSourceError(f"{where}: is damaged ({error}); delete it and make it again") from error

"""Results that were made of other files than a clip has now."""

from collections.abc import Iterator, Mapping
from typing import Any

from mmvoxceleb.errors import MMVoxCelebError
from mmvoxceleb.meta.inputs import CONVERT, digest_of, folders_of_stage, inputs_in, listing_of
from mmvoxceleb.modalities import LABEL, SCORES, VIDEO, Folder
from mmvoxceleb.modalities.registry import modality_of_name
from mmvoxceleb.stores.clip import StoredClip
from mmvoxceleb.validation.report import Problem

__all__ = ["check_outdated"]


def check_outdated(clip: StoredClip, meta: Mapping[str, Any], *, deep: bool) -> Iterator[Problem]:
    """Compare the files of a clip with what the provenance says that its results were made of.

    Frames are compared by name and size. What cannot be compared, or is damaged, gives no problem here.

    Args:
        clip: The clip.
        meta: Its provenance.
        deep: Also compare masks and drawings that others were made of, which are read for that.
    """
    is_converted = CONVERT in meta  # what was made before is of the frames in their earlier form
    for stage, given in inputs_in(meta).items():
        folders = folders_of_stage(stage, meta[stage])
        if not any(clip.has(folder) for folder in folders):
            continue
        try:
            changed = list(_changed_files(clip, given, deep=deep))
            if not is_converted:
                changed += _changed_frames(clip, meta[stage], given, folders)
        except MMVoxCelebError:  # is a problem of its own
            continue
        if changed:
            command = f"mmvoxceleb regenerate {folders[0].kind.made_by or stage}"
            more = folders[0].kind.made_with
            how = (
                command if folders[0].kind is SCORES else f"{command} with {f'{more} and ' if more else ''}--overwrite"
            )
            text = f"was made from other {' and '.join(changed)} than the clip has now; run {how}"
            yield Problem("outdated", text, clip.clip_id, str(folders[0]))


def _changed_frames(
    clip: StoredClip, section: Mapping[str, Any], given: Mapping[str, Any], folders: list[Folder]
) -> Iterator[str]:
    video = VIDEO.folder()
    count, listing = given.get("frames"), given.get("listing")
    if not isinstance(count, int) or not count or not isinstance(listing, str) or not clip.has(video):
        return
    entries, file = clip.entries(video), clip.video_file(video)
    if count > len(entries):
        yield "frames"
        return
    if count < len(entries):  # it was made of those of which it has results, or that it names
        used = section.get("frames_used")
        results = clip.entries(folders[0]) if folders[0].is_frames else ()
        told = used if isinstance(used, list) else [entry.index for entry in results]
        indices = {index for index in told if isinstance(index, int)}
        entries = [entry for entry in entries if entry.index in indices]
    files = entries if file is None else [file, *entries]
    is_known = len(entries) == count and (file or entries[0]).size >= 0  # some servers tell no sizes
    if is_known and listing_of(files) != listing:
        yield "frames"


def _changed_files(clip: StoredClip, given: Mapping[str, Any], *, deep: bool) -> Iterator[str]:
    label = given.get(LABEL.name)
    if isinstance(label, list) and clip.has(LABEL.folder()) and list(clip.value(LABEL)) != label:
        yield "labels"
    for path, told in given.items():
        name, _, style = path.partition("/")
        kind = modality_of_name(name)
        if kind is None or not isinstance(told, Mapping) or "sha256" not in told or "files" not in told:
            continue
        folder = Folder(kind.name, style)
        if folder.is_frames and not deep:
            continue
        if not clip.has(folder):  # what is not there any more is not another
            continue
        entries = clip.entries(folder)
        files = zip((entry.name for entry in entries), clip.read(folder, entries), strict=True)
        if digest_of(files, is_frames=folder.is_frames) != told:
            yield kind.title

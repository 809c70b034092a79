"""The contact sheet: for each clip its frames, masks, drawings, attributes and first sentence, in one grid."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from mmvoxceleb.counting import counted
from mmvoxceleb.errors import ConfigError, MissingModalityError, MMVoxCelebError
from mmvoxceleb.files.whole import name_of
from mmvoxceleb.modalities import FrameModality
from mmvoxceleb.modalities.base import Shown
from mmvoxceleb.preview.canvas import (
    FAINT,
    HAIRLINE,
    INK,
    MUTED,
    PAPER,
    SPLIT_COLOURS,
    WARNING,
    draw_chips,
    draw_pill,
    font,
    text_width_px,
    wrap,
)
from mmvoxceleb.preview.clip_view import ClipView, clips_of, view_clip
from mmvoxceleb.schema import split_of
from mmvoxceleb.stores import Store

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["contact_sheet"]

_Section = tuple[int, Callable[[ImageDraw.ImageDraw, Image.Image, int], None]]
"""Height in pixels, and what paints it at a height."""

_MARGIN, _LABELS, _GAP = 40, 104, 8
_TITLE, _BODY, _SMALL = 22, 16, 13
_SENTENCE_LINES = 3
_STRIP = 64


@dataclass(frozen=True)
class _Grid:
    """Measures of a sheet in pixels."""

    columns: int
    tile: int

    @property
    def content(self) -> int:
        """Width right of the labels."""
        return self.columns * self.tile + (self.columns - 1) * _GAP

    @property
    def width(self) -> int:
        return 2 * _MARGIN + _LABELS + self.content

    def left(self, column: int) -> int:
        return _MARGIN + _LABELS + column * (self.tile + _GAP)


def contact_sheet(
    store: Store,
    clips: Sequence[str] | int = 4,
    *,
    columns: int = 8,
    tile_px: int = 144,
    style: str = "",
) -> Image.Image:
    """Draw a contact sheet of some clips. It names the modalities that a clip lacks, and marks damaged pictures.

    Args:
        store: The store that holds the clips.
        clips: Clip ids; or a number of clips, which are chosen evenly over the store.
        columns: Number of frames of each clip, at least 1; frames that have a mask or drawing are preferred.
        tile_px: Side of each picture on the sheet in px, at least 32.
        style: The drawing style. Empty means ``style1``, or the only style of a store that has another.

    Returns:
        A picture in RGB; with the default ``columns`` and ``tile_px``, it is 1,392 px wide.

    Raises:
        ConfigError: No clip was requested, or ``columns`` or ``tile_px`` is too small.
        MissingModalityError: The store has no clips, or nothing of a requested clip.
        CorruptSourceError: A requested clip id has an invalid form.
    """
    if columns < 1 or tile_px < 32 or (isinstance(clips, int) and clips < 1) or clips == []:
        raise ConfigError("a contact sheet needs at least one clip, one column and tiles of 32 px")
    everything = clips_of(store)
    if not everything:
        raise MissingModalityError(f"{store.location}: there are no clips to show")
    if isinstance(clips, int):
        chosen = [everything[int(at)] for at in np.linspace(0, len(everything) - 1, min(clips, len(everything)))]
    else:
        chosen = list(clips)
    grid = _Grid(columns, tile_px)
    cards = [_card(view_clip(store, clip, count=columns, style=style), grid) for clip in chosen]
    of_all = f"{len(chosen):,} of {len(everything):,} clip{'' if len(everything) == 1 else 's'}"
    title = _title(name_of(store.location), of_all, grid)
    sheet = Image.new("RGB", (grid.width, title.height + sum(card.height for card in cards)), PAPER)
    top = 0
    for part in (title, *cards):
        sheet.paste(part, (0, top))
        top += part.height
    return sheet


def _title(name: str, note: str, grid: _Grid) -> Image.Image:
    picture = Image.new("RGB", (grid.width, 76), PAPER)
    draw = ImageDraw.Draw(picture)
    draw.text((grid.width - _MARGIN, 48), note, font=font(_BODY), fill=MUTED, anchor="rs")
    room = grid.width - 3 * _MARGIN - text_width_px(note, _BODY)
    for line in wrap(name, 28, room, most_lines=1):
        draw.text((_MARGIN, 48), line, font=font(28), fill=INK, anchor="ls")
    return picture


def _card(view: ClipView, grid: _Grid) -> Image.Image:
    """Draw one clip: measure the sections first, then draw each at its height."""
    sections: list[_Section] = [_heading(view, grid)]
    if view.indices:
        sections.append(_captions(view, grid))
    frames = view.frames
    for kind, pictures in view.pictures.items():
        if pictures:
            tiles = {i: _tile(kind, picture, frames.get(i), grid) for i, picture in pictures.items()}
            sections.append(_tiles(kind.pictures, view, grid, tiles))
    sections += _drawn(view, frames, grid)
    sections += _strips(view, grid)
    rows = [
        *(kind.legend(each for each in read.values() if each is not None) for kind, read in view.pictures.items()),
        *(kind.shown(value) for kind, value in view.values.items() if value is not None),
    ]
    sections += [_chips(row, grid) for row in rows if row is not None and row.chips]
    sections += [_lines(row, grid) for row in rows if row is not None and row.lines]
    height = sum(height for height, _ in sections) + 30
    picture = Image.new("RGB", (grid.width, height), PAPER)
    draw = ImageDraw.Draw(picture)
    top = 0
    for section_height, paint in sections:
        paint(draw, picture, top)
        top += section_height
    return picture


def _heading(view: ClipView, grid: _Grid) -> _Section:
    split = split_of(view.clip_id.person_id)
    facts = [
        f"person {view.clip_id.person_id}",
        f"video {view.clip_id.video_id}",
        counted(view.num_frames, "frame") if view.num_frames else "",
        f"without {', '.join(view.missing)}" if view.missing else "",
    ]

    def paint(draw: ImageDraw.ImageDraw, picture: Image.Image, top: int) -> None:
        draw.line((_MARGIN, top, grid.width - _MARGIN, top), fill=HAIRLINE)
        badge, room = round(text_width_px(split, _SMALL)) + 24, grid.width - 2 * _MARGIN
        key = wrap(str(view.clip_id), _TITLE, room - badge - 20, most_lines=1)[0]
        draw.text((_MARGIN, top + 42), key, font=font(_TITLE), fill=INK, anchor="ls")
        right = grid.width - _MARGIN
        background, colour = SPLIT_COLOURS[split]
        draw_pill(picture, (right - badge, top + 22, right, top + 46), background, radius_px=12)
        draw.text((right - badge / 2, top + 34), split, font=font(_SMALL), fill=colour, anchor="mm")
        line = wrap("   ·   ".join(fact for fact in facts if fact), _BODY, room, most_lines=1)[0]
        draw.text((_MARGIN, top + 68), line, font=font(_BODY), fill=MUTED, anchor="ls")

    return 88, paint


def _captions(view: ClipView, grid: _Grid) -> _Section:
    def paint(draw: ImageDraw.ImageDraw, picture: Image.Image, top: int) -> None:
        _label(draw, "frame no.", top + 9)
        for column, index in enumerate(view.indices):
            place = (grid.left(column) + grid.tile / 2, top + 9)
            draw.text(place, str(index), font=font(_SMALL), fill=MUTED, anchor="mm")

    return 24, paint


def _tiles(name: str, view: ClipView, grid: _Grid, tiles: "dict[int, Image.Image | None]") -> _Section:
    def paint(draw: ImageDraw.ImageDraw, picture: Image.Image, top: int) -> None:
        _label(draw, name, top + grid.tile // 2)
        for column, index in enumerate(view.indices):
            box = (grid.left(column), top, grid.left(column) + grid.tile - 1, top + grid.tile - 1)
            middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
            tile = tiles.get(index)
            if tile is not None:
                picture.paste(tile, (box[0] + (grid.tile - tile.width) // 2, top + (grid.tile - tile.height) // 2))
                draw.rectangle(box, outline=HAIRLINE)
            elif index in tiles:
                draw.rectangle(box, outline=WARNING)
                draw.text(middle, "unreadable", font=font(_SMALL), fill=WARNING, anchor="mm")
            else:
                draw.rectangle(box, fill=FAINT)

    return grid.tile + _GAP, paint


def _drawn(view: ClipView, frames: "dict[int, Image.Image | None]", grid: _Grid) -> list[_Section]:
    """What is drawn on the frames, a row for each modality that does so."""
    rows: list[_Section] = []
    for kind, value in view.values.items():
        if value is None:
            continue
        drawn = {i: kind.drawn(value, i, frame) for i, frame in frames.items() if frame is not None}
        if any(picture is not None for picture in drawn.values()):
            rows.append(_tiles(kind.title, view, grid, {i: _fit(picture, grid) for i, picture in drawn.items()}))
    return rows


def _strips(view: ClipView, grid: _Grid) -> list[_Section]:
    """What runs along the clip, drawn from its first frame on the left to its last on the right."""
    strips: list[_Section] = []
    for kind, value in view.values.items():
        try:
            drawn = None if value is None else kind.strip(value, (grid.content, _STRIP))
        except (MMVoxCelebError, ImportError):
            continue
        if drawn is not None:
            strips.append(_strip(kind.title, drawn, grid))
    return strips


def _strip(title: str, drawn: Image.Image, grid: _Grid) -> _Section:
    def paint(draw: ImageDraw.ImageDraw, picture: Image.Image, top: int) -> None:
        _label(draw, title, top + _STRIP // 2)
        picture.paste(drawn, (grid.left(0), top))

    return _STRIP + _GAP, paint


def _chips(shown: Shown, grid: _Grid) -> _Section:
    items = list(shown.chips)
    height = draw_chips(None, items, left_px=0, top_px=0, width_px=grid.content)

    def paint(draw: ImageDraw.ImageDraw, picture: Image.Image, top: int) -> None:
        _label(draw, shown.title, top + 18)
        draw_chips(picture, items, left_px=grid.left(0), top_px=top + 4, width_px=grid.content)

    return height + 16, paint


def _lines(shown: Shown, grid: _Grid) -> _Section:
    lines = [row for line in shown.lines for row in wrap(line, _BODY, grid.content, most_lines=_SENTENCE_LINES)]
    lines += [shown.note] if shown.note else []

    def paint(draw: ImageDraw.ImageDraw, picture: Image.Image, top: int) -> None:
        _label(draw, shown.title, top + 14)
        for row, line in enumerate(lines):
            note = bool(shown.note) and row == len(lines) - 1
            place = (grid.left(0), top + 14 + row * 24)
            draw.text(place, line, font=font(_SMALL if note else _BODY), fill=MUTED if note else INK, anchor="lm")

    return 24 * len(lines) + 10, paint


def _label(draw: ImageDraw.ImageDraw, name: str, middle: float) -> None:
    draw.text((_MARGIN, middle), name, font=font(_SMALL), fill=MUTED, anchor="lm")


def _fit(image: "Image.Image | None", grid: _Grid) -> "Image.Image | None":
    if image is None:
        return None
    shrink = grid.tile / max(image.size)
    size = (max(1, round(image.width * shrink)), max(1, round(image.height * shrink)))
    return image.resize(size, Image.Resampling.LANCZOS)


def _tile(
    kind: FrameModality, picture: "NDArray[np.uint8] | None", frame: Image.Image | None, grid: _Grid
) -> Image.Image | None:
    if picture is None:
        return None
    size = picture.shape[1], picture.shape[0]
    below = None if frame is None or kind.is_timeline else frame.resize(size, Image.Resampling.BICUBIC)
    return _fit(kind.shown(picture, below), grid)

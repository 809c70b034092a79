"""The contact sheet: for each clip its frames, masks, drawings, attributes and first sentence, in one grid."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from mmvoxceleb.errors import ConfigError, MissingModalityError
from mmvoxceleb.modalities import DEFAULT_STYLE
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
from mmvoxceleb.preview.clip_view import ClipView, clips_of, overlay, view_clip
from mmvoxceleb.schema import CLASSES, PALETTE, split_of
from mmvoxceleb.stores import Store

__all__ = ["contact_sheet"]

_MARGIN, _LABELS, _GAP = 40, 104, 8
_TITLE, _BODY, _SMALL = 22, 16, 13
_SENTENCE_LINES = 3


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
    style: str = DEFAULT_STYLE,
) -> Image.Image:
    """Draw a contact sheet of some clips. What a clip lacks is left out and said; what is damaged is marked.

    Args:
        store: Where from.
        clips: Keys; or how many to take, spread over all that the store has.
        columns: Frames of each clip.
        tile_px: Side of a picture on the sheet.
        style: The drawing style.

    Returns:
        RGB picture; 1,392 px wide with the given columns and tiles.

    Raises:
        ConfigError: No clip was asked for, or ``columns`` or ``tile_px`` is too small.
        MissingModalityError: The store has no clips, or nothing of one that was asked for.
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
    title = _title(f"{len(chosen):,} of {len(everything):,} clips", grid)
    sheet = Image.new("RGB", (grid.width, title.height + sum(card.height for card in cards)), PAPER)
    top = 0
    for part in (title, *cards):
        sheet.paste(part, (0, top))
        top += part.height
    return sheet


def _title(note: str, grid: _Grid) -> Image.Image:
    picture = Image.new("RGB", (grid.width, 76), PAPER)
    draw = ImageDraw.Draw(picture)
    draw.text((_MARGIN, 48), "Multimodal VoxCeleb", font=font(28), fill=INK, anchor="ls")
    draw.text((grid.width - _MARGIN, 48), note, font=font(_BODY), fill=MUTED, anchor="rs")
    return picture


def _card(view: ClipView, grid: _Grid) -> Image.Image:
    """Draw one clip: measure the sections first, then draw each at its height."""
    sections: list[tuple[int, Callable[[ImageDraw.ImageDraw, Image.Image, int], None]]] = [_heading(view, grid)]
    if view.indices:
        sections.append(_captions(view, grid))
    if view.frames:
        sections.append(_tiles("frames", view, grid, {i: _fit(image, grid) for i, image in view.frames.items()}))
    if view.masks:
        sections.append(_tiles("masks", view, grid, {i: _mask_tile(view, i, grid) for i in view.masks}))
    if view.drawings:
        sections.append(_tiles("drawings", view, grid, {i: _fit(image, grid) for i, image in view.drawings.items()}))
    if classes := _classes(view):
        sections.append(_chips("classes", [(CLASSES[i], _colour(i)) for i in classes], grid))
    if view.attributes:
        sections.append(_chips("attributes", [(name.replace("_", " "), None) for name in view.attributes], grid))
    if view.sentences:
        sections.append(_sentence(view.sentences, grid))
    height = sum(height for height, _ in sections) + 30
    picture = Image.new("RGB", (grid.width, height), PAPER)
    draw = ImageDraw.Draw(picture)
    top = 0
    for section_height, paint in sections:
        paint(draw, picture, top)
        top += section_height
    return picture


def _heading(view: ClipView, grid: _Grid) -> tuple[int, Callable[[ImageDraw.ImageDraw, Image.Image, int], None]]:
    split = split_of(view.clip_id.person_id)
    facts = [
        f"person {view.clip_id.person_id}",
        f"video {view.clip_id.video_id}",
        f"{view.num_frames:,} frames" if view.num_frames else "",
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


def _captions(view: ClipView, grid: _Grid) -> tuple[int, Callable[[ImageDraw.ImageDraw, Image.Image, int], None]]:
    def paint(draw: ImageDraw.ImageDraw, picture: Image.Image, top: int) -> None:
        _label(draw, "frame no.", top + 9)
        for column, index in enumerate(view.indices):
            place = (grid.left(column) + grid.tile / 2, top + 9)
            draw.text(place, str(index), font=font(_SMALL), fill=MUTED, anchor="mm")

    return 24, paint


def _tiles(
    name: str, view: ClipView, grid: _Grid, tiles: "dict[int, Image.Image | None]"
) -> tuple[int, Callable[[ImageDraw.ImageDraw, Image.Image, int], None]]:
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


def _chips(
    name: str, items: list[tuple[str, tuple[int, int, int] | None]], grid: _Grid
) -> tuple[int, Callable[[ImageDraw.ImageDraw, Image.Image, int], None]]:
    height = draw_chips(None, items, left_px=0, top_px=0, width_px=grid.content)

    def paint(draw: ImageDraw.ImageDraw, picture: Image.Image, top: int) -> None:
        _label(draw, name, top + 18)
        draw_chips(picture, items, left_px=grid.left(0), top_px=top + 4, width_px=grid.content)

    return height + 16, paint


def _sentence(
    sentences: tuple[str, ...], grid: _Grid
) -> tuple[int, Callable[[ImageDraw.ImageDraw, Image.Image, int], None]]:
    lines = wrap(f"“{sentences[0]}”", _BODY, grid.content, most_lines=_SENTENCE_LINES)
    if len(sentences) > 1:
        lines.append(f"the first of {len(sentences)}")

    def paint(draw: ImageDraw.ImageDraw, picture: Image.Image, top: int) -> None:
        _label(draw, "text", top + 14)
        for row, line in enumerate(lines):
            note = len(sentences) > 1 and row == len(lines) - 1
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


def _mask_tile(view: ClipView, index: int, grid: _Grid) -> "Image.Image | None":
    """Lay the mask over its frame, or over paper where the frame is missing."""
    ids = view.masks[index]
    if ids is None:
        return None
    below = view.frames.get(index) or Image.new("RGB", (ids.shape[1], ids.shape[0]), PAPER)
    large = below.resize((ids.shape[1], ids.shape[0]), Image.Resampling.BICUBIC)
    return _fit(overlay(large, ids), grid)


def _classes(view: ClipView) -> list[int]:
    present = {int(value) for ids in view.masks.values() if ids is not None for value in np.unique(ids)}
    return sorted(present - {0})


def _colour(class_id: int) -> tuple[int, int, int]:
    red, green, blue = (int(channel) for channel in PALETTE[class_id])
    return red, green, blue

"""The look of the sheet: its colours, its type, and text that fits a width."""

import unicodedata
from functools import cache
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont
    from PIL.ImageFont import ImageFont as BitmapFont

__all__ = [
    "FAINT", "HAIRLINE", "INK", "MUTED", "PAPER", "SPLIT_COLOURS", "WARNING", "draw_chips", "draw_pill", "font",
    "printable", "text_width_px", "wrap",
]  # fmt: skip

PAPER, INK, MUTED, HAIRLINE, FAINT, WARNING = "#ffffff", "#16191d", "#6b7280", "#e3e6ea", "#f4f5f7", "#b42318"
SPLIT_COLOURS = {"train": ("#e4edff", "#1d4ed8"), "test": ("#fdebd6", "#a34a06")}
"""Background and text of the badge of a split."""

_OTHER_LETTERS = "\N{MIDDLE DOT}\N{HORIZONTAL ELLIPSIS}\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"
"""What Pillow's font has beside ASCII and a sheet needs."""
_SPELT_OUT = str.maketrans(
    {"\N{LATIN SMALL LETTER SHARP S}": "ss", "\N{LATIN SMALL LETTER O WITH STROKE}": "o", "\N{EN DASH}": "-",
     "\N{LATIN SMALL LETTER L WITH STROKE}": "l", "\N{EM DASH}": "-", "\N{RIGHT SINGLE QUOTATION MARK}": "'"}
)  # fmt: skip

_CHIP_PADDING_PX, _CHIP_GAP_PX, _CHIP_HEIGHT_PX = 11, 8, 28


@cache
def font(size_px: int) -> "FreeTypeFont | BitmapFont":
    """The font that comes with Pillow, so that a sheet looks the same everywhere."""
    return ImageFont.load_default(size_px)


def printable(text: str) -> str:
    """Return a text in letters that the font has: accents are dropped, and what is left unknown becomes ``?``."""
    if text.isascii():
        return text
    plain = (
        character if character in _OTHER_LETTERS else unicodedata.normalize("NFKD", character) for character in text
    )
    letters = "".join(plain).translate(_SPELT_OUT)
    return "".join(
        character if character.isascii() or character in _OTHER_LETTERS else "?"
        for character in letters
        if not unicodedata.combining(character)
    )


def text_width_px(text: str, size_px: int) -> float:
    """Measure a line of text."""
    return float(font(size_px).getlength(text))


def wrap(text: str, size_px: int, width_px: float, *, most_lines: int) -> list[str]:
    """Break ``text`` into lines of at most ``width_px``; what does not fit in ``most_lines`` becomes an ellipsis."""
    lines: list[str] = []
    words = printable(text).split()
    while words:
        line = words.pop(0)
        while words and text_width_px(f"{line} {words[0]}", size_px) <= width_px:
            line += f" {words.pop(0)}"
        if len(lines) + 1 == most_lines and words:
            words.clear()
            line += "…"
        while len(line) > 1 and text_width_px(line, size_px) > width_px:
            line = f"{line.rstrip('…')[:-1]}…"
        lines.append(line)
    return lines


def draw_pill(
    picture: Image.Image, box: tuple[int, int, int, int], colour: str | tuple[int, int, int], *, radius_px: int
) -> None:
    """Fill a box (left, top, right, bottom; the last two outside) with round corners and smooth edges."""
    left, top, right, bottom = box
    large = 4
    cover = Image.new("L", (large * (right - left), large * (bottom - top)))
    outline = (0, 0, cover.width - 1, cover.height - 1)
    ImageDraw.Draw(cover).rounded_rectangle(outline, radius=large * radius_px, fill=255)
    picture.paste(colour, box, cover.resize((right - left, bottom - top), Image.Resampling.BOX))


def draw_chips(
    picture: Image.Image | None,
    items: list[tuple[str, tuple[int, int, int] | None]],
    *,
    left_px: int,
    top_px: int,
    width_px: int,
    size_px: int = 14,
) -> int:
    """Draw words in round boxes, in as many lines as they need.

    Args:
        picture: Where to; ``None`` only measures.
        items: Word, and the colour of the square before it, if any.
        left_px: Left edge.
        top_px: Upper edge.
        width_px: Where to begin another line.
        size_px: Size of the type.

    Returns:
        Height in pixels of all lines.
    """
    swatch = 20
    x, y = left_px, top_px
    for word, colour in items:
        before = swatch if colour is not None else 0
        width = round(text_width_px(word, size_px)) + 2 * _CHIP_PADDING_PX + before
        if x > left_px and x + width > left_px + width_px:
            x, y = left_px, y + _CHIP_HEIGHT_PX + _CHIP_GAP_PX
        if picture is not None:
            draw_pill(picture, (x, y, x + width, y + _CHIP_HEIGHT_PX), FAINT, radius_px=_CHIP_HEIGHT_PX // 2)
            middle = y + _CHIP_HEIGHT_PX // 2
            if colour is not None:
                at = x + _CHIP_PADDING_PX
                draw_pill(picture, (at, middle - 6, at + 12, middle + 6), colour, radius_px=3)
            place = (x + _CHIP_PADDING_PX + before, middle)
            ImageDraw.Draw(picture).text(place, word, font=font(size_px), fill=INK, anchor="lm")
        x += width + _CHIP_GAP_PX
    return y + _CHIP_HEIGHT_PX - top_px if items else 0

"""From a stored picture to the one that is to be shown: whole frames, SDR colours, square pixels, upright.

Fields are put together by FFmpeg's ``bwdif``. HDR and BT.2020 colours are brought to BT.709 by libswscale, whose
colour management came with FFmpeg 7.1: PyAV's wheels have neither ``zscale`` nor ``libplacebo``.
"""

from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Deinterlacer", "Picture", "ToneMapper", "picture_of"]

UPRIGHT = (1, 0, 0, 1)

_TRANSFERS = {16: "PQ", 18: "HLG"}
"""HDR transfer functions by their numbers in ITU-T H.273, table 3."""

_BT2020 = 9
"""Primaries of BT.2020 and BT.2100 in ITU-T H.273, table 2."""

_WITHOUT_SHAPE = ("mpegts", "mpeg", "mpegvideo", "m4v", "h264", "hevc", "obu", "ivf", "flv")
"""Containers, by their names in FFmpeg, that cannot say how wide a pixel is."""

_ODDEST_PIXEL = 16
"""No pixel in use is this many times as wide as it is high; beyond it a header is taken for damaged."""


@dataclass(frozen=True)
class Picture:
    """How the pictures of a video, or of a part of it, must be converted to be shown.

    Args:
        pixel_aspect: Width of a stored pixel divided by its height.
        is_shape_of_container: Whether the container states this shape, so that it holds for the whole video.
        is_interlaced: Whether a stored picture consists of two fields, taken one after the other.
        colours: ``SDR``, or ``PQ``, ``HLG`` or ``BT.2020`` if the colours must be converted to BT.709.
        orientation: The display matrix as (a, b, c, d), each -1, 0 or 1: a stored pixel (x, y) is shown at
            (a x + c y, b x + d y), up to a shift. (1, 0, 0, 1) if the picture is upright.
    """

    pixel_aspect: Fraction = Fraction(1)
    is_shape_of_container: bool = False
    is_interlaced: bool = False
    colours: str = "SDR"
    orientation: tuple[int, int, int, int] = UPRIGHT

    @property
    def is_mirrored(self) -> bool:
        """Whether the picture is to be flipped, and not only rotated."""
        a, b, c, d = self.orientation
        return a * d - b * c < 0

    def shown_size(self, width_px: int, height_px: int) -> tuple[int, int]:
        """Width and height as shown of a picture that is stored with these; the lines of the picture all stay."""
        width_px = self._wide(width_px)
        return (height_px, width_px) if self.orientation[0] == 0 else (width_px, height_px)

    def show(self, stored: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
        """Make the pixels of a picture square, and turn and flip it.

        Args:
            stored: uint8 [H, W, 3], RGB, of whole frames in BT.709.
        """
        height_px, width_px = stored.shape[:2]
        return _orient(_resize(stored, self._wide(width_px), height_px), self.orientation)

    def show_rotated(self, rotated: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
        """Do the same for a decoder that rotates by itself, and takes no notice of mirrors and of the pixels' shape.

        Such decoders read a display matrix as its angle: where it sends the x axis.

        Args:
            rotated: uint8 [H, W, 3], RGB, of whole frames in BT.709.
        """
        import numpy as np

        height_px, width_px = rotated.shape[:2]
        a = self.orientation[0]
        shown = _resize(rotated, *((width_px, self._wide(height_px)) if a == 0 else (self._wide(width_px), height_px)))
        if self.is_mirrored:
            shown = np.ascontiguousarray(shown[:, ::-1] if a == 0 else shown[::-1])
        return shown

    def _wide(self, pixels: int) -> int:
        return max(1, round(pixels * self.pixel_aspect))

    def changes(self) -> dict[str, str]:
        """What is done to the pictures, for ``meta``; empty where they are shown as they are stored."""
        done = {}
        if self.is_interlaced:
            done["deinterlaced"] = "bwdif"
        if self.colours != "SDR":
            done["tone_mapped"] = f"{self.colours} to BT.709, libswscale, relative colorimetric"
        if self.pixel_aspect != 1:
            done["pixel_aspect"] = f"{self.pixel_aspect.numerator}:{self.pixel_aspect.denominator}"
        if self.orientation != UPRIGHT:
            done["display_matrix"] = " ".join(map(str, self.orientation))
        return done


def picture_of(
    frame: Any, stream: Any, orientation: tuple[int, int, int, int], first: "Picture | None" = None
) -> Picture:
    """Read from a frame, and where that is silent from its stream, what it and those after it need.

    Args:
        frame: The ``av.VideoFrame`` that was decoded last.
        stream: Its ``av.VideoStream``.
        orientation: The display matrix, see :class:`Picture`.
        first: What the video's first frame needs; None for that frame itself.
    """
    colours = _TRANSFERS.get(int(frame.color_trc)) or ("BT.2020" if int(frame.color_primaries) == _BT2020 else "SDR")
    # bwdif leaves alone the frames that say they are progressive
    is_interlaced = bool(frame.interlaced_frame) or _field_order(stream) > _PROGRESSIVE
    return Picture(*_pixel_aspect(stream, first), is_interlaced, colours, orientation)


class Deinterlacer:
    """FFmpeg's ``bwdif``: one whole frame for each frame that is stored as two fields; others pass as they are.

    The filter looks at the frame before and the frame after, so from the first interlaced frame on each comes out when
    the next one goes in.
    """

    def __init__(self) -> None:
        self.count = 0
        """How many frames were two fields."""
        self._graph: Any = None
        self._form: tuple[object, ...] = ()
        self._waiting: deque[Any] = deque()

    def push(self, tag: Any, frame: Any) -> list[tuple[Any, Any]]:
        """Hand in a frame; get back those that are finished.

        Args:
            tag: Anything that belongs to the frame, such as its time, and is to come out with it.
            frame: An ``av.VideoFrame``.
        """
        self.count += frame.interlaced_frame
        if self._graph is None and not frame.interlaced_frame:
            return [(tag, frame)]
        form = (frame.format.name, frame.width, frame.height)
        done = [] if form == self._form else self.flush()
        if self._graph is None:
            self._form, self._graph = form, _graph(frame, [("bwdif", "mode=send_frame:deint=interlaced")])
        self._waiting.append(tag)
        self._graph.push(frame)
        return done + self._pull()

    def flush(self) -> list[tuple[Any, Any]]:
        """Get the last frames."""
        if self._graph is None:
            return []
        self._graph.push(None)
        done = self._pull()
        self._graph, self._form = None, ()
        self._waiting.clear()
        return done

    def _pull(self) -> list[tuple[Any, Any]]:
        import av

        done: list[tuple[Any, Any]] = []
        while True:
            try:
                frame = self._graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return done
            done.append((self._waiting.popleft(), frame))


class ToneMapper:
    """Brings PQ, HLG and BT.2020 to BT.709 as uint8 [H, W, 3], RGB.

    Relative colorimetric: reference white, 203 cd/m² by ITU-R BT.2408, becomes white, and what is brighter is cut.
    Faces lie below it, and so look as they do in SDR; an operator that makes room for highlights darkens them.
    """

    def __init__(self) -> None:
        self._graph: Any = None
        self._form: tuple[object, ...] = ()

    def to_rgb(self, frame: Any) -> "NDArray[np.uint8]":
        """Convert an ``av.VideoFrame``."""
        form = (frame.format.name, frame.width, frame.height, frame.color_trc, frame.color_primaries)
        if form != self._form:
            # a header that names the transfer and nothing else means BT.2100
            source = "" if int(frame.color_primaries) != _UNSPECIFIED else "in_primaries=bt2020:"
            matrix = "" if int(frame.colorspace) != _UNSPECIFIED else "in_color_matrix=bt2020nc:"
            self._form = form
            self._graph = _graph(
                frame,
                [
                    # 16 bits in between: with 8, colours are off by 25 of 255
                    ("scale", f"{matrix}flags=accurate_rnd+full_chroma_int"),
                    ("format", "pix_fmts=gbrp16le"),
                    ("scale", f"{source}out_primaries=bt709:out_transfer=bt709:intent=relative_colorimetric"),
                    ("format", "pix_fmts=gbrp16le"),
                ],
            )
        self._graph.push(frame)
        rgb: NDArray[np.uint8] = self._graph.pull().to_ndarray(format="rgb24")
        return rgb


_UNSPECIFIED = 2
"""What ITU-T H.273 calls unspecified, in all three of its tables."""

_PROGRESSIVE = 1
"""``AV_FIELD_PROGRESSIVE``; 0 is unknown, and 2 to 5 are the orders of interlaced video."""


def _field_order(stream: Any) -> int:
    return int(getattr(stream.codec_context, "field_order", 0) or 0)


def _pixel_aspect(stream: Any, first: Picture | None) -> tuple[Fraction, bool]:
    """Give the shape of the pixels of the frame that was decoded last, and whether it is the container's word.

    A container that gives a shape gives it for the whole video, as FFmpeg's command takes it; the coded shape may
    change wherever the size of the picture may.
    """
    coded = _shape(stream.codec_context.sample_aspect_ratio)
    if first is not None:
        return (first.pixel_aspect, True) if first.is_shape_of_container else (coded or Fraction(1), False)
    stated = None if stream.container.format.name in _WITHOUT_SHAPE else _shape(stream.sample_aspect_ratio)
    # without a shape of its own, a container repeats the coded one
    return stated or coded or Fraction(1), stated not in (None, coded)


def _shape(ratio: Any) -> Fraction | None:
    return Fraction(ratio) if ratio and 1 / _ODDEST_PIXEL < ratio < _ODDEST_PIXEL else None


def _graph(frame: Any, filters: list[tuple[str, str]]) -> Any:
    from av.filter import Graph

    graph = Graph()
    last = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1, 1000)
    )
    for name, options in filters:
        step = graph.add(name, options)
        last.link_to(step)
        last = step
    last.link_to(graph.add("buffersink"))
    graph.configure()
    return graph


def _resize(frame: "NDArray[np.uint8]", width_px: int, height_px: int) -> "NDArray[np.uint8]":
    import cv2
    import numpy as np

    old_height, old_width = frame.shape[:2]
    if (old_width, old_height) == (width_px, height_px):
        return frame
    is_larger = width_px > old_width or height_px > old_height
    interpolation = cv2.INTER_CUBIC if is_larger else cv2.INTER_AREA
    return np.asarray(cv2.resize(frame, (width_px, height_px), interpolation=interpolation), np.uint8)


def _orient(frame: "NDArray[np.uint8]", orientation: tuple[int, int, int, int]) -> "NDArray[np.uint8]":
    import numpy as np

    if orientation == UPRIGHT:
        return frame
    a, b, c, d = orientation
    if a == 0:
        frame = frame.transpose(1, 0, 2)
        flip_x, flip_y = c < 0, b < 0
    else:
        flip_x, flip_y = a < 0, d < 0
    frame = frame[:: -1 if flip_y else 1, :: -1 if flip_x else 1]
    return np.ascontiguousarray(frame)

"""The part of a key frame's packet that says how large the picture is, where a codec lets it change in mid-stream."""

from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["header_of"]

_HEAD_BYTES = 4096
"""Parameter sets stand within this; the slices behind them are not looked at."""


def header_of(codec: str, packet: Any, extradata: bytes | None) -> bytes | None:
    """Give bytes that differ where the size of the picture does; None where the packet does not speak of it.

    Args:
        codec: FFmpeg's name of the codec.
        packet: An ``av.Packet`` with a key frame.
        extradata: What the container says of the stream; it tells the two forms of H.264 and H.265 apart.
    """
    if packet.has_sidedata("new_extradata"):
        return bytes(packet.get_sidedata("new_extradata"))
    find = _FINDERS.get(codec)
    return (find(memoryview(packet), extradata or b"") or None) if find is not None else None


def _avc_header(data: memoryview, extradata: bytes) -> bytes:
    """Collect the sequence parameter sets of H.264."""
    length_bytes = (extradata[4] & 3) + 1 if len(extradata) > 4 and extradata[0] == 1 else 0
    return b"".join(bytes(unit) for unit in _units(data, length_bytes) if len(unit) and unit[0] & 0x1F == 7)


def _hevc_header(data: memoryview, extradata: bytes) -> bytes:
    """Collect the sequence parameter sets of H.265."""
    length_bytes = (extradata[21] & 3) + 1 if len(extradata) > 21 and extradata[0] == 1 else 0
    return b"".join(bytes(unit) for unit in _units(data, length_bytes) if len(unit) and unit[0] >> 1 & 0x3F == 33)


def _units(data: memoryview, length_bytes: int) -> Iterator[memoryview]:
    """Split into units, each behind its length or, where this has no bytes, behind a start code."""
    at = 0
    if length_bytes:
        while at + length_bytes < len(data):
            length = int.from_bytes(data[at : at + length_bytes], "big")
            at += length_bytes
            yield data[at : at + min(length, _HEAD_BYTES)]
            at += length
        return
    head = bytes(data[:_HEAD_BYTES])
    at = head.find(b"\0\0\1")
    while at >= 0:
        following = head.find(b"\0\0\1", at + 3)
        yield data[at + 3 : following if following >= 0 else len(head)]
        at = following


def _sequence_header(data: memoryview, extradata: bytes) -> bytes:
    """Find the size and shape in the sequence header of MPEG-1 and MPEG-2."""
    head = bytes(data[:64])
    at = head.find(b"\0\0\1\xb3")
    return head[at : at + 8] if at >= 0 else b""


def _object_layer(data: memoryview, extradata: bytes) -> bytes:
    """Find what stands before the picture in MPEG-4 part 2."""
    head = bytes(data[:256])
    at = head.find(b"\0\0\1\xb6")
    return head[:at] if at > 0 else b""


_FINDERS: dict[str, Callable[[memoryview, bytes], bytes]] = {
    "h264": _avc_header,
    "hevc": _hevc_header,
    "mpeg1video": _sequence_header,
    "mpeg2video": _sequence_header,
    "mpeg4": _object_layer,
    # the first bytes of a key frame, which hold its size
    "vp8": lambda data, extradata: bytes(data[3:10]),
    "vp9": lambda data, extradata: bytes(data[:9]),
    "av1": lambda data, extradata: bytes(data[:14]),
}

"""What x264 must be told so that the same frames give the same file."""

__all__ = ["repeatable_options"]

_MACROBLOCK_PX = 16
_BLOCKS_AT_A_TIME = 8


def repeatable_options(width: int) -> dict[str, str]:
    """Return options for FFmpeg's libx264, to be added to others.

    Where the processor has AVX-512, x264 (core 165) works on 8 macroblocks at a time, and its macroblock tree reads
    memory that nobody has written where a row of them is no multiple of that: the file depends on what was in it. Found
    by ``MALLOC_PERTURB_`` at 64, 224, 320 and 496 px; at 128, 256, 384, 500 and 512 px it did not happen, and the tree
    is left on.

    Args:
        width: Of the frames, in px.
    """
    blocks = -(-width // _MACROBLOCK_PX)
    return {"mbtree": "0"} if blocks % _BLOCKS_AT_A_TIME else {}

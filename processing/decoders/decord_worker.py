"""The process in which decord runs: ``python decord_worker.py VIDEO THREADS SECONDS``.

It writes a line of JSON with the number of frames; then, for every line with a list of numbers that it reads, a line
with the shape and the pixels behind it. It ends when its input does, and when one answer takes longer than SECONDS.
Nothing but decord and NumPy is loaded: decord's library brings symbols of an old zlib, which break other libraries.
"""

import faulthandler
import json
import os
import sys
from typing import Any


def main(path: str, threads: int, seconds: float) -> None:
    """Serve one video."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the library prints is no answer
    nowhere = open(os.devnull, "w")  # noqa: SIM115  the watchdog needs it until the end

    def answer(content: dict[str, Any], data: Any = b"") -> None:
        answers.write(json.dumps(content).encode() + b"\n")
        answers.write(data)
        answers.flush()
        faulthandler.cancel_dump_traceback_later()

    faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)
    try:
        import decord
    except (ImportError, OSError) as error:
        return answer({"missing": str(error)})
    try:
        reader = decord.VideoReader(path, num_threads=threads)
        answer({"frames": len(reader)})
        for line in sys.stdin:
            faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)
            pictures = reader.get_batch(json.loads(line)).asnumpy()
            answer({"shape": pictures.shape}, memoryview(pictures).cast("B"))
    except (decord.DECORDError, RuntimeError, IndexError) as error:
        answer({"error": str(error)})


if __name__ == "__main__":
    del sys.path[0]  # this folder, whose modules are no top-level ones
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))

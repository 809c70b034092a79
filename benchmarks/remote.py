"""Measure stores behind HTTP and S3, on loopback with 20 ms of latency: opening, the first record, epochs.

    python benchmarks/remote.py [--clips 96] [--frames 32] [--latency 0.02] [--only http-packed ...] [--pixels small]

The servers (``remote_server.py``) run in a separate process and log each request. Each measurement runs in a separate
process, with an empty cache (``first``) or the cache that the first one left (``again``), and gives the number of
requests and the seconds by the clock. ``epoch`` is the first pass of ``DataLoader(sampler, batch_size=16)`` over a
``ClipSampler`` with the given number of ``threads``, after opening; ``later`` is the median of the five passes that
follow it. ``plain`` repeats the GET requests of each pass with ``requests`` on as many threads, with one session each,
and drops the bytes. ``driver`` is the same pass over S3 without signed addresses, in turns with the others. CPU
is that of our process, with decoding; the difference of ``ours`` and ``driver`` is what signed addresses save.
``local`` makes the same samples from disk, which shows the time for decoding. ``small`` pictures have 40 x 24 and
64 x 48 px, so that the requests dominate; ``real`` ones have 256 and 512 px, as in ``corpus.py``.
"""

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

LAYOUTS = ("zip", "packed", "folder")
BATCH = 16
THREADS = (1, 4, 16)
ROUNDS = 5
WARM = HERE / "bench_data" / "warm"


def make_data(root: Path, layout: str, clips: int, frames: int, pixels: str) -> Path:
    """Write a corpus in a layout, unless it is there."""
    target = root / f"{pixels}-{layout}-{clips}-{frames}"
    if (target.with_name(f"{target.name}.done")).exists():
        return target
    if pixels == "real":
        from corpus import make_corpus

        make_corpus(target, clips, frames, layout=layout)  # type: ignore[arg-type]
        shutil.rmtree(target / f".{layout}-{clips}-{frames}", ignore_errors=True)
    else:
        from tests.stores.test_open_store import pack
        from tests.support.corpus import make_corpus as make_small
        from tests.support.corpus import zip_corpus

        with tempfile.TemporaryDirectory() as folder:
            corpus = make_small(Path(folder), clips=clips, frames=frames)
            target.mkdir(parents=True)
            if layout == "zip":
                zip_corpus(corpus, target)
            elif layout == "packed":
                pack(corpus, target)
            else:
                shutil.copytree(folder, target, dirs_exist_ok=True)
    target.with_name(f"{target.name}.done").touch()
    return target


class Server:
    """A server of ``remote_server.py`` in a process of its own."""

    def __init__(self, protocol: str, folder: Path, latency: float) -> None:
        command = [sys.executable, str(HERE / "remote_server.py"), protocol, str(folder), "--latency", str(latency)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.address = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        self.url = self.address if protocol == "http" else "s3://bucket"

    def log(self) -> list[tuple[str, str, str]]:
        """Return the requests since the last call."""
        with urllib.request.urlopen(f"{self.address}/__log__") as answer:
            return [tuple(one) for one in json.load(answer)]

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@contextlib.contextmanager
def serving(protocol: str, folder: Path, latency: float) -> Iterator[Server]:
    server = Server(protocol, folder, latency)
    try:
        yield server
    finally:
        server.close()


def plain_seconds(address: str, log: list[tuple[str, str, str]], threads: int) -> float:
    """Send GET requests anew, on so many threads, and return the seconds that it takes."""
    import requests

    wanted = iter([(path, asked) for method, path, asked in log if method == "GET"])
    lock = threading.Lock()

    def work() -> None:
        session = requests.Session()
        session.trust_env = False
        while True:
            with lock:
                one = next(wanted, None)
            if one is None:
                return
            path, asked = one
            assert len(session.get(address + path, headers={"Range": asked} if asked else {}).content) >= 0

    workers = [threading.Thread(target=work) for _ in range(threads)]
    start = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return time.perf_counter() - start


def _sampler(url: str, threads: int) -> Any:
    from mmvoxceleb import ClipSampler

    return ClipSampler(url, num_frames=8, frame_step=4, image_size=128, threads=threads)


def _epoch(sampler: Any) -> tuple[float, float, int]:
    """Go through a sampler once: seconds by the clock, CPU seconds of this process, samples."""
    from torch.utils.data import DataLoader

    cpu, start = time.process_time(), time.perf_counter()
    count = sum(len(batch["clip_id"]) for batch in DataLoader(sampler, batch_size=BATCH, shuffle=True))
    return time.perf_counter() - start, time.process_time() - cpu, count


def task(what: str, url: str, address: str, threads: int) -> dict[str, Any]:
    """Do one thing in this process, and return its seconds; what comes before it is not counted."""
    import torch

    import mmvoxceleb
    import mmvoxceleb.loading.builder
    import mmvoxceleb.sampling.sampler

    with contextlib.suppress(ImportError):
        import_module("aiohttp"), import_module("s3fs")

    def begin() -> None:
        if address:
            urllib.request.urlopen(f"{address}/__log__").read()

    def log() -> list[tuple[str, str, str]]:
        return json.load(urllib.request.urlopen(f"{address}/__log__")) if address else []

    torch.set_num_threads(1)
    if what == "record":  # imports and compiles
        _ = next(iter(mmvoxceleb.load_dataset(name="sample", split="train", streaming=True).decode(False)))
    begin()
    start = time.perf_counter()
    if what == "open":
        from mmvoxceleb.stores import open_store

        store = open_store(url)
        clips = {str(folder): len(store.clips(folder)) for folder in store.folders()}
        return {"seconds": time.perf_counter() - start, "log": log(), "clips": clips}
    if what == "record":
        stream = mmvoxceleb.load_dataset(data_dir=url, streaming=True, split="train")
        record = next(iter(stream.decode(False)))
        return {"seconds": time.perf_counter() - start, "log": log(), "frames": len(record["frames"])}
    sampler = _sampler(url, threads)
    if what == "sampler":
        return {"seconds": time.perf_counter() - start, "log": log(), "samples": len(sampler)}
    warm = _sampler(str(WARM), threads)
    _ = warm[0]  # imports and compiles
    rounds = ROUNDS if what == "later" else 1
    if what == "later":
        _epoch(sampler)
    taken: dict[str, list[float]] = {"ours": [], "plain": [], "driver": []}
    cpu: dict[str, list[float]] = {"ours": [], "driver": []}

    def epoch_by(kind: str) -> int:
        seconds, of_cpu, count = _epoch(sampler)
        taken[kind].append(seconds)
        cpu[kind].append(of_cpu)
        return count

    for _ in range(rounds):
        begin()
        count = epoch_by("ours")
        if address:
            seen = log()
            taken["plain"].append(plain_seconds(address, seen, threads))
            if url.startswith("s3://"):
                with signed_reads_off():
                    epoch_by("driver")
    return {
        "seconds": statistics.median(taken["ours"]),
        "log": seen if address else [],
        "samples": count,
        "taken": taken,
        "cpu": {kind: statistics.median(seconds) for kind, seconds in cpu.items() if seconds},
    }


@contextlib.contextmanager
def signed_reads_off() -> Iterator[None]:
    """Let S3's driver read."""
    from mmvoxceleb.files import signed

    before, signed._MOST_FAILURES = signed._MOST_FAILURES, 0
    try:
        yield
    finally:
        signed._MOST_FAILURES = before


def run(what: str, server: Server | None, url: str, cache: str, threads: int = 1) -> dict[str, Any]:
    """Do one thing in a process of its own."""
    command = [
        sys.executable,
        str(Path(__file__).resolve()),
        "--task",
        what,
        url,
        server.address if server else "",
        str(threads),
    ]
    environ = {**os.environ, "MMVOXCELEB_CACHE": cache, "HF_HOME": f"{cache}/hf", "HF_HUB_OFFLINE": "1"}
    if server is not None:
        environ |= {
            "FSSPEC_S3_ENDPOINT_URL": server.address, "FSSPEC_S3_KEY": "key", "FSSPEC_S3_SECRET": "secret",
            "AWS_EC2_METADATA_DISABLED": "true",
        }  # fmt: skip
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def measure(protocol: str, layout: str, arguments: argparse.Namespace) -> None:
    """Measure one layout behind one protocol, and print rows of a Markdown table."""
    folder = make_data(HERE / "bench_data" / "remote", layout, arguments.clips, arguments.frames, arguments.pixels)
    name = f"{protocol}, {layout}, {arguments.pixels}"

    def tell(what: str, result: dict[str, Any], more: str = "") -> None:
        print(f"| {name} | {what} | {len(result['log'])} | {result['seconds']:.2f} s | {more} |", flush=True)

    with serving(protocol, folder, arguments.latency) as server, tempfile.TemporaryDirectory() as cache:
        for what in ("open", "record", "sampler"):
            shutil.rmtree(cache, ignore_errors=True)
            for time_of in ("first", "again"):
                tell(f"{what}, {time_of}", run(what, server, server.url, cache))
        for threads in arguments.threads:
            local = run("later", None, str(folder), cache, threads)
            for what in ("epoch", "later"):
                result = run(what, server, server.url, cache, threads)
                more = [f"local {local['seconds']:.2f} s"]
                for kind, seconds in result["taken"].items():
                    if seconds and kind != "ours":
                        ratios = sorted(of / ours for of, ours in zip(seconds, result["taken"]["ours"], strict=True))
                        middle, span = statistics.median(ratios), f" ({ratios[0]:.0%} to {ratios[-1]:.0%})"
                        more.append(
                            f"{kind} {statistics.median(seconds):.2f} s: {middle:.0%}{span if len(ratios) > 1 else ''}"
                        )
                requests = max(1, len(result["log"]))
                more += [f"CPU of {kind} {1e3 * of / requests:.2f} ms a request" for kind, of in result["cpu"].items()]
                tell(f"{what} of {result['samples']}, {threads} threads", result, "; ".join(more))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=96)
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--latency", type=float, default=0.02)
    parser.add_argument("--pixels", choices=("small", "real"), default="small")
    parser.add_argument("--threads", type=int, nargs="+", default=THREADS)
    parser.add_argument("--only", nargs="+", default=[f"{p}-{layout}" for p in ("http", "s3") for layout in LAYOUTS])
    parser.add_argument("--task", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        what, url, address, threads = arguments.task
        print(json.dumps(task(what, url, address, int(threads))))
    else:
        if not WARM.exists():
            make_data(HERE / "bench_data" / "remote", "folder", 2, 40, "small").rename(WARM)
        print("| store | what | requests | time | |\n| --- | --- | --- | --- | --- |")
        for one in arguments.only:
            protocol, layout = one.split("-")
            measure(protocol, layout, arguments)

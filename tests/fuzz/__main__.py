"""``python -m tests.fuzz``: run a campaign, or one input of it again."""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

# no caches, bars or networks of the user's; before datasets is imported
os.environ.update(
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_PROGRESS_BARS="1",
    HF_DATASETS_DISABLE_PROGRESS_BARS="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    HF_UPDATE_DOWNLOAD_COUNTS="0",
    NO_PROXY="127.0.0.1,localhost",
    OMP_NUM_THREADS="1",
)

EXAMPLES = """
python -m tests.fuzz --count 5000 --seed 7
python -m tests.fuzz --kinds zip,png-frames --count 1000
python -m tests.fuzz --only zip:7000123
"""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz",
        description="Read damaged inputs, and count what comes of them.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--count", type=int, default=5000, help="inputs, shared among the kinds (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the campaign (%(default)s)")
    parser.add_argument("--kinds", help="some kinds alone, joined by commas; a name's beginning takes all that have it")
    parser.add_argument("--only", metavar="KIND:SEED", help="run one input and show all that came of it")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="processes (%(default)s)")
    parser.add_argument(
        "--keep", type=Path, default=Path("fuzz_failures"), help="folder for failing inputs (%(default)s)"
    )
    parser.add_argument("--report", type=Path, help="write all results to this JSON file")
    parser.add_argument("--list", action="store_true", help="list the kinds, and stop")
    arguments = parser.parse_args()

    from tests.fuzz.campaign import Campaign, Result, inputs_of, table_of
    from tests.fuzz.kinds import KINDS
    from tests.fuzz.preload import preload

    if arguments.list:
        print("\n".join(f"{name:20}{str(kind.__doc__).splitlines()[0]}" for name, kind in KINDS.items()))
        return 0
    preload()
    begun, results = time.monotonic(), []

    def done(result: Result) -> None:
        results.append(result)
        if not result.is_right:
            print(
                f"{result.kind}:{result.seed} {result.outcome}: {result.message[:300]} [{result.damage[:200]}]",
                flush=True,
            )
        if sys.stderr.isatty() or len(results) % 500 == 0:
            wrong = sum(not each.is_right for each in results)
            end = "\r" if sys.stderr.isatty() else "\n"
            rate = len(results) / (time.monotonic() - begun)
            print(
                f"{len(results)} of {len(inputs)} inputs, {wrong} wrong, {rate:.1f}/s",
                end=end,
                file=sys.stderr,
                flush=True,
            )

    if arguments.only:
        name, _, seed = arguments.only.partition(":")
        inputs = [(KINDS[name], int(seed))]
    else:
        wanted = tuple((arguments.kinds or "").split(","))
        kinds = [kind for name, kind in KINDS.items() if name.startswith(wanted)]
        inputs = list(inputs_of(kinds, arguments.count, arguments.seed))
    folder = Path(tempfile.mkdtemp(prefix="mmvoxceleb-fuzz-"))
    try:
        Campaign(folder, arguments.jobs, arguments.keep).run(inputs, done)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if arguments.report:
        arguments.report.write_text(json.dumps([asdict(result) for result in results]), "utf-8")
    wrong = [result for result in results if not result.is_right]
    if arguments.only:
        (result,) = results
        print(
            f"{result.outcome} in {result.seconds:.2f} s, {result.bytes >> 20} MB\n{result.damage}\n{result.message}\n"
            f"{result.trace}"
        )
    else:
        print(f"\n{table_of(results)}\n\n{len(results)} inputs in {time.monotonic() - begun:.0f} s, {len(wrong)} wrong")
    if wrong:
        print(f"saved in {arguments.keep}/; again: python -m tests.fuzz --only {wrong[0].kind}:{wrong[0].seed}")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())

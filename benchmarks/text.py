"""Measure lines of text per second against the original grammar, and the variety of both styles.

    python benchmarks/text.py [--clips 2000]

The original's computation is rewritten below from its description, with the same draws from ``random`` and
``numpy.random``, one by one. Both sides write 20 lines for the same random labels, in turns, three times.
"""

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from mmvoxceleb.processing.text import describe
from mmvoxceleb.processing.text.grammar.original import KINDS, SPOKEN
from mmvoxceleb.schema import ATTRIBUTE_INDEX
from tests.support.variety import measure_variety

LINES = 20
MALE, NO_BEARD, MOUTH = (ATTRIBUTE_INDEX[name] for name in ("Male", "No_Beard", "Mouth_Slightly_Open"))


def original_way(label: "np.ndarray") -> list[str]:
    """Draw and phrase as the original program does, call by call."""
    label = label.copy()
    label[NO_BEARD] = 1 - label[NO_BEARD]
    spoken = list(np.where(label)[0])
    random.shuffle(spoken)
    queues = {
        kind: [i for i in spoken if KINDS[i] == kind and i not in (MALE, MOUTH)] for kind in ("wear", "has", "is")
    }
    clauses = []
    while any(queues.values()):
        counts = np.array([len(queue) for queue in queues.values()], dtype=float)
        kind = str(np.random.choice(list(queues), p=counts / counts.sum()))
        group = [queues[kind].pop(0)]
        if queues[kind] and random.random() < 0.9:
            group.append(queues[kind].pop(0))
        if queues[kind] and random.random() < 0.85:
            group.append(queues[kind].pop(0))
        clauses.append((kind, [SPOKEN[i] for i in group]))
    pronoun, nouns = ("he", ["male", "man"]) if label[MALE] else ("she", ["female", "woman"])
    lines = []
    for _ in range(LINES):
        line = []
        for position, (kind, names) in enumerate(clauses):
            if random.random() > (0.85 if position else 0.5):
                determiner = str(np.random.choice(["a", "this"]))
                noun = random.choice(nouns) if random.random() < 0.75 else "person"
                subject = f"{determiner} {noun}"
            else:
                subject = pronoun
            verb = str(np.random.choice(["wears", "is wearing"])) if kind == "wear" else kind
            what = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
            sentence = f"{subject} {verb} {what}."
            line.append(sentence[0].upper() + sentence[1:])
        lines.append(" ".join(line))
    return lines


def random_labels(count: int) -> "np.ndarray":
    """Labels with ten to eleven attributes on average, int8 [count, 40]."""
    return (np.random.default_rng(0).random((count, 40)) < 0.26).astype(np.int8)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=2000)
    labels = random_labels(parser.parse_args().clips)
    ways: dict[str, Callable[[np.ndarray, str], list[str]]] = {
        "original program's way": lambda label, clip: original_way(label),
        "describe(style='original')": lambda label, clip: describe(label, LINES, 0, clip),
        "describe(style='natural')": lambda label, clip: describe(label, LINES, 0, clip, "natural"),
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    texts: dict[str, list[list[str]]] = {}
    for _ in range(3):
        for way, write in ways.items():
            start = time.perf_counter()
            texts[way] = [write(label, f"clip{number}") for number, label in enumerate(labels)]
            seconds[way].append(time.perf_counter() - start)
    medians = {way: statistics.median(times) for way, times in seconds.items()}
    base = medians["original program's way"]
    print(f"{len(labels)} clips of {LINES} lines, {labels.sum(1).mean():.1f} attributes each, median of 3 turns\n")
    print("| way | lines/s | ratio | spread (max/min) |")
    print("| --- | --- | --- | --- |")
    for way, median in medians.items():
        spread = max(seconds[way]) / min(seconds[way])
        print(f"| {way} | {len(labels) * LINES / median:,.0f} | {base / median:.1f} | {spread:.2f} |")
    print("\n| way | different lines of 20 | distinct-1, -2, -3, -4 | self-BLEU (lower is more varied) |")
    print("| --- | --- | --- | --- |")
    for way, clips in texts.items():
        variety = measure_variety([lines for lines in clips[:200] if any(lines)])
        ngrams = ", ".join(f"{share:.3f}" for share in variety.distinct_ngrams)
        print(f"| {way} | {variety.distinct_lines * LINES:.1f} | {ngrams} | {variety.self_bleu:.3f} |")


if __name__ == "__main__":
    main()

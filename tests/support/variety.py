"""How much the sentences of a clip differ from each other."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_ORDER = 4


@dataclass(frozen=True)
class Variety:
    """Means over the clips measured.

    Args:
        distinct_lines: Different lines divided by lines, in (0, 1].
        distinct_ngrams: For n of 1 to 4, different n-grams of a clip divided by all its n-grams (Li et al. 2016,
            "distinct-n"), in (0, 1].
        self_bleu: BLEU-4 of each line against the other lines of its clip (Zhu et al. 2018), in [0, 1];
            1 where every line can be found in the others. Lower is more varied.
    """

    distinct_lines: float
    distinct_ngrams: tuple[float, float, float, float]
    self_bleu: float


def measure_variety(clips: Iterable[Sequence[str]]) -> Variety:
    """Measure the variety within each clip's lines, and average over clips.

    Args:
        clips: For each clip its lines, at least two that are not empty. Words are separated by white space, and
            full stops and commas count as words.

    Raises:
        ValueError: There is no clip, or one of fewer than two lines with words.
    """
    lines_share: list[float] = []
    ngram_shares: list[list[float]] = [[] for _ in range(_ORDER)]
    bleus: list[float] = []
    for lines in clips:
        tokens = [words for line in lines if (words := line.replace(".", " .").replace(",", " ,").split())]
        if len(tokens) < 2:
            raise ValueError(f"variety needs at least two lines with words, got {list(lines)!r}")
        grams = [[_ngrams(words, n) for words in tokens] for n in range(1, _ORDER + 1)]
        lines_share.append(len(set(lines)) / len(lines))
        for shares, counts in zip(ngram_shares, grams, strict=True):
            total = sum(sum(count.values()) for count in counts)
            shares.append(len(set().union(*counts)) / total if total else 1.0)
        bleus.append(_self_bleu(grams, [len(words) for words in tokens]))
    if not bleus:
        raise ValueError("variety needs at least one clip")
    first, second, third, fourth = (_mean(shares) for shares in ngram_shares)
    return Variety(_mean(lines_share), (first, second, third, fourth), _mean(bleus))


def _ngrams(words: Sequence[str], n: int) -> "Counter[tuple[str, ...]]":
    return Counter(zip(*(words[start:] for start in range(n)), strict=False))


def _self_bleu(grams: "list[list[Counter[tuple[str, ...]]]]", lengths: list[int]) -> float:
    """Mean BLEU-4 of each line against the others: clipped precisions, closest length for the brevity penalty."""
    scores = []
    for line, length in enumerate(lengths):
        logs = []
        for counts in grams:
            others: Counter[tuple[str, ...]] = Counter()
            for position, count in enumerate(counts):
                if position != line:
                    others |= count
            total = sum(counts[line].values())
            matched = sum(min(number, others[gram]) for gram, number in counts[line].items())
            # a line without a match gets half a match, so that one order cannot make the mean zero
            logs.append(math.log((matched or 0.5) / total) if total else 0.0)
        closest = min((abs(other - length), other) for place, other in enumerate(lengths) if place != line)[1]
        penalty = 1.0 if length > closest else math.exp(1 - closest / length)
        scores.append(penalty * math.exp(sum(logs) / _ORDER))
    return _mean(scores)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)

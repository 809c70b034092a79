"""What differs between two clip lists."""

from dataclasses import dataclass
from typing import Any

from mmvoxceleb.cliplists import ClipList

__all__ = ["ListDiff", "diff_lists"]


@dataclass(frozen=True)
class ListDiff:
    """Differences between two clip lists, A and B.

    Args:
        only_a: Clips that only A has, sorted.
        only_b: Clips that only B has, sorted.
        in_both: Number of clips that both have.
        others: One phrase for each other difference, in conditions, counts, stores or versions.
    """

    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    in_both: int
    others: tuple[str, ...]

    @property
    def is_same(self) -> bool:
        """Whether the lists do not differ, which means that their hashes are equal."""
        return not (self.only_a or self.only_b or self.others)

    def to_json(self) -> dict[str, Any]:
        """Return the differences as JSON values."""
        return {
            "same": self.is_same,
            "only_a": list(self.only_a),
            "only_b": list(self.only_b),
            "in_both": self.in_both,
            "others": list(self.others),
        }


def diff_lists(a: ClipList, b: ClipList) -> ListDiff:
    """Compare two clip lists, but not their times of creation and the names of their files."""
    only_a, only_b = set(a.clips) - set(b.clips), set(b.clips) - set(a.clips)
    return ListDiff(tuple(sorted(only_a)), tuple(sorted(only_b)), len(a) - len(only_a), tuple(_others(a, b)))


def _others(a: ClipList, b: ClipList) -> list[str]:
    found = []
    conditions = [[step.condition for step in each.steps] for each in (a, b)]
    if conditions[0] != conditions[1]:
        for name, own, other in (("A", *conditions), ("B", *reversed(conditions))):
            if only := [text for text in own if text not in other]:
                found.append(f"only {name} has the condition {'; '.join(only)}")
        if not found:
            found.append("the conditions are in another order")
    elif a.steps != b.steps:
        steps = zip(a.steps, b.steps, strict=True)
        one, two = next((one, two) for one, two in steps if one != two)
        found.append(
            f"{one.condition}: fulfilled by {one.passed:,} and unknown of {one.unknown:,} clips of A, "
            f"by {two.passed:,} and of {two.unknown:,} of B"
        )
    if a.store != b.store:
        counts = [f"{each.store.clips:,} clips" if each.store else "an unknown number" for each in (a, b)]
        found.append(f"they were chosen from stores of other clips: {counts[0]} and {counts[1]}")
    names = sorted(a.versions.keys() | b.versions.keys())
    found += [
        f"version of {name}: {a.versions.get(name, 'none')} and {b.versions.get(name, 'none')}"
        for name in names
        if a.versions.get(name) != b.versions.get(name)
    ]
    return found

"""The identity-disjoint splits. MMVID defines none; these are VoxCeleb1's own (crop_vox.py, ``TEST_PERSONS``)."""

from typing import Literal

__all__ = ["SPLITS", "TEST_PERSONS", "split_of"]

SPLITS: tuple[Literal["train", "test"], ...] = ("train", "test")

TEST_PERSONS: frozenset[str] = frozenset(f"id{number}" for number in range(10270, 10310))
"""VoxCeleb1's 40 test identities, id10270 to id10309."""


def split_of(person_id: str) -> Literal["train", "test"]:
    """Return the split of an identity: ``test`` for VoxCeleb1's test identities, ``train`` for all others."""
    return "test" if person_id in TEST_PERSONS else "train"

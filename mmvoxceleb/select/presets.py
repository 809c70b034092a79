"""The thresholds by which others chose their training data, as far as there are figures for them here."""

from dataclasses import dataclass

from mmvoxceleb.errors import ConfigError

__all__ = ["PRESETS", "Preset", "preset_of"]


@dataclass(frozen=True)
class Preset:
    """Conditions that the authors of a trainer published.

    Args:
        name: Name of the preset.
        conditions: The conditions, in the form of ``--where``.
        notes: Further published conditions without a figure here, and differences between their figures and ours.
        source: URL of the published conditions.
    """

    name: str
    conditions: tuple[str, ...]
    notes: tuple[str, ...]
    source: str


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "latentsync",
            ("sync_confidence >= 3", "-6 <= sync_offset <= 6"),
            (
                "LatentSync also wants a visual quality of 40 by hyperIQA, which is not among the figures here",
                "LatentSync cuts its videos into pieces of 5 s; add --where 'seconds >= 5' to keep clips as long",
            ),
            "https://github.com/bytedance/LatentSync/tree/a229c3948406bc2cf6eaf4873e662e70c6a04746/preprocess",
        ),
        Preset(
            "talkvid",
            (
                "seconds >= 5",
                "one_face_share >= 0.8",
                "-54 <= yaw <= 54",
                "-54 <= pitch <= 54",
                "-54 <= roll <= 54",
            ),
            (
                "TalkVid bounds the root of the sum of squares of the three angles by 54 degrees, mean over one "
                "frame a second by InsightFace; here each angle's median over all frames is bounded",
                "TalkVid also wants that from one second to the next the head turns by at most 30 degrees and its "
                "points move by at most a fifth of the frame, on average, all five of them in the picture, and a face "
                "of 1.7 % of its area; our speeds are of single frames, and crops are of faces",
                "TalkVid also filters by DOVER and CoTracker, of which there are no figures here",
            ),
            "https://github.com/FreedomIntelligence/TalkVid/tree/b3e15e62c37e50e5ae8ebabcdfdfff3672b40282/"
            "data_pipeline",
        ),
    )
}
"""The thresholds that the authors of trainers published for their training data, by name of the preset.

Each one has ``name``, ``conditions``, ``notes`` on how it differs from the publication, and ``source``, a URL.
"""


def preset_of(name: str) -> Preset:
    """Return a preset by its name.

    Raises:
        ConfigError: There is none of that name.
    """
    if name not in PRESETS:
        raise ConfigError(f"unknown preset {name!r}; the known ones are {', '.join(PRESETS)}")
    return PRESETS[name]

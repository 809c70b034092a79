"""The sections of the card, each a function from numbers and facts to Markdown."""

from collections.abc import Sequence

from mmvoxceleb.hub.card_facts import CardFacts
from mmvoxceleb.hub.card_fixed import BIAS, CITATIONS, FORBIDDEN, LICENCE_FILE, RIGHTS
from mmvoxceleb.hub.charts import CHARTS
from mmvoxceleb.hub.layout import WHOLE, configs_of, features_of
from mmvoxceleb.hub.notes import ShardNote
from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.hub.statistics import ExportStatistics
from mmvoxceleb.modalities import LABEL, MASKS, MODALITIES, TEXT, VIDEO, FrameModality, frame_modalities, modalities
from mmvoxceleb.schema import ATTRIBUTES, SENSITIVE_ATTRIBUTES

__all__ = [
    "LICENCE_FILE",
    "bias",
    "citations",
    "coverage",
    "labels",
    "loading",
    "making",
    "numbers",
    "opening",
    "people",
    "record",
    "removal",
    "rights",
    "splits",
]


def size_text(size: float) -> str:
    """Format bytes as people read them: ``1.4 GB``."""
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
        size /= 1000
    raise AssertionError("unreachable")


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def opening(
    settings: ExportSettings, statistics: ExportStatistics, notes: Sequence[ShardNote], facts: CardFacts
) -> str:
    """Say what this is, and how much."""
    persons = len(frozenset().union(*(split.persons for split in statistics.splits.values())))
    titles = [kind.title for kind in modalities(settings.modalities)]
    listed = ", ".join(titles[:-1]) + (" and " if len(titles) > 1 else "") + titles[-1]
    size = size_text(sum(note.bytes for note in notes if note.part == WHOLE))
    return f"""# {facts.title}

{statistics.clips:,} clips of talking faces, {persons:,} identities, each clip with {listed}: {size}, version
{settings.version}. The form is that of Multimodal VoxCeleb (Han et al., MMVID, CVPR 2022), whose own files were
withdrawn in 2024; the videos are those that VoxCeleb names.

**The clips show real people who did not consent to this.** Read [whose it is](#whose-it-is),
[the people in it](#the-people-in-it) and [how the labels came about](#the-labels) before you use it."""


def loading(settings: ExportSettings, facts: CardFacts) -> str:
    """Show how to load it and parts of it, without our package."""
    repo = facts.repo_id
    if settings.format == "webdataset":
        return f"""## Load it

```python
from datasets import load_dataset

clips = load_dataset("{repo}", split="train", streaming=True)
clip = next(iter(clips))
clip["json"]["clip_id"], clip["__key__"]
```

The pictures of a clip are a stored zip of PNG files: `zipfile.ZipFile(io.BytesIO(clip["masks.zip"]))`. The tars are
plain WebDataset: `webdataset.WebDataset(urls)` reads them too. A key is the clip's name with `~` for `#`."""
    names = [config.name for config in configs_of(settings)]
    lines = [
        f"""## Load it

```python
from datasets import load_dataset

clips = load_dataset("{repo}", split="train", streaming=True)
clip = next(iter(clips))
```

Configs: {", ".join(f"`{name}`" for name in names)}. Take the lightest that has what you need: columns that
are light beside the whole row have files of their own.

```python"""
    ]
    if light := next((name for name in (LABEL.name, TEXT.name) if name in names), None):
        lines.append(f"""# the names of all clips
ids = load_dataset("{repo}", "{light}", split="train", columns=["clip_id"])""")
    if MASKS.name in names and len(names) > 2:
        lines.append(f"""# masks and sentences, without the frames
masks = load_dataset("{repo}", "{MASKS.name}", split="train", streaming=True)""")
    lines.append(f"""# one person: only the files that can hold her or him
import json
from huggingface_hub import hf_hub_download

shards = json.load(open(hf_hub_download("{repo}", "export.json", repo_type="dataset")))["shards"]
files = [
    shard["path"]
    for shard in shards
    if shard["part"] == "all" and any(clip["clip_id"].startswith("id10001#") for clip in shard["clips"])
]
person = load_dataset(
    "{repo}", data_files=files, split="train", streaming=True, filters=[("person_id", "==", "id10001")]
)
```""")
    return "\n".join(lines)


_IDENTITY_MEANINGS = {
    "clip_id": "the original key, `id11248#yDqlBD8m_b8#00004.txt#000.mp4`",
    "person_id": "identity in VoxCeleb",
    "video_id": "YouTube id of the source video",
    "utterance": "name of VoxCeleb's annotation",
    "chunk": "number of the face tube in the utterance",
    "num_frames": "frames of the whole clip",
}


def record(settings: ExportSettings) -> str:
    """Describe the columns."""
    rows = []
    options = settings.record_options(count_frames=False)
    meanings = dict(_IDENTITY_MEANINGS)
    for modality in modalities(settings.modalities):
        meanings |= modality.meanings(options)
    for name, feature in features_of(settings).items():
        kind = type(feature).__name__
        inner = getattr(feature, "feature", feature)
        kind = getattr(inner, "dtype", kind) if kind in ("List", "Value") else kind
        kind = type(inner).__name__ if type(inner).__name__ in ("Image", "Video", "ClassLabel") else kind
        rows.append((f"`{name}`", f"list of {kind}" if type(feature).__name__ == "List" else kind, meanings[name]))
    title = "## What a row holds"
    if settings.format == "webdataset":
        title += "\n\nThe light fields are in a sample's `json` and `txt`, the pictures in its zips.\n"
    return f"{title}\n\n{_table(('field', 'type', 'meaning'), rows)}"


def numbers(statistics: ExportStatistics, charts: Sequence[str]) -> str:
    """Give the numbers by split, with the charts of them."""
    rows = []
    counted = [*dict.fromkeys(name for split in statistics.splits.values() for name in split.pictures)]
    counted = [kind.pictures for kind in frame_modalities() if kind.pictures in counted or _is_always_counted(kind)]
    for name, split in statistics.splits.items():
        frames = f"{sum(split.frames):,}" if split.frames else "unknown"
        lengths = sorted(split.frames)
        middle = f"{lengths[0]} / {lengths[len(lengths) // 2]} / {lengths[-1]}" if lengths else "unknown"
        people, videos = len(split.persons), len(split.videos)
        counts = [f"{split.pictures.get(column, 0):,}" for column in counted]
        rows.append((name, f"{split.clips:,}", f"{people:,}", f"{videos:,}", frames, middle, *counts))
    head = ("split", "clips", "identities", "videos", "frames", "shortest / median / longest", *counted)
    pictures = [
        f"![{title}]({CHARTS[name]})"
        for name, title in (("splits", "Identities, videos and clips by split"), ("lengths", "Lengths of the clips"))
        if CHARTS[name] in charts
    ]
    return "\n\n".join(["## In numbers", _table(head, rows), *pictures])


def _is_always_counted(kind: FrameModality) -> bool:
    return kind.name in MODALITIES and not kind.is_timeline


def rights(facts: CardFacts) -> str:
    """Say what is whose."""
    return RIGHTS + (
        f"\n\nThe publisher of this repository names the licence `{facts.licence}` for what is theirs to license."
        if facts.licence
        else "\n\nBecause of this the card names no licence of its own: `license: other`, explained in LICENSE.md."
    )


def people(facts: CardFacts) -> str:
    """Say who is shown, and what must not be done."""
    return FORBIDDEN.replace("{contact}", facts.contact or "the owner of this repository")


def labels(settings: ExportSettings, statistics: ExportStatistics, facts: CardFacts, charts: Sequence[str]) -> str:
    """Say what the labels and sentences are worth."""
    if not {TEXT.name, LABEL.name} & set(settings.modalities):
        return ""
    parts = ["## The labels"]
    sources = [f"{count:,} clips: {source or 'not recorded'}" for source, count in statistics.label_sources.items()]
    parts.append(
        "The 40 attributes are *perceived*: what somebody, or a network taught by such opinions (CelebA), sees in a "
        "face. They are binary where people are not, and loaded by the culture of those who chose the words. "
        "`Male`, `Young` or `Attractive` here say nothing true about a person. Never use them as ground truth "
        "about people." + (f" Source of the labels: {'; '.join(sources)}." if sources else "")
    )
    accuracy = facts.label_accuracy or "not measured on these clips"
    parts.append(f"Accuracy by attribute: {accuracy}.")
    if TEXT.name in settings.modalities:
        parts.append(
            "The sentences are made from the labels by a grammar. They say no more than the labels, and repeat their "
            "errors: `he` and `she` are the attribute `Male`."
        )
    names = ", ".join(f"`{name}`" for name in ATTRIBUTES if name in SENSITIVE_ATTRIBUTES)
    parts.append(
        f"**Withheld here**: {names} are -1 in every label"
        + (", but the sentences may speak of them." if TEXT.name in settings.modalities else ".")
        if settings.drop_sensitive
        else f"Sensitive attributes are {names}. `mmvoxceleb export --drop-sensitive` makes a copy without them."
    )
    if CHARTS["attributes"] in charts:
        parts.append(f"![Share of clips with each attribute]({CHARTS['attributes']})")
    return "\n\n".join(parts)


def making(settings: ExportSettings, statistics: ExportStatistics, facts: CardFacts) -> str:
    """Name the models, and what was lost."""
    parts = ["## How it was made"]
    rows = []
    for stage, sha256 in statistics.models:
        known = facts.models.get(sha256)
        name, licence = (known.name, known.licence) if known else ("not a published file that we know", "unknown")
        rows.append((stage, name, f"`{sha256}`", licence))
    if rows:
        parts.append("Weights named in the clips' own provenance:")
        parts.append(_table(("step", "weights", "sha256", "licence and training data"), rows))
    else:
        parts.append(
            "The clips carry no record of how they were made, as is so with the original files. The original masks "
            "are by BiSeNet, trained on CelebAMask-HQ (non-commercial research); the original drawings are by Unpaired "
            "Portrait Drawing, whose repository has no licence, so that all rights are reserved."
        )
    parts.append(_losses(settings, statistics))
    return "\n\n".join(parts)


def _losses(settings: ExportSettings, statistics: ExportStatistics) -> str:
    lossless = [kind.title for kind in frame_modalities(settings.modalities) if not kind.is_timeline]
    text = f"{' and '.join(lossless).capitalize()} are lossless. " if lossless else ""
    if not settings.has_mp4:
        return text + ("Frames are the store's own files, byte for byte." if VIDEO.name in settings.modalities else "")
    quality = statistics.quality
    if quality is None:
        return text
    if quality.is_exact:
        return text + "Frames were encoded as H.264 in RGB without loss: every pixel of every frame was compared."
    return text + (
        f"**Frames are lossy**: H.264, libx264 `crf {settings.crf}`, preset medium, YUV 4:2:0. Against the frames that "
        f"went in: PSNR {quality.psnr_mean:.1f} dB on average and {quality.psnr_min:.1f} dB in the worst of "
        f"{quality.frames:,} frames; SSIM {quality.ssim_mean:.4f} on average and {quality.ssim_min:.4f} in the worst "
        f"of {quality.ssim_frames:,}."
    )


def coverage(statistics: ExportStatistics, facts: CardFacts) -> str:
    """Say which clips are here."""
    text = facts.coverage or (
        "The publisher has not said which of VoxCeleb's videos could be had, and when. The original dataset had 19,522 "
        f"clips of 453 people; here are {statistics.clips:,}."
    )
    skipped = f" {len(statistics.skipped):,} damaged clips were left out." if statistics.skipped else ""
    return f"## Coverage\n\n{text}{skipped} `export.json` lists every file with its sha256."


def splits(statistics: ExportStatistics) -> str:
    """Say how the splits were made, and the result of the leak check."""
    persons, videos = statistics.shared_persons, statistics.shared_videos
    checked = (
        "no identity and no source video is in more than one split"
        if not persons and not videos
        else f"**leak**: in both splits are {', '.join([*persons, *videos][:10])}"
    )
    return (
        "## Splits\n\nThe original defines none. `test` is VoxCeleb1's 40 test identities, id10270 to id10309, and "
        f"`train` everybody else. Checked on this export: {checked}."
    )


def bias() -> str:
    """Say what the data leans to."""
    return BIAS


def removal(facts: CardFacts) -> str:
    """Say how a person is taken out."""
    where = facts.contact or "the owner of this repository, in its discussions"
    return f"""## Removal

Whoever is shown here, or holds rights in a video, can have it taken out: write to {where}, with the identity or the
YouTube id. The publisher runs `mmvoxceleb remove --person ID --repo {facts.repo_id}`, which takes the clips out of all
files in one commit. If you hold a copy, delete the clips that are gone here. VoxCeleb's own notice, with the address of
its authors: <https://www.robots.ox.ac.uk/~vgg/terms/url-lists-privacy-notice.html>."""


def citations(settings: ExportSettings) -> str:
    """List the works to cite."""
    return f"## Citations\n\nExported by mmvoxceleb as version {settings.version}.\n\n```bibtex\n{CITATIONS}\n```"

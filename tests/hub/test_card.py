import dataclasses
import io
import json
import shutil
from pathlib import Path

import jinja2
import numpy as np
import pytest
from huggingface_hub import DatasetCard
from matplotlib.patches import Rectangle
from PIL import Image

from mmvoxceleb.cli.export import known_models
from mmvoxceleb.hub.card import CardFacts, ModelFacts
from mmvoxceleb.hub.charts import CHARTS, chart_figures
from mmvoxceleb.hub.export import export_store
from mmvoxceleb.hub.manifest import ExportFolder
from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.hub.statistics import ExportStatistics, SplitStatistics, statistics_of
from mmvoxceleb.processing.published import PUBLISHED
from mmvoxceleb.processing.sample_models import SAMPLE_SHA256
from mmvoxceleb.sample import sample_path
from mmvoxceleb.schema import ATTRIBUTES
from tests.support.corpus import Corpus, make_corpus, write_clip

SHA = "468e13ca13a9b43cc0881a9f99083a430e9c0a38abd935431d1c28ee94b26567"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("card")
    corpus = make_corpus(folder / "store")
    meta = corpus.root / "meta"
    meta.mkdir()
    content = {"mask": {"settings": {"weights": {"sha256": SHA}}, "inputs": {"sha256": "0" * 64}}}
    for clip in corpus.clips:
        (meta / f"{clip}.json").write_text(json.dumps(content | {"label_source": "predicted:farl"}))
    facts = CardFacts(
        repo_id="lab/faces",
        contact="faces@example.org",
        coverage="All videos, in May.",
        models={SHA: ModelFacts("bisenet (79999_iter.pth)", "masks", "research only", "Yu et al.")},
    )
    export_store(corpus.root, folder / "out", ExportSettings(), facts=facts)
    return folder / "out"


def test_the_yaml_is_read_by_huggingface_hub_and_is_complete(exported: Path) -> None:
    card = DatasetCard.load(exported / "README.md")
    data = card.data
    assert (data.license, data.license_name, data.license_link) == ("other", "several-see-license-md", "LICENSE.md")
    assert data.size_categories == ["n<1K"]
    assert {"text-to-video", "image-segmentation"} <= set(data.task_categories)
    assert data.annotations_creators == ["machine-generated"]
    names = ["all", "video", "mask", "drawing", "text", "label", "index", "preview"]
    assert [config["config_name"] for config in data.configs] == names
    assert [config["config_name"] for config in data.configs if config.get("default")] == ["all"]
    splits = {split["name"]: split["num_examples"] for split in data.dataset_info[0]["splits"]}
    assert splits == {"train": 3, "test": 2}
    features = [feature["name"] for feature in data.dataset_info[0]["features"]]
    assert {"frames", "masks", "label"} <= set(features)
    assert data.extra_gated_prompt


def test_the_text_says_what_a_responsible_card_must(exported: Path) -> None:
    text = " ".join(DatasetCard.load(exported / "README.md").text.split())
    for said in (
        "real people who did not consent",
        "No licence covers the faces",
        "CC BY-SA 4.0",
        "Creative Commons Attribution 4.0 International",
        "*perceived*",
        "identifying people",
        "deep fakes",
        "celebrities being interviewed",
        "All videos, in May.",
        "faces@example.org",
        "url-lists-privacy-notice",
        "mmvoxceleb remove --person ID --repo lab/faces",
        "no identity and no source video is in more than one split",
        "5 clips: predicted:farl",
        f"| mask | bisenet (79999_iter.pth) | `{SHA}` | research only |",
        "han2022show",
        "nagrani2017voxceleb",
    ):
        assert said in text, said
    assert "0" * 64 not in text
    assert "CelebAMask-HQ" in (exported / "LICENSE.md").read_text()


def test_torchcodec_is_not_named_where_nothing_needs_it(exported: Path) -> None:
    assert "torchcodec" not in (exported / "README.md").read_text()


def test_the_charts_are_pictures_that_the_card_shows(exported: Path) -> None:
    text = (exported / "README.md").read_text()
    for path in exported.glob("charts/*.png"):
        assert f"(charts/{path.name})" in text
        picture = Image.open(io.BytesIO(path.read_bytes()))
        assert picture.width > 600
        assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 20
    assert len(list(exported.glob("charts/*.png"))) == 3


def test_the_chart_of_attributes_has_one_denominator_and_says_so() -> None:
    known = (200, 50, 0) + (200,) * (len(ATTRIBUTES) - 3)
    counts = (100, 10, 0) + (20,) * (len(ATTRIBUTES) - 3)
    split = SplitStatistics(200, frozenset({"a"}), frozenset({"v"}), (64,) * 200, {}, counts, known)
    axes = dict(chart_figures(ExportStatistics({"train": split})))["attributes"].axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    widths = [bar.get_width() for bar in axes.patches if isinstance(bar, Rectangle)]
    shares = dict(zip(names, widths, strict=True))
    numbers = dict(zip(names, (text.get_text() for text in axes.texts), strict=True))
    first, second, unknown, other = (name.replace("_", " ") for name in ATTRIBUTES[:4])
    assert unknown not in shares
    assert (shares[first], shares[second], shares[other]) == (50, 20, 10), "% of the clips in which each is known"
    assert (numbers[first], numbers[second]) == ("of 200", "of 50")
    whole = dataclasses.replace(split, attribute_known=(200,) * len(ATTRIBUTES))
    assert not dict(chart_figures(ExportStatistics({"train": whole})))["attributes"].axes[0].texts


def test_the_median_of_an_even_number_of_clips_lies_between_the_two_in_the_middle(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "store", clips=3)
    assert corpus.num_frames[:2] == (12, 13), "the clips of the training split"
    export_store(corpus.root, tmp_path / "out", ExportSettings())
    assert "| 12 / 12 / 13 |" in (tmp_path / "out/README.md").read_text()


def test_a_leak_and_a_licence_are_told(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "store", clips=3, frames=2)
    leaked = corpus.clips[2]
    label = corpus.root / "label"
    (label / f"{leaked.replace('id10271', 'id10001')}.txt").write_text(",".join(["0"] * len(ATTRIBUTES)))
    export_store(
        corpus.root, tmp_path / "out", ExportSettings(modalities=("label",)), facts=CardFacts(licence="cc-by-4.0")
    )
    text = (tmp_path / "out" / "README.md").read_text()
    assert "**leak**: in both splits are -video_0002" in text
    assert DatasetCard(text).data.to_dict()["license"] == "cc-by-4.0"
    assert not (tmp_path / "out" / "LICENSE.md").exists()


def test_a_card_of_other_videos_claims_nothing_of_voxceleb(tmp_path: Path) -> None:
    store = tmp_path / "store"
    for number, video in enumerate(("holiday", "王小明 说话")):
        write_clip(store, f'Jürgen "M"#{video}#00000.txt#000.mp4', number, 5)
    for settings in (ExportSettings(), ExportSettings(format="webdataset")):
        out = tmp_path / settings.format
        export_store(store, out, settings)
        card = DatasetCard.load(out / "README.md")
        assert (card.data.pretty_name, card.data.source_datasets) == ("Talking faces", None)
        assert "voxceleb" not in card.data.tags
        assert card.data.extra_gated_prompt.startswith("The clips show real people. By requesting access")
        text = card.text.replace("Multimodal VoxCeleb", "") + (out / "LICENSE.md").read_text()
        for claim in (
            "VoxCeleb lists", "in VoxCeleb", "YouTube", "celebrities", "well known", "19,522", "metadata", "nagrani",
            "id10001", "VoxCeleb's own notice",
        ):  # fmt: skip
            assert claim not in text, claim
        assert "The clips show real people." in text
    text = (tmp_path / "parquet" / "README.md").read_text()
    assert r'filters=[("person_id", "==", "Jürgen \"M\"")]' in text


def test_the_corpus_of_the_tests_is_told_as_not_recorded(corpus: Corpus, tmp_path: Path) -> None:
    export_store(corpus.root, tmp_path / "out", ExportSettings(modalities=("label",)))
    assert "5 clips: not recorded" in (tmp_path / "out" / "README.md").read_text()


def test_weights_of_every_stage_are_found_in_its_provenance() -> None:
    from mmvoxceleb.meta.models import models_in

    section = {"settings": {"model": "bisenet", "sha256": "a" * 64}, "input": {"sha256": "b" * 64}}
    assert list(models_in(section)) == ["a" * 64]
    assert list(models_in({"settings": {"detector": {"weights_sha256": "c" * 64}}})) == ["c" * 64]


def test_the_sample_is_told_as_generated_and_its_models_are_known(tmp_path: Path) -> None:
    store = shutil.copytree(
        sample_path(), tmp_path / "store", ignore=shutil.ignore_patterns("raw", "models", "parquet")
    )
    (store / "meta").mkdir()
    content = json.dumps({"label": {"settings": {"weights": {"sha256": SAMPLE_SHA256}}}})
    (store / "meta" / "id00000#sample-look#00001.txt#000.mp4.json").write_text(content)
    facts = CardFacts(models=known_models(), charts=False)
    export_store(str(store), tmp_path / "out", ExportSettings(modalities=("label",)), facts=facts)
    card = DatasetCard.load(tmp_path / "out" / "README.md")
    assert card.data.to_dict().get("extra_gated_prompt") is None
    assert "Their people are generated: nobody real is shown" in card.text
    assert f"| label | sample (sample-models.safetensors) | `{SAMPLE_SHA256}` | MIT; trained on generated" in card.text
    assert "Real people" not in card.text
    assert "unknown |" not in card.text.split("## How it was made")[1]


def test_the_template_asks_for_nothing_that_it_is_not_given(exported: Path) -> None:
    from mmvoxceleb.hub.card import _TEMPLATE, _values

    folder, facts = ExportFolder(exported), CardFacts()
    strict = jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(_TEMPLATE.read_text())
    settings, notes = folder.settings(), folder.notes()
    values = _values(settings, notes, statistics_of(notes), facts)
    assert "## Citations" in strict.render(values, card_data="", charts=CHARTS, is_licence_file=False)


@pytest.mark.parametrize(
    ("weights", "licence", "named", "said", "unsaid"),
    [
        (
            ("face-landmarker", "selfie-segmenter"),
            "cc-by-4.0",
            "cc-by-4.0",
            "may be used for anything: selfie-",
            "CelebAM",
        ),
        (
            ("face-landmarker", "bisenet"),
            "cc-by-4.0",
            "other",
            "since bisenet (79999_iter.pth) made a part",
            "restrict",
        ),
        (("bisenet",), "cc-by-nc-4.0", "cc-by-nc-4.0", "**mask by bisenet (79999_iter.pth)**: research", "restrict"),
        (("portrait",), "cc-by-nc-4.0", "other", "since portrait made a part", "may be used for anything:"),
        (("face-landmarker", None), None, "other", "CelebAMask-HQ", "may be used for anything:"),
    ],
)
def test_the_licence_never_says_more_than_the_models_allow(
    tmp_path: Path, weights: tuple[str | None, ...], licence: str | None, named: str, said: str, unsaid: str
) -> None:
    corpus = make_corpus(tmp_path / "store", clips=1, frames=2)
    (corpus.root / "meta").mkdir()
    hashes: dict[str | None, str | None] = {"portrait": "e" * 64, None: "f" * 64}
    hashes |= {key: record.sha256 for key, record in PUBLISHED.items()}
    models = [{"model": "some", "sha256": hashes[key]} for key in weights]
    (corpus.root / "meta" / f"{corpus.clips[0]}.json").write_text(json.dumps({"mask": {"settings": models}}))
    facts = CardFacts(licence=licence, charts=False, models=known_models())
    facts = dataclasses.replace(facts, models={**facts.models, "e" * 64: ModelFacts("portrait", "", "", "", "none")})
    export_store(corpus.root, tmp_path / "out", ExportSettings(modalities=("mask",)), facts=facts)
    card = DatasetCard.load(tmp_path / "out" / "README.md")
    text = " ".join(card.text.split())
    assert card.data.to_dict()["license"] == named
    assert said in text
    assert unsaid not in text
    assert "neither the videos nor the faces" in text or licence is None
    assert (tmp_path / "out" / "LICENSE.md").exists() == (named == "other")


def test_a_card_of_videos_of_which_some_may_be_voxcelebs_counts_them(tmp_path: Path) -> None:
    store, out = tmp_path / "store", tmp_path / "out"
    for number, person in enumerate(("id10270", "Maria")):
        write_clip(store, f"{person}#a#00000.txt#000.mp4", number, 5)
    export_store(store, out, ExportSettings())
    card = DatasetCard.load(out / "README.md")
    assert (card.data.pretty_name, card.data.source_datasets) == ("Talking faces", ["extended|other-voxceleb"])
    assert "1 of the 2 identities are named as VoxCeleb names its own" in card.text
    assert "`test` is VoxCeleb1's 40 test identities" in card.text
    assert "Not all are VoxCeleb's" in card.text
    assert "VoxCeleb's metadata" in card.text
    for claim in ("VoxCeleb lists", "in VoxCeleb", "well known", "none of VoxCeleb's", "uploaded them to YouTube"):
        assert claim not in card.text, claim

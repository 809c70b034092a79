import io
from collections.abc import Callable
from pathlib import Path

import pytest

from mmvoxceleb.errors import ConfigError, CorruptSourceError, MMVoxCelebError
from mmvoxceleb.files.quoting import quoted, shortened
from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.modalities import LABEL
from mmvoxceleb.processing.crop.annotations import read_annotation
from mmvoxceleb.processing.crop.metadata import read_metadata
from mmvoxceleb.processing.labels.files import read_annotations
from mmvoxceleb.schema import attribute_index

LONG = "x" * 100_000
HEADER = "person_id,video_id,start,end,bbox,fps,width,height"


def test_a_quotation_is_one_short_line_of_what_can_be_seen() -> None:
    assert quoted("id10001") == "'id10001'"
    assert quoted("Jürgen 王小明.mp4") == "'Jürgen 王小明.mp4'"
    assert quoted("a\nb\x00\ud800\u202e\u200b\x1b[2J") == r"'a\nb\x00\ud800\u202e\u200b\x1b[2J'"
    assert len(quoted(LONG)) == 80
    assert quoted([LONG], 20) == "['xxxxxxxxxxxxxxx..."
    assert shortened("one\n  two") == "one two"
    assert len(shortened(ValueError(LONG))) == 300
    assert shortened(f"cannot identify image file {io.BytesIO()!r}") == "cannot identify image file"


@pytest.mark.parametrize(
    ("name", "content", "read"),
    [
        ("1.txt", f"FRAME\tX\tY\tW\tH\n{LONG}\n", read_annotation),
        ("1.txt", f"FRAME\t{LONG}\n1\n", read_annotation),
        ("1.csv", f"{HEADER}\np,v,{LONG},2,0-0-1-1,25,1,1\n", read_metadata),
        ("1.csv", f"{HEADER}\np,v,1,2,{LONG},25,1,1\n", read_metadata),
        ("1.csv", f"{HEADER}\np,{LONG}/,1,2,0-0-1-1,25,1,1\n", read_metadata),
        ("1.csv", f"{LONG}\n", read_metadata),
        ("1.csv", f"clip_id,Young\na,{LONG}\n", read_annotations),
        ("1.json", f'{{"{LONG}": "{LONG}"}}', read_annotations),
        ("1.txt", ",".join(["0"] * 39 + [LONG]), lambda path: LABEL.parse(path.read_bytes(), clip_id="a")),
    ],
)
def test_errors_quote_what_is_long_in_part(
    tmp_path: Path, name: str, content: str, read: Callable[[Path], object]
) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(CorruptSourceError) as caught:
        read(path)
    assert len(str(caught.value)) < 700
    assert "\n" not in str(caught.value)


def test_an_unknown_attribute_is_quoted_in_part() -> None:
    with pytest.raises(ConfigError, match="is not a CelebA attribute") as caught:
        attribute_index(LONG)
    assert isinstance(caught.value, MMVoxCelebError)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("change", [{"video": LONG}, {LONG: 1}])
def test_settings_of_an_export_are_quoted_in_part(change: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="the settings are damaged") as caught:
        ExportSettings.from_json({**ExportSettings().to_json(), **change}, "plan.json")
    assert len(str(caught.value)) < 700

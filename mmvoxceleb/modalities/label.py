"""The 40 facial attributes of a clip."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.files.quoting import quoted
from mmvoxceleb.modalities.base import RecordOptions, Shown
from mmvoxceleb.modalities.file_modality import FileModality
from mmvoxceleb.schema.attributes import ATTRIBUTES, drop_sensitive, present

__all__ = ["LABEL"]


class Label(FileModality):
    """``label/<clip>.txt``: 40 numbers in CelebA's order, separated by commas."""

    name = "label"
    made_by = "label"
    aliases = ("labels",)
    suffix = ".txt"
    reads_meta = True
    title = "40 facial attributes"
    tasks = ("video-classification",)
    tags = ("facial-attributes",)
    problem_titles = {"label": "labels that cannot be used"}  # noqa: RUF012
    drive_id = "1Eta6BrTTtV9vv1Hw05n3qo1uvH-3lB4t"

    def parse(self, data: bytes, *, clip_id: str) -> list[int]:
        """Read the 40 attribute values, in CelebA's order.

        Returns:
            40 values, each 0 or 1, or -1 where the label says that the attribute is unknown.

        Raises:
            CorruptSourceError: Another number of values, or another value.
        """
        values = data.decode("utf-8", "replace").strip().strip(",").split(",")
        if len(values) != len(ATTRIBUTES):
            raise CorruptSourceError(
                f"clip {clip_id}: its label has {len(values)} values instead of {len(ATTRIBUTES)}; fix the file"
            )
        label = []
        for name, value in zip(ATTRIBUTES, values, strict=True):
            if value.strip() not in ("0", "1", "-1"):
                raise CorruptSourceError(
                    f"clip {clip_id}: its label says {quoted(value)} for {name}, not 0 or 1; fix the file"
                )
            label.append(int(value))
        return label

    def shown(self, value: list[int]) -> Shown | None:
        names = tuple((ATTRIBUTES[index].replace("_", " "), None) for index in present(value))
        return Shown("attributes", chips=names) if names else None

    def columns(self, styles: Sequence[str] = ("",)) -> tuple[str, ...]:
        return ("label", "attributes", "label_source")

    def meanings(self, options: RecordOptions) -> dict[str, str]:
        return {
            "label": "0 or 1 for each of CelebA's 40 attributes, -1 where unknown or withheld",
            "attributes": "the attributes that are 1, by name",
            "label_source": "`manual`, `predicted:<model>`, `predicted:<model>+manual` if some are by hand, or null",
        }

    def to_file(self, record: Mapping[str, Any]) -> bytes:
        return ",".join(map(str, record[self.name])).encode()

    def to_sample(self, light: dict[str, Any]) -> list[tuple[str, bytes]]:
        light["attributes"] = [ATTRIBUTES[index] for index in light["attributes"]]
        return []

    def features(self, styles: Sequence[str]) -> dict[str, Any]:
        from datasets import ClassLabel, List, Value

        return {
            "label": List(Value("int8"), length=len(ATTRIBUTES)),
            "attributes": List(ClassLabel(names=list(ATTRIBUTES))),
            "label_source": Value("string"),
        }

    def fields(self, value: Any, options: RecordOptions, *, meta: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        label = drop_sensitive(value) if options.drop_sensitive else value
        return {"label": label, "attributes": present(label), "label_source": meta().get("label_source")}

    def value_of(self, record: Mapping[str, Any], *, clip_id: str) -> Any:
        return record["label"]


LABEL = Label()

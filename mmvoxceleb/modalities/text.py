"""The sentences of a clip."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmvoxceleb.errors import CorruptSourceError, MMVoxCelebError
from mmvoxceleb.modalities.base import FileModality, RecordOptions, Shown

__all__ = ["TEXT"]


class Text(FileModality):
    """``txt/<clip>.txt``: one sentence a line."""

    name = "text"
    folder_name = "txt"
    aliases = ("text", "texts")
    suffix = ".txt"
    title = "sentences"
    tags = ("text-to-video",)
    reveals_label = True
    problem_titles = {"text": "texts that cannot be used"}  # noqa: RUF012
    drive_id = "19e-9w-0-5FHwIXJ1CmHSKHli3jVMKkLu"

    def parse(self, data: bytes, *, clip_id: str) -> list[str]:
        """Read the sentences, one a line; blank lines are left out, as MMVID's loader does.

        Raises:
            CorruptSourceError: The file is not UTF-8.
            UnsafeArchiveError: It has over 4 MB.
        """
        self.check_size(data, clip_id=clip_id)
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise CorruptSourceError(
                f"clip {clip_id}: its text is not UTF-8 ({error.reason}); mend the file"
            ) from error
        return [line.strip() for line in text.splitlines() if line.strip()]

    def problems(self, data: bytes, *, clip_id: str) -> Iterator[tuple[str, str]]:
        try:
            if not self.parse(data, clip_id=clip_id):
                yield self.name, "has no sentence"
        except MMVoxCelebError as error:
            yield self.name, str(error)

    def shown(self, value: list[str]) -> Shown | None:
        if not value:
            return None
        note = f"the first of {len(value)}" if len(value) > 1 else ""
        return Shown(self.name, lines=(f"“{value[0]}”",), note=note)

    def meanings(self, options: RecordOptions) -> dict[str, str]:
        return {self.name: "the sentences"}

    def to_file(self, record: Mapping[str, Any]) -> bytes:
        return "\n".join(record[self.name]).encode()

    def to_sample(self, light: dict[str, Any]) -> list[tuple[str, bytes]]:
        return [("txt", self.to_file({self.name: light.pop(self.name)}))]

    def features(self, styles: Sequence[str]) -> dict[str, Any]:
        from datasets import List, Value

        return {self.name: List(Value("string"))}


TEXT = Text()

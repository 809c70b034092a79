"""The sentences of a clip."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmvoxceleb.errors import CorruptSourceError, MMVoxCelebError
from mmvoxceleb.modalities.base import RecordOptions, Shown
from mmvoxceleb.modalities.file_modality import FileModality, SampleContext

__all__ = ["TEXT"]


class Text(FileModality):
    """``txt/<clip>.txt``: one sentence a line."""

    name = "text"
    made_by = "text"
    made_of = ("label",)
    folder_name = "txt"
    aliases = ("text", "texts")
    suffix = ".txt"
    title = "sentences"
    tags = ("text-to-video",)
    reveals_label = True
    problem_titles = {"text": "texts that cannot be used"}  # noqa: RUF012
    sample_keys = ("text", "tokens", "negative_text", "negative_tokens")
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
            raise CorruptSourceError(f"clip {clip_id}: its text is not UTF-8 ({error.reason}); fix the file") from error
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

    def value_of(self, record: Mapping[str, Any], *, clip_id: str) -> Any:
        return record["text"]

    def sampled(self, value: list[str], context: SampleContext) -> dict[str, Any]:
        """Choose one sentence, or all; ``null_text`` now and then. Two numbers are drawn whatever the options.

        Raises:
            CorruptSourceError: The clip has no sentence.
        """
        options = context.options
        sentences = _some(value, context.clip_id)
        dropped, place = context.rng.random(2)
        text: Any = sentences[int(place * len(sentences)) if options.sentences == "random" else 0]
        if dropped < options.text_dropout:
            text = options.null_text
        if options.sentences == "all":
            text = [text] * len(sentences) if dropped < options.text_dropout else list(sentences)
        found = {self.name: text}
        if options.tokenizer is not None:
            found["tokens"] = options.tokenizer(text)
        if options.negative_text:
            clip_id, other = context.other()
            sentences = _some(other, clip_id)
            found["negative_text"] = sentences[int(context.rng.random() * len(sentences))]
            if options.tokenizer is not None:
                found["negative_tokens"] = options.tokenizer(found["negative_text"])
        return found


def _some(sentences: list[str], clip_id: str) -> list[str]:
    if not sentences:
        raise CorruptSourceError(f"clip {clip_id}: its text has no sentence; fix it, or leave out the text modality")
    return sentences


TEXT = Text()

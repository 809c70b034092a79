"""From the files of a clip to its record."""

from mmvoxceleb.records.reading import RecordOptions, read_record

__all__ = ["RecordOptions", "read_record"]

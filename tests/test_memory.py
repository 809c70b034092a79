"""The memory that we count is that which we may use."""

from pathlib import Path

import pytest

from mmvoxceleb import cgroups, memory
from mmvoxceleb.memory import usable_memory


@pytest.mark.parametrize(
    ("group", "files", "expected"),
    [
        ("0::/", {}, 8_192_000),
        ("0::/job", {"job/memory.max": "max", "job/memory.current": "5"}, 8_192_000),
        ("0::/job", {"job/memory.max": "5000", "job/memory.current": "3000"}, 2000),
        (
            "0::/job",
            {
                "job/memory.max": "5000", "job/memory.current": "4000",
                "job/memory.stat": "anon 1\nactive_file 7\ninactive_file 500\n",
            },
            1500,
        ),
        ("0::/a/job", {"a/memory.max": "5000", "a/memory.current": "4999", "a/job/memory.max": "max"}, 1),
        ("0::/job", {"job/memory.max": "5000", "job/memory.current": "6000"}, 0),
        ("0::/job", {"job/memory.max": "nonsense", "job/memory.current": "1"}, 8_192_000),
        (
            "7:memory:/job",
            {"memory/job/memory.limit_in_bytes": "700", "memory/job/memory.usage_in_bytes": "200",
             "memory/job/memory.stat": "inactive_file 9\ntotal_inactive_file 100"},
            600,
        ),
        (
            "7:memory:/",
            {"memory/memory.limit_in_bytes": "9223372036854771712", "memory/memory.usage_in_bytes": "1"},
            8_192_000,
        ),
        ("3:cpu:/job", {"memory/job/memory.limit_in_bytes": "7", "memory/job/memory.usage_in_bytes": "2"}, 8_192_000),
    ],
)  # fmt: skip
def test_the_smallest_limit_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: str, files: dict[str, str], expected: int
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for name, text in {"self": f"{group}\n", "meminfo": "MemTotal: 9999 kB\nMemAvailable:    8000 kB\n"}.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(cgroups, "_CGROUPS", tmp_path)
    monkeypatch.setattr(cgroups, "_OWN", tmp_path / "self")
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    assert usable_memory() == expected


def test_without_linux_it_is_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "_OWN", tmp_path / "none")
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "none")
    assert usable_memory() > 1 << 28

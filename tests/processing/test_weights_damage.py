"""Damaged or odd weights are one error: nothing of them is loaded."""

from pathlib import Path
from typing import Any

import pytest
import torch

from mmvoxceleb.errors import WeightsError
from mmvoxceleb.processing.weights import load_state_dict


def check_refused(path: Path, match: str = "") -> None:
    with pytest.raises(WeightsError, match=rf"{path.name}: .*{match}"):
        load_state_dict(path)


ODD = {
    "nan": torch.tensor([1.0, float("nan")]),
    "infinite": torch.tensor([float("-inf")], dtype=torch.float16),
    "complex": torch.zeros(2, dtype=torch.complex64),
    "sparse": torch.eye(3).to_sparse(),
    "meta": torch.zeros(2, device="meta"),
    "float8": torch.zeros(2).to(torch.float8_e4m3fn),
    "larger than the file": torch.zeros(1).expand(10**12),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("value", ODD.values(), ids=list(ODD))
def test_odd_tensors_are_refused(tmp_path: Path, value: torch.Tensor, zipped: bool) -> None:
    path = tmp_path / "odd.pth"
    torch.save({"layer.weight": value}, path, _use_new_zipfile_serialization=zipped)
    check_refused(path)


def test_values_that_are_not_finite_are_refused_in_safetensors(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "odd.safetensors"
    save_file({"layer.weight": ODD["nan"]}, path)
    check_refused(path, "layer.weight holds values that are not finite")


def test_sound_types_are_read(tmp_path: Path) -> None:
    state: dict[str, Any] = {
        "half": torch.ones(2, dtype=torch.bfloat16), "long": torch.tensor(3), "bool": torch.tensor([True]),
        "empty": torch.zeros(0), "double": torch.ones(2, dtype=torch.float64),
    }  # fmt: skip
    torch.save(state, tmp_path / "a.pth")
    read = load_state_dict(tmp_path / "a.pth")
    assert all(torch.equal(read[name], value) for name, value in state.items())


def test_each_flipped_byte_of_a_zip_is_found_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "flipped.pth"
    value = torch.arange(64.0)
    torch.save({"a": value}, path)
    data = path.read_bytes()
    refused = 0
    for at in range(0, len(data), 7):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
        try:
            assert torch.equal(load_state_dict(path)["a"], value), at
        except WeightsError:
            refused += 1
    assert refused > 40


def test_each_flipped_byte_of_the_old_format_gives_finite_values_or_one_error(tmp_path: Path) -> None:
    path = tmp_path / "flipped.pth"
    torch.save({"a": torch.arange(64.0)}, path, _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    for at in range(0, len(data), 3):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
        try:
            state = load_state_dict(path)
        except WeightsError:
            continue
        assert all(bool(torch.isfinite(tensor).all()) for tensor in state.values() if tensor.is_floating_point())


def test_a_zip_whose_local_header_points_elsewhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "moved.pth"
    torch.save({"a": torch.arange(64.0)}, path)
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\3\4", data.index(b"/data/0") - 64)
    data[at + 28] ^= 4  # the length of the extra field
    path.write_bytes(bytes(data))
    check_refused(path)


def test_an_entry_that_torch_takes_for_a_folder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "folder.pth"
    torch.save({"a": torch.arange(64.0)}, path)
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\1\2")
    while b"/data/0" not in data[at + 46 : at + 46 + data[at + 28]]:
        at = data.index(b"PK\1\2", at + 4)
    data[at + 38] |= 0x10  # DOS's attribute of a folder
    path.write_bytes(data)
    check_refused(path)


def test_a_header_of_megabytes_is_quoted_in_part(tmp_path: Path) -> None:
    path = tmp_path / "long.safetensors"
    header = b'{"a": ' + b'"' + b"x" * 100_000 + b'"}'
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(WeightsError) as caught:
        load_state_dict(path)
    assert len(str(caught.value)) < 700

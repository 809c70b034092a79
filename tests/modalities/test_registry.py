"""What may be unregistered."""

import pytest

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.modalities import VIDEO, modalities, unregister_modality


@pytest.mark.parametrize("name", ["video", "score", "meta"])
def test_modalities_of_the_package_stay(name: str) -> None:
    before = modalities()
    with pytest.raises(ConfigError, match=f"'{name}' belongs to mmvoxceleb and cannot be removed; .*modalities="):
        unregister_modality(name)
    assert modalities() == before
    assert VIDEO in before

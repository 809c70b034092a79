import pytest


@pytest.fixture(params=["pyav", "torchcodec", "decord"])
def decoder(request: pytest.FixtureRequest) -> str:
    if request.param == "torchcodec":
        try:
            import torchcodec.decoders  # noqa: F401
        except (ImportError, RuntimeError, OSError) as error:
            pytest.skip(f"torchcodec does not load here: {str(error)[:80]}")
    if request.param == "decord":
        pytest.importorskip("cv2")
        pytest.importorskip("decord")
    return str(request.param)

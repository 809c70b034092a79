"""A server whose name nobody knows is given up soon: mostly there is no network."""

import socket

import pytest
import requests

from mmvoxceleb.errors import SourceUnavailableError
from mmvoxceleb.files import retry


def attempts(error: Exception) -> int:
    count = 0

    def read() -> None:
        nonlocal count
        count += 1
        raise error

    with pytest.raises(SourceUnavailableError, match="gave up after"):
        retry.with_retries(read, "https://lab.example/x")
    return count


def test_an_unknown_name_is_asked_for_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT_SECONDS", 0.001)
    unknown = requests.ConnectionError("no address")
    unknown.__cause__ = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    assert attempts(unknown) == retry.ATTEMPTS_AT_UNKNOWN_NAME == 2
    assert attempts(requests.ConnectionError("refused")) == retry.ATTEMPTS == 5


def test_what_requests_raises_of_a_real_name_that_is_none_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT_SECONDS", 0.001)
    session = requests.Session()
    session.trust_env = False  # a proxy would look the name up
    with pytest.raises(requests.ConnectionError) as raised:
        session.get("http://no-such-name.invalid/x", timeout=5)
    assert attempts(raised.value) == 2

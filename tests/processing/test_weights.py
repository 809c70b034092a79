"""Weights: found, downloaded from a real loopback server, checked, read safely, fitted exactly."""

import contextlib
import hashlib
import http.server
import pickle
import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from mmvoxceleb.errors import ConfigError, SourceUnavailableError, WeightsError
from mmvoxceleb.processing import download as download_module
from mmvoxceleb.processing.weights import (
    PUBLISHED,
    WeightFile,
    fetch,
    fit_state_dict,
    load_state_dict,
    locate,
    sha256_of,
    weights_cache_dir,
)

CONTENT = bytes(range(256)) * 3000


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT under any name; ``script`` says for each request in turn what goes wrong."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: list[str] = []
        self.requests: list[tuple[str, str | None]] = []
        self.content = CONTENT
        self.ranges = True

    def url(self, name: str = "weights.pth") -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests.append((self.path, self.headers.get("Range")))
        trouble = self.server.script.pop(0) if self.server.script else ""
        if trouble.isdigit():
            self.send_error(int(trouble))
            return
        content, start = self.server.content, 0
        asked = self.headers.get("Range")
        if asked and self.server.ranges:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        body = content[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if trouble == "cut" else body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    monkeypatch.setenv("MMVOXCELEB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MMVOXCELEB_WEIGHTS", raising=False)
    monkeypatch.setattr(download_module, "FIRST_WAIT_SECONDS", 0.01)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def record(*sources: str, size_bytes: int | None = len(CONTENT), sha256: str | None = None) -> WeightFile:
    return WeightFile(
        key="test",
        file_name="weights.pth",
        sources=sources,
        purpose="testing",
        licence="MIT",
        paper="none",
        size_bytes=size_bytes,
        sha256=sha256 or hashlib.sha256(CONTENT).hexdigest(),
    )


def test_download_is_whole_checked_and_done_once(server: Server) -> None:
    path = fetch(record(server.url()))
    assert path == weights_cache_dir() / "weights.pth"
    assert path.read_bytes() == CONTENT
    assert fetch(record(server.url())) == path
    assert len(server.requests) == 1


def test_cut_connection_is_continued_where_it_broke(server: Server) -> None:
    server.script = ["cut", "cut"]
    assert fetch(record(server.url())).read_bytes() == CONTENT
    starts = [int((asked or "bytes=0-")[len("bytes=") : -1]) for _, asked in server.requests]
    half = len(CONTENT) // 2
    assert len(starts) == 3
    # a block that was not filled when the connection broke is asked for again
    assert starts[0] == 0 < half - (1 << 15) <= starts[1] <= half < starts[2]


def test_a_later_process_continues_a_part(server: Server) -> None:
    weights_cache_dir().mkdir(parents=True)
    (weights_cache_dir() / "weights.pth.part").write_bytes(CONTENT[:1000])
    assert fetch(record(server.url())).read_bytes() == CONTENT
    assert server.requests == [("/weights.pth", "bytes=1000-")]
    assert not (weights_cache_dir() / "weights.pth.part").exists()


def test_a_part_of_another_file_is_thrown_away(server: Server) -> None:
    weights_cache_dir().mkdir(parents=True)
    (weights_cache_dir() / "weights.pth.part").write_bytes(b"x" * 1000)
    assert fetch(record(server.url())).read_bytes() == CONTENT
    assert [asked for _, asked in server.requests] == ["bytes=1000-", None]


def test_server_without_ranges_starts_again(server: Server) -> None:
    server.ranges = False
    server.script = ["cut"]
    assert fetch(record(server.url())).read_bytes() == CONTENT


def test_busy_server_is_asked_again(server: Server) -> None:
    server.script = ["503", "429"]
    assert fetch(record(server.url())).read_bytes() == CONTENT
    assert len(server.requests) == 3


def test_missing_file_leads_to_the_next_source(server: Server) -> None:
    server.script = ["404"]
    assert fetch(record(server.url("gone"), server.url("here"))).read_bytes() == CONTENT
    assert [path for path, _ in server.requests] == ["/gone", "/here"]


def test_all_sources_gone_names_each_and_the_way_on(server: Server) -> None:
    server.script = ["404", "403"]
    with pytest.raises(
        SourceUnavailableError, match=r"/one: .*404.*/two: .*403.*set MMVOXCELEB_WEIGHTS to that folder"
    ):
        fetch(record(server.url("one"), server.url("two")))
    assert not (weights_cache_dir() / "weights.pth").exists()


@pytest.mark.parametrize(("key", "stands_in"), [("bisenet", True), ("yunet", True), ("syncnet", False)])
def test_where_sample_models_stand_in_a_failed_download_says_so(server: Server, key: str, stands_in: bool) -> None:
    server.script = ["404"]
    weights = replace(PUBLISHED[key], sources=(server.url("none"),))
    with pytest.raises(SourceUnavailableError) as caught:
        fetch(weights)
    assert ("--models sample" in str(caught.value)) == stands_in
    assert ("regenerate mask --parser open" in str(caught.value)) == (key == "bisenet")


def test_wrong_hash_leaves_nothing(server: Server) -> None:
    with pytest.raises(WeightsError, match=f"sha256 {hashlib.sha256(CONTENT).hexdigest()} where {'0' * 64}"):
        fetch(record(server.url(), sha256="0" * 64))
    assert {path.suffix for path in weights_cache_dir().iterdir()} <= {".lock"}


def test_wrong_size_is_refused(server: Server) -> None:
    server.content = CONTENT + b"more"
    with pytest.raises(WeightsError, match=r"gave 768,004 bytes where 768,000 were expected"):
        fetch(record(server.url()))


def test_two_threads_download_once(server: Server) -> None:
    threads = [threading.Thread(target=fetch, args=(record(server.url()),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.requests) == 1


def test_unreachable_server_gives_up_in_words(server: Server) -> None:
    with pytest.raises(SourceUnavailableError, match=r"the server does not answer \(ConnectionError\), 5 times\. Next"):
        fetch(record("http://127.0.0.1:9/weights.pth"))


def test_own_folder_comes_before_the_cache(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = PUBLISHED["bisenet"].file_name
    weights_cache_dir().mkdir(parents=True)
    (weights_cache_dir() / name).write_bytes(b"cached")
    assert locate("bisenet") == weights_cache_dir() / name
    own = tmp_path / "own"
    own.mkdir()
    (own / name).write_bytes(b"own")
    monkeypatch.setenv("MMVOXCELEB_WEIGHTS", str(own))
    assert locate("bisenet") == own / name
    explicit = tmp_path / "mine.pth"
    explicit.write_bytes(b"mine")
    assert locate("bisenet", explicit) == explicit


def test_names_and_paths_that_lead_nowhere(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"'nothing'.*bisenet"):
        locate("nothing")
    with pytest.raises(WeightsError, match=r"absent\.pth: there is no such weights file.*79999_iter\.pth"):
        locate("bisenet", tmp_path / "absent.pth")
    monkeypatch.setenv("MMVOXCELEB_WEIGHTS", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match="nowhere, which is not a folder"):
        locate("bisenet")


def test_every_published_hash_is_a_sha256() -> None:
    for weights in PUBLISHED.values():
        assert weights.sha256 is None or len(bytes.fromhex(weights.sha256)) == 32, weights.key
        assert all((weights.licence, weights.paper, weights.purpose, weights.sources)), weights.key


def test_hash_notices_a_change(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    assert sha256_of(path) == hashlib.sha256(b"one").hexdigest()
    path.write_bytes(b"three")
    assert sha256_of(path) == hashlib.sha256(b"three").hexdigest()


@pytest.mark.parametrize("zipped", [True, False])
def test_plain_state_dict_is_read_in_both_formats(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "plain.pth"
    torch.save({"a": torch.arange(3.0)}, path, _use_new_zipfile_serialization=zipped)
    assert torch.equal(load_state_dict(path)["a"], torch.arange(3.0))


def test_safetensors_are_read(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "plain.safetensors"
    save_file({"a": torch.arange(3.0)}, path)
    assert torch.equal(load_state_dict(path)["a"], torch.arange(3.0))
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(WeightsError, match=r"plain\.safetensors: is broken or truncated"):
        load_state_dict(path)


class Harm:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path(HARM_MARK),))


HARM_MARK = "harm-was-done"


@pytest.mark.parametrize("zipped", [True, False, None])
def test_pickle_that_carries_code_is_refused_and_not_run(
    tmp_path: Path, zipped: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "evil.pth"
    if zipped is None:
        path.write_bytes(pickle.dumps({"a": Harm()}))
    else:
        torch.save({"a": torch.zeros(1), "b": Harm()}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(WeightsError, match=r"evil\.pth: (holds more than tensors|is broken)"):
        load_state_dict(path)
    assert not (tmp_path / HARM_MARK).exists()


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.99])
def test_truncated_file_is_named(tmp_path: Path, zipped: bool, share: float) -> None:
    path = tmp_path / "short.pth"
    torch.save({"a": torch.zeros(1000)}, path, _use_new_zipfile_serialization=zipped)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(WeightsError, match=r"short\.pth: is "):
        load_state_dict(path)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.full((3,), float("nan")), "holds values that are not finite"),
        (torch.tensor([1.0, float("inf")], dtype=torch.float16), "holds values that are not finite"),
        (torch.ones(2, dtype=torch.complex64), "holds complex numbers"),
        (torch.ones(2, 2).to_sparse(), "is a tensor without plain values"),
        (torch.ones(2, device="meta"), "is a tensor without plain values"),
    ],
    ids=["NaN", "infinite", "complex", "sparse", "meta"],
)
def test_values_that_no_network_has_are_refused(
    tmp_path: Path, value: torch.Tensor, message: str, zipped: bool
) -> None:
    path = tmp_path / "model.pth"
    torch.save({"good": torch.ones(2), "bad": value}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(WeightsError, match=rf"model.pth: bad {message}.*get it again"):
        load_state_dict(path)


def test_a_flipped_bit_in_a_zipped_checkpoint_is_found(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    torch.save({"weight": torch.arange(4096, dtype=torch.float32)}, path)
    data = bytearray(path.read_bytes())
    at = data.index(torch.arange(1000, 1010, dtype=torch.float32).numpy().tobytes())
    data[at] ^= 1
    path.write_bytes(data)
    assert torch.load(path, weights_only=True)["weight"][1000] != 1000  # torch does not look
    with pytest.raises(WeightsError, match="fails its checksum"):
        load_state_dict(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_any_damage_gives_tensors_or_one_error(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "model.pth"
    torch.save(nn.Conv2d(3, 4, 3).state_dict(), path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    chance = random.Random(7)
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 1, 2, 8))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path.write_bytes(data)
        with contextlib.suppress(WeightsError):
            assert all(torch.isfinite(tensor).all() for tensor in load_state_dict(path).values())


def test_integers_do_not_fit_where_fractions_belong() -> None:
    network = nn.Linear(2, 1)
    state = {"weight": torch.ones(1, 2, dtype=torch.int64), "bias": torch.zeros(1)}
    with pytest.raises(WeightsError, match=r"1 of another type: weight torch\.int64 instead"):
        fit_state_dict(network, state)
    fit_state_dict(network, {"weight": torch.ones(1, 2, dtype=torch.float16), "bias": torch.zeros(1)})


def test_another_file_under_a_published_name_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / PUBLISHED["yunet"].file_name
    path.write_bytes(b"something else")
    assert locate("yunet", path) == path
    assert f"{path} differs from the published file" in caplog.text


def test_web_page_saved_as_weights_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "page.pth"
    path.write_text("<!DOCTYPE html><html><body>Quota exceeded</body></html>")
    with pytest.raises(WeightsError, match=r"page\.pth"):
        load_state_dict(path)


@pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")
def test_torchscript_needs_a_pinned_hash(tmp_path: Path) -> None:
    path = tmp_path / "script.pt"
    torch.jit.script(nn.Linear(2, 1)).save(path)
    with pytest.raises(WeightsError, match=r"script\.pt: is a TorchScript archive"):
        load_state_dict(path)
    assert set(load_state_dict(path, pinned={sha256_of(path)})) == {"weight", "bias"}


def test_training_checkpoint_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "training.pth"
    torch.save({"model": {"a": torch.zeros(1)}, "epoch": 3}, path)
    with pytest.raises(WeightsError, match=r"'model', 'epoch'.*no tensors"):
        load_state_dict(path)


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.InstanceNorm2d(4), nn.BatchNorm2d(4))


def test_fit_takes_prefix_and_old_buffers() -> None:
    source, target = network(), network()
    state = {f"module.{key}": value for key, value in source.state_dict().items()}
    state |= {f"module.1.{leaf}": torch.zeros(4) for leaf in ("running_mean", "running_var")}
    state["module.1.num_batches_tracked"] = torch.tensor(3)
    fit_state_dict(target, state)
    assert all(torch.equal(value, source.state_dict()[key]) for key, value in target.state_dict().items())


def test_fit_lists_everything_that_is_wrong() -> None:
    state = network().state_dict()
    del state["2.running_var"]
    state["1.weight"] = torch.ones(4)
    state["0.bias"] = torch.zeros(5)
    with pytest.raises(
        WeightsError,
        match=r"my\.pth: .*1 missing: 2\.running_var; 1 unexpected: 1\.weight; "
        r"1 of another shape: 0\.bias \(5,\) instead of \(4,\)",
    ):
        fit_state_dict(network(), state, source="my.pth")

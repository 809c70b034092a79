"""What the server gives, and to whom."""

import http.client
import io
import json
import socket
import struct
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import numpy as np
import pytest
from PIL import Image

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.hub.export import export_store
from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.meta.removal_list import add_removals
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.modalities import MODALITIES, FileModality, register_modality, unregister_modality
from mmvoxceleb.viewer.place import Place
from mmvoxceleb.viewer.serving import serve
from mmvoxceleb.viewer.viewing import Viewing
from tests.support.corpus import Corpus, frame, mask_ids, png, write_clip
from tests.viewer.conftest import TOKEN, Served

View = Callable[..., Served]


def get(served: Served, path: str, **headers: str) -> tuple[int, bytes, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read(), answer.headers


def call(served: Served, name: str, **values: object) -> tuple[int, bytes]:
    return get(served, f"/{TOKEN}/api/{name}?{urlencode(values)}")[:2]


def test_nobody_gets_in_without_the_token_or_under_another_name(corpus: Corpus, view: View) -> None:
    served = view(corpus.root)
    assert get(served, "/")[0] == 403
    assert get(served, "/api/state")[0] == 403
    assert get(served, f"/{TOKEN}/", Host="evil.example")[0] == 421
    assert get(served, f"/{TOKEN}/api/state", Origin="http://evil.example")[0] == 403
    status, _, headers = get(served, f"/{TOKEN}/")
    assert status == 200
    assert "default-src 'none'" in str(headers["Content-Security-Policy"])
    for path in ("static/..%2f..%2fapp.py", "static/../app.py", "static/%2e%2e/app.py"):
        assert get(served, f"/{TOKEN}/{path}")[0] == 404


def test_others_are_let_in_only_with_a_token_of_ones_own(corpus: Corpus) -> None:
    with pytest.raises(ConfigError, match="--token"):
        serve(Viewing(Place(str(corpus.root))), host="0.0.0.0", ready=print)


def test_the_address_accepts_connections_when_it_is_told(corpus: Corpus) -> None:
    def connect(address: str) -> None:
        parts = urlsplit(address)
        assert parts.hostname is not None
        socket.create_connection((parts.hostname, parts.port or 0), timeout=10).close()
        told.append(address)
        raise KeyboardInterrupt

    told: list[str] = []
    serve(Viewing(Place(str(corpus.root))), ready=connect)
    assert len(told) == 1


def test_commands_name_the_store_where_nobody_else_sees_them(tmp_path: Path, corpus: Corpus) -> None:
    def stop(address: str) -> None:
        raise KeyboardInterrupt

    root = tmp_path / "my store"
    root.symlink_to(corpus.root)
    shared, viewing = Viewing(Place(str(root))), Viewing(Place(str(root)))
    serve(shared, host="0.0.0.0", token="twelve letters", ready=stop)
    assert shared.marks({})["command"] == "mmvoxceleb remove STORE --list STORE/meta/marked.jsonl"
    assert shared.state({})["store"] == "STORE"
    serve(viewing, ready=stop)
    assert viewing.marks({})["command"] == f"mmvoxceleb remove '{root}' --list '{root}/meta/marked.jsonl'"
    assert viewing.state({})["store"] == f"'{root}'"


def test_frames_are_sent_as_they_are_and_masks_as_class_ids(corpus: Corpus, view: View) -> None:
    served, clip = view(corpus.root), corpus.clips[1]
    status, data = call(served, "pictures", clip=clip, modality="video", at="2,3")
    assert status == 200
    is_picture, size = struct.unpack_from("<II", data)
    assert (is_picture, data[8 : 8 + size]) == (1, png(frame(1, 2)))
    _, data = call(served, "pictures", clip=clip, modality="mask", at="1")
    assert (np.asarray(Image.open(io.BytesIO(data[8:]))) == mask_ids(1, 4)).all()
    assert call(served, "pictures", clip=clip, modality="video", at="99")[0] == 422
    assert call(served, "pictures", clip="../../etc/passwd", modality="video", at="0")[0] == 404


def test_no_path_of_the_machine_is_told(own_corpus: Corpus, view: View) -> None:
    clip = own_corpus.clips[0]
    (own_corpus.root / "label" / f"{clip}.txt").write_text("1,2,3")
    (own_corpus.root / "video" / clip / "0000003.png").write_bytes(b"no picture")
    (own_corpus.root / "meta").mkdir()
    (own_corpus.root / "meta" / f"{clip}.json").write_text("{")
    served = view(own_corpus.root)
    answers = [call(served, name, clip=clip, modality="video", at="2,3", limit=9)[1]
               for name in ("state", "clips", "clip", "pictures", "strip")]  # fmt: skip
    assert json.loads(answers[2])["problems"]
    assert b"its label has 3 values" in answers[1]
    assert not any(str(own_corpus.root.parent).encode() in answer for answer in answers)


def test_a_person_who_is_removed_while_it_runs_is_shown_no_more(own_corpus: Corpus, view: View) -> None:
    served, clip = view(own_corpus.root), own_corpus.clips[0]
    assert call(served, "poster", clip=clip)[0] == 200
    add_removals(own_corpus.root, Removals(clip_id=frozenset({clip})))
    time.sleep(1.1)
    for name, modality in (("poster", "video"), ("clip", ""), ("pictures", "video"), ("sound", "audio"), ("gif", ""),
                           ("strip", "audio"), ("curves", "video"), ("outlines", "landmarks")):  # fmt: skip
        status, body = call(served, name, clip=clip, modality=modality, at="0")
        assert (status, clip.encode() in body) == (404, False)
    assert clip.encode() not in call(served, "clips")[1]


def test_clips_that_a_run_writes_come_in(own_corpus: Corpus, view: View) -> None:
    served = view(own_corpus.root)
    new = "id10999#video#00001.txt#000.mp4"
    write_clip(own_corpus.root, new, 3, 8)
    deadline = time.monotonic() + 10
    while new.encode() not in (found := call(served, "clips")[1]):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert len(json.loads(found)["rows"]) == 3


def test_an_export_is_looked_at_like_the_store_it_was_made_of(corpus: Corpus, tmp_path: Path, view: View) -> None:
    export_store(corpus.root, tmp_path / "export", ExportSettings(modalities=MODALITIES))
    served, clip = view(tmp_path / "export"), corpus.clips[2]
    found = json.loads(call(served, "clip", clip=clip)[1])
    assert {layer["modality"]: layer["indices"][:2] for layer in found["layers"]} == {
        "video": [0, 1], "mask": [0, 4], "drawing": [0, 4],
    }  # fmt: skip
    assert len(found["sentences"]) == 20
    _, data = call(served, "pictures", clip=clip, modality="video", at="5")
    assert data[8:] == png(frame(2, 5))


def test_what_a_file_says_of_each_frame_is_drawn_onto_it(own_corpus: Corpus, view: View) -> None:
    class Crosses(FileModality):
        name, suffix = "crosses", ".txt"

        def parse(self, data: bytes, *, clip_id: str) -> str:
            return data.decode()

        def to_file(self, record: Mapping[str, object]) -> bytes:
            return str(record[self.name]).encode()

        def features(self, styles: object) -> dict[str, object]:
            return {}

        def numbers(self, value: str) -> dict[str, float | None]:
            return {"crosses counted": len(value), "crosses hidden": None}

        def drawn(self, value: str, index: int, frame: Image.Image) -> Image.Image:
            return Image.new("RGB", frame.size, (index, 0, len(value)))

    clip = own_corpus.clips[0]
    register_modality(Crosses())
    try:
        (own_corpus.root / "crosses").mkdir()
        (own_corpus.root / "crosses" / f"{clip}.txt").write_text("seven!!")
        served = view(own_corpus.root)
        layers = json.loads(call(served, "clip", clip=clip)[1])["layers"]
        assert [layer["modality"] for layer in layers] == ["video", "crosses", "drawing", "mask"]
        _, data = call(served, "pictures", clip=clip, modality="crosses", at="3")
        assert np.asarray(Image.open(io.BytesIO(data[8:])))[0, 0].tolist() == [3, 0, 7]
        assert json.loads(call(served, "clip", clip=clip)[1])["figures"] == {
            "crosses counted": 7, "crosses hidden": None,
        }  # fmt: skip
        asked = json.dumps({"figures": {"crosses counted": [7, 7]}})
        found = json.loads(call(served, "clips", filter=asked, sort="-crosses counted")[1])
        assert [row["name"] for row in found["rows"]] == [clip]
        assert sum(found["counts"]["figures"]["crosses counted"]["counts"]) == 1
    finally:
        unregister_modality("crosses")

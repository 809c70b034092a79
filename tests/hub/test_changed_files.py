"""A repository that changes while a process runs, and a Hub that sends next to nothing."""

import subprocess
import sys
from pathlib import Path

from tests.support.corpus import Corpus, zip_folder
from tests.support.loopback_hub import Hub

SCRIPT = """
import sys
from huggingface_hub import HfApi
from mmvoxceleb.schema import Folder
from mmvoxceleb.stores import open_store

api, path = HfApi(), sys.argv[1]
api.create_repo("someone/changing", repo_type="dataset")

def upload():
    api.upload_file(path_or_fileobj=path, path_in_repo="txt.zip", repo_id="someone/changing", repo_type="dataset")

def digests():
    url = "hf://datasets/someone/changing"
    return [open_store(where).fingerprint([Folder("text")]) for where in (url, url + "/txt.zip")]

upload()
before = digests()
assert digests() == before
data = open(path, "rb").read()
open(path, "wb").write(data[:100] + bytes([data[100] ^ 1]) + data[101:])
upload()
print([first != second for first, second in zip(before, digests())])
"""


def test_a_changed_file_of_a_repository_is_seen(
    own_corpus: Corpus, environment: dict[str, str], tmp_path: Path
) -> None:
    path = zip_folder(own_corpus.root / "txt", tmp_path / "txt.zip")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(path)], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[True, True]"


TRICKLE = """
import sys
from pathlib import Path
from huggingface_hub import HfApi
from mmvoxceleb.errors import SourceUnavailableError
from mmvoxceleb.hub import hub_client

hub_client._GROWTH_SECONDS = 0.5
HfApi().create_repo("someone/slow", repo_type="dataset")
HfApi().upload_file(path_or_fileobj=b"x" * 1000, path_in_repo="slow.bin", repo_id="someone/slow", repo_type="dataset")
try:
    hub_client.HubRepo("someone/slow").download("slow.bin", Path(sys.argv[1]))
except SourceUnavailableError as error:
    print(error)
"""


def test_a_hub_that_sends_next_to_nothing_is_given_up(hub: Hub, environment: dict[str, str], tmp_path: Path) -> None:
    hub.fault = lambda command, route: "trickle" if command == "GET" and route.endswith("slow.bin") else None
    done = subprocess.run(
        [sys.executable, "-c", TRICKLE, str(tmp_path)], env=environment, capture_output=True, text=True, timeout=60
    )
    hub.fault = None
    assert done.returncode == 0, done.stderr
    assert "someone/slow: slow.bin does not arrive from the Hub (nothing came for 0 s after" in done.stdout

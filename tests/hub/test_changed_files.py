"""A repository that changes while a process runs: what is opened anew is asked for anew."""

import subprocess
import sys
from pathlib import Path

from tests.support.corpus import Corpus, zip_folder

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

"""A removal list that lies in a repository on the Hub."""

import json
import subprocess
import sys
from pathlib import Path

from tests.hub.conftest import Run
from tests.support.corpus import Corpus

PUT = """
import sys
from huggingface_hub import HfApi

api = HfApi()
api.create_repo("lab/removed", repo_type="dataset", private=True, exist_ok=True)
api.upload_file(path_or_fileobj=sys.argv[1].encode(), path_in_repo="removed.jsonl", repo_id="lab/removed",
                repo_type="dataset")
"""


def test_commands_read_it_with_the_users_login(
    corpus: Corpus, tmp_path: Path, environment: dict[str, str], program: Run
) -> None:
    line = json.dumps({"person_id": "id10001"})
    put = subprocess.run([sys.executable, "-c", PUT, line], capture_output=True, text=True, env=environment, timeout=60)
    assert put.returncode == 0, put.stderr
    address = "hf://datasets/lab/removed/removed.jsonl"
    done = program("select", corpus.root, "--dry-run", "--json", "--removals", address)
    assert done.returncode == 0, done.stderr
    left = [clip for clip in corpus.clips if not clip.startswith("id10001#")]
    assert json.loads(done.stdout)["candidates"] == len(left)
    gone = program("select", corpus.root, "--dry-run", "--removals", address.replace("removed.jsonl", "absent.jsonl"))
    assert gone.returncode == 1
    assert "the removal list cannot be read" in gone.stderr

"""Push to a Hub on loopback, then read it with stock clients in processes without our package."""

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from mmvoxceleb.hub.card import CardFacts
from mmvoxceleb.hub.export import export_store
from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.loading.record import RecordOptions, read_record
from mmvoxceleb.stores import open_store
from tests.hub.conftest import PROGRAM, Run
from tests.support.corpus import Corpus, make_corpus
from tests.support.loopback_hub import TOKEN, Hub, fail_times

REPO = "lab/mmvoxceleb"
PLAIN = CardFacts(charts=False)
LIGHT = ExportSettings(modalities=("mask", "text", "label"), max_shard_bytes=1)
"""One clip a shard."""


@pytest.fixture(scope="module")
def exported(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export") / "out"
    export_store(corpus.root, out, ExportSettings(max_shard_bytes=1), facts=PLAIN)
    return out


@pytest.fixture(scope="module")
def pushed(exported: Path, hub: Hub, program: Run) -> "subprocess.CompletedProcess[str]":
    done = program("--log-level", "DEBUG", "push", exported, REPO)
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def test_a_push_is_private_few_commits_and_a_tag(
    pushed: "subprocess.CompletedProcess[str]", hub: Hub, exported: Path
) -> None:
    repo = hub.repos[REPO]
    assert repo.private
    assert len(repo.commits) == 3  # the Hub's own first one, the shards, the card
    head = repo.at("main")
    assert head is not None
    assert repo.tags == {"v1.0.0": head.sha}
    local = {str(path.relative_to(exported)) for path in exported.rglob("*") if path.is_file()}
    assert set(head.files) == {name for name in local if not name.startswith(".mmvoxceleb")} | {".gitattributes"}
    for name, file in head.files.items():
        if name != ".gitattributes":
            assert hub.objects[file.sha256] == (exported / name).read_bytes()
    assert REPO in (exported / "README.md").read_text()


def test_the_token_is_in_no_output(pushed: "subprocess.CompletedProcess[str]") -> None:
    assert TOKEN not in pushed.stdout + pushed.stderr
    assert "sent" in pushed.stdout


def test_pushing_again_sends_nothing(pushed: object, hub: Hub, exported: Path, program: Run) -> None:
    uploads, commits = len(hub.uploads()), len(hub.repos[REPO].commits)
    done = program("push", exported, REPO)
    assert done.returncode == 0, done.stderr
    assert "sent        0 shards in 0 commits" in done.stdout
    assert (len(hub.uploads()), len(hub.repos[REPO].commits)) == (uploads, commits)


READ = f"""
import json
REPO, NEAR = {REPO!r}, {{"hf": {{"block_size": 1 << 16}}}}

def plain(rows):
    return json.loads(json.dumps(list(rows), default=lambda data: data.hex()))

found = {{}}
mark("whole")
import datasets
def undecoded(rows):
    for name, feature in list(rows.features.items()):
        if isinstance(feature, datasets.List) and isinstance(feature.feature, datasets.Image):
            rows = rows.cast_column(name, datasets.List(datasets.Image(decode=False)))
    return rows
found["whole"] = plain(undecoded(load_dataset(REPO, split="train")))
mark("streamed")
found["streamed"] = plain(undecoded(load_dataset(REPO, split="train", streaming=True)))
mark("ids")
ids = load_dataset(REPO, "label", split="train", columns=["clip_id"], streaming=True)
found["ids"] = [row["clip_id"] for row in ids]
mark("masks")
found["masks"] = [sorted(row) for row in undecoded(load_dataset(REPO, "mask", split="train", streaming=True))]
mark("person")
from huggingface_hub import hf_hub_download
shards = json.load(open(hf_hub_download(REPO, "export.json", repo_type="dataset")))["shards"]
def holding(part, wanted):
    return [s["path"] for s in shards if s["part"] == part and any(wanted(c["clip_id"]) for c in s["clips"])]
files, his = holding("all", lambda clip: clip.startswith("id11248#")), [("person_id", "==", "id11248")]
person = load_dataset(REPO, data_files=files, split="train", streaming=True, filters=his)
found["person"] = [row["clip_id"] for row in undecoded(person)]
mark("filters")
person = load_dataset(REPO, split="train", streaming=True, filters=his, storage_options=NEAR)
found["filters"] = [row["clip_id"] for row in undecoded(person)]
mark("attribute")
labels = load_dataset(REPO, "label", split="train", streaming=True)
names = labels.features["attributes"].feature
wanted = [row["clip_id"] for row in labels if names.str2int("Eyeglasses") in row["attributes"]]
found["attribute"] = wanted
files, these = holding("mask", wanted.__contains__), [("clip_id", "in", wanted)]
rows = undecoded(load_dataset(REPO, data_files=files, split="train", streaming=True, filters=these))
found["attribute_rows"] = [row["clip_id"] for row in rows]
mark("stride")
def every_fourth(row):
    keep = [at for at, index in enumerate(row["frame_indices"]) if index % 4 == 0]
    return {{"frames": [row["frames"][at] for at in keep], "frame_indices": [row["frame_indices"][at] for at in keep]}}
rows = undecoded(load_dataset(REPO, "video", split="test", streaming=True)).map(every_fourth)
found["stride"] = [row["frame_indices"] for row in rows]
mark("resume")
stream = undecoded(load_dataset(REPO, "mask", split="train", streaming=True))
rows = iter(stream); first = next(rows)["clip_id"]; state = stream.state_dict()
stream = undecoded(load_dataset(REPO, "mask", split="train", streaming=True)); stream.load_state_dict(state)
found["resume"] = [first, *[row["clip_id"] for row in stream]]
mark("nodes")
from datasets.distributed import split_dataset_by_node
stream = undecoded(load_dataset(REPO, "mask", split="train", streaming=True))
found["shards"] = stream.num_shards
found["nodes"] = [[row["clip_id"] for row in split_dataset_by_node(stream, rank, 3)] for rank in range(3)]
mark("first")
row = next(iter(load_dataset(REPO, split="train", streaming=True)))
found["first"] = [row["clip_id"], row["frames"][0].size, row["masks"][0].mode]
mark("end")
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(pushed: object, stock: Run) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(stock(READ).stdout.splitlines()[-1])
    return content


def test_stock_clients_load_and_stream_the_records_of_the_store(found: dict[str, Any], corpus: Corpus) -> None:
    store = open_store(corpus.root)
    train = sorted(clip for clip in corpus.clips if not clip.startswith("id10271"))
    expected = json.loads(json.dumps([read_record(store, clip, RecordOptions()) for clip in train], default=bytes.hex))
    assert found["whole"] == expected
    assert found["streamed"] == expected
    assert found["first"] == [train[0], [40, 24], "P"]


def test_light_configs_read_no_heavy_file(found: dict[str, Any], hub: Hub, corpus: Corpus) -> None:
    train = sorted(clip for clip in corpus.clips if not clip.startswith("id10271"))
    assert found["ids"] == train
    assert {"masks", "text", "label"} <= set(found["masks"][0])
    assert "frames" not in found["masks"][0]
    paths = {mark: _data_paths(hub, mark) for mark in ("ids", "masks")}
    assert all("/data/light/" in path for path in paths["ids"])
    assert all("/data/mask/" in path for path in paths["masks"])


def test_one_person_takes_that_person_s_shards_alone(found: dict[str, Any], hub: Hub, corpus: Corpus) -> None:
    his = [clip for clip in corpus.clips if clip.startswith("id11248")]
    assert found["person"] == found["filters"] == his
    assert len(set(_data_paths(hub, "person"))) == len(his)


def test_one_attribute_takes_its_clips_alone(found: dict[str, Any], corpus: Corpus) -> None:
    assert found["attribute"] == found["attribute_rows"]
    assert found["attribute"] == [clip for clip in corpus.clips if clip.startswith("id11248")]


def test_every_fourth_frame_resuming_and_sharing_among_nodes(found: dict[str, Any], corpus: Corpus) -> None:
    train = sorted(clip for clip in corpus.clips if not clip.startswith("id10271"))
    assert all(all(index % 4 == 0 for index in row) and len(row) >= 3 for row in found["stride"])
    assert found["resume"] == train
    assert sorted(clip for part in found["nodes"] for clip in part) == train
    assert found["shards"] == 3
    assert all(len(part) == 1 for part in found["nodes"])


def test_nothing_left_the_machine_but_what_the_loopback_proxy_refused(found: dict[str, Any], hub: Hub) -> None:
    assert all(host.startswith(("s3.amazonaws.com", "http://datasets-server")) for host in hub.outside)


def _data_paths(hub: Hub, mark: str) -> list[str]:
    marks = [index for index, one in enumerate(hub.seen) if one.path.startswith("/mark/")]
    first = next(index for index in marks if hub.seen[index].path == f"/mark/{mark}")
    last = next(index for index in marks if index > first)
    return [one.path for one in hub.seen[first:last] if one.path.endswith(".parquet") and one.method == "GET"]


def test_a_killed_push_goes_on_without_sending_finished_shards_again(
    tmp_path: Path, hub: Hub, environment: dict[str, str], program: Run
) -> None:
    store = make_corpus(tmp_path / "store", clips=12, frames=5).root
    export_store(store, tmp_path / "out", LIGHT, facts=PLAIN)
    hub.upload_delay_seconds, before = 0.25, len(hub.uploads())
    process = subprocess.Popen([*PROGRAM, "push", str(tmp_path / "out"), "lab/killed"], env=environment)
    while len(hub.uploads()) - before < 5 and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    hub.upload_delay_seconds = 0
    time.sleep(0.5)
    sent = {one.path for one in hub.uploads()[before:]}
    assert len(hub.repos["lab/killed"].commits) == 1
    again = len(hub.uploads())
    done = program("push", tmp_path / "out", "lab/killed")
    assert done.returncode == 0, done.stderr
    assert not sent & {one.path for one in hub.uploads()[again:]}
    head = hub.repos["lab/killed"].at("v1.0.0")
    assert head is not None
    assert len([path for path in head.files if path.endswith(".parquet")]) >= 24


def test_passing_failures_are_tried_again(tmp_path: Path, own_corpus: Corpus, hub: Hub, program: Run) -> None:
    export_store(own_corpus.root, tmp_path / "out", LIGHT, facts=PLAIN)
    faults = [
        fail_times(2, 503, "PUT", "lfs-upload"),
        fail_times(1, "cut", "PUT", "lfs-upload"),
        fail_times(1, "cut", "POST", "/commit/"),
        fail_times(1, 503, "POST", "/commit/"),
    ]
    hub.fault = lambda method, path: next((what for fault in faults if (what := fault(method, path))), None)
    try:
        done = program("push", tmp_path / "out", "lab/shaky")
    finally:
        hub.fault = None
    assert done.returncode == 0, done.stderr[-3000:]
    head = hub.repos["lab/shaky"].at("v1.0.0")
    assert head is not None
    assert "README.md" in head.files


def test_a_failure_after_files_were_sent_says_what_is_kept(
    tmp_path: Path, own_corpus: Corpus, hub: Hub, program: Run
) -> None:
    export_store(own_corpus.root, tmp_path / "out", LIGHT, facts=PLAIN)
    hub.fault = fail_times(99, 403, "POST", "/commit/")
    try:
        done = program("push", tmp_path / "out", "lab/refused")
    finally:
        hub.fault = None
    assert done.returncode == 1
    assert "stopped; finished commits are kept in lab/refused: rerun the command to resume" in done.stderr


def test_a_wrong_token_is_said_in_one_line(exported: Path, program: Run) -> None:
    done = program("push", exported, "lab/other", HF_TOKEN="hf_wrongTokenOfNobody")
    assert done.returncode == 1
    assert "hf auth login" in done.stderr
    assert "Traceback" not in done.stderr
    assert "commits are kept" not in done.stderr
    assert "hf_wrong" not in done.stdout + done.stderr


def test_a_dry_run_needs_no_hub_and_says_what_it_did_not_check(exported: Path, program: Run) -> None:
    done = program("push", exported, "lab/elsewhere", "--dry-run", HF_ENDPOINT="http://127.0.0.1:9")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("retrying in") == 1
    assert "would be sent: " in done.stdout
    assert "on the Hub already" not in done.stdout
    assert f"card  {exported / 'README.md'}; read it before you push\n" in done.stdout
    assert "hf auth login" not in done.stdout
    anybody = program("push", exported, "lab/elsewhere", "--dry-run", HF_ENDPOINT="http://127.0.0.1:9", HF_TOKEN="")
    assert "no token of the Hub is on this machine; to push, log in first: hf auth login" in anybody.stdout
    assert "not checked, because the Hub could not be reached: whether lab/elsewhere exists" in done.stdout
    offline = program("push", exported, "lab/elsewhere", HF_HUB_OFFLINE="1")
    assert (offline.returncode, "HF_HUB_OFFLINE is set" in offline.stderr) == (1, True)
    refused = program("push", exported, "lab/elsewhere", "--dry-run", HF_TOKEN="hf_wrong")
    assert (refused.returncode, "hf auth login" in refused.stderr) == (1, True)


def test_a_store_that_changed_is_exported_anew_and_a_removal_names_what_push_has_made(
    tmp_path: Path, own_corpus: Corpus, program: Run
) -> None:
    store, made = own_corpus.root, tmp_path / "cache" / "exports" / "lab~again"
    place = {"MMVOXCELEB_CACHE": str(tmp_path / "cache")}
    push = ("push", store, "lab/again", "--dry-run", "--modality", "label")
    first = program(*push, **place)
    assert (first.returncode, "exported anew" in first.stdout) == (0, False), first.stderr
    shards = {path: path.stat().st_mtime_ns for path in made.rglob("*.parquet")}
    assert shards
    assert "exported anew" not in program(*push, **place).stdout
    assert {path: path.stat().st_mtime_ns for path in shards} == shards
    own_work = program(*push, "--work", tmp_path / "my work", **place)
    assert f"next  mmvoxceleb push {store} lab/again --work '{tmp_path / 'my work'}'\n" in own_work.stdout
    clip = own_corpus.clips[0]
    removed = program("remove", store, "--clip", clip, **place)
    assert f"an export that mmvoxceleb push has made has them, too: {made}\n" in removed.stdout
    refused = program(*push, "--work", tmp_path / "my work", **place)
    assert refused.returncode == 1
    assert "another folder: --work" in refused.stderr
    again = program(*push, **place)
    assert (again.returncode, "has changed since an earlier push: it is exported anew" in again.stdout) == (0, True)
    assert clip.encode() not in b"".join(path.read_bytes() for path in made.rglob("*") if path.is_file())


def test_public_asks_and_dry_run_sends_nothing(tmp_path: Path, own_corpus: Corpus, hub: Hub, program: Run) -> None:
    export_store(own_corpus.root, tmp_path / "out", LIGHT, facts=PLAIN)
    asked = program("push", tmp_path / "out", "lab/public", "--public")
    assert asked.returncode == 1
    assert "Make lab/public public?" in asked.stdout + asked.stderr
    dry = program("push", tmp_path / "out", "lab/public", "--public", "--dry-run")
    assert "new public repository lab/public" in dry.stdout
    assert "lab/public" not in hub.repos
    done = program("push", tmp_path / "out", "lab/public", "--public", "--yes")
    assert done.returncode == 0, done.stderr
    assert (hub.repos["lab/public"].private, hub.repos["lab/public"].gated) == (False, "manual")
    refused = program("push", tmp_path / "out", "lab/public")
    assert "is public; pass --public" in refused.stderr


def test_the_lines_of_the_guide_run_as_they_stand(pushed: object, stock: Run, corpus: Corpus) -> None:
    guide = (Path(__file__).resolve().parents[2] / "docs" / "hub.md").read_text()
    code = guide.split("## Stream a part")[1].split("```python\n")[1].split("```")[0].replace("user/name", REPO)
    told = """
rows = {name: [row["clip_id"] for row in rows] for name, rows in
        dict(ids=ids, masks=masks, both=both, person=person, wearers=wearers, video=video, some=some).items()}
print(json.dumps(rows | {"steps": [row["frame_indices"] for row in video]}))
"""
    rows = json.loads(stock(code + told).stdout.splitlines()[-1])
    train = sorted(clip for clip in corpus.clips if not clip.startswith("id10271"))
    assert rows["ids"] == rows["masks"] == rows["both"] == rows["video"] == train
    assert rows["person"] == [clip for clip in train if clip.startswith("id10001")]
    assert rows["wearers"] == [clip for clip in train if clip.startswith("id11248")]
    assert len(rows["some"]) == 1
    assert rows["steps"][0] == [0, 4, 8]

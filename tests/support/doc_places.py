"""The places that the docs speak of, small and real: videos, stores, an export and a clip list, below one folder."""

import os
import shutil
from pathlib import Path

import av
from typer.testing import CliRunner

from mmvoxceleb.cli.main import app
from mmvoxceleb.processing import LandmarkStage, Pipeline
from mmvoxceleb.sample import sample_videos_path
from mmvoxceleb.schema import Folder
from mmvoxceleb.stores import open_store
from tests.support.corpus import make_corpus
from tests.support.landmarker import BrightFace
from tests.support.talking import add_sound
from tests.support.videos import numbered, write_video

FRAMES = 66
"""Of each of the raw videos: a few more than the crop wants."""


def call(*words: object) -> str:
    """Run ``mmvoxceleb`` with these words, which must succeed; return what it printed."""
    done = CliRunner().invoke(app, [*map(str, words)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def make_places(root: Path) -> None:
    """Make them.

    - ``data/removed.jsonl``: a removal list.
    - ``data/mmvoxceleb``: 16 clips in the original layout, of at least 30 frames.
    - ``videos``: the start of the two bundled videos, with sound.
    - ``my-dataset``: what ``regenerate`` makes of them with the sample models, landmarks of no real face, two scores.
    - ``list.json``: a clip of it. ``shards``: its export to Parquet.
    - ``damaged-copy``: the 16 clips, without a label and three frames.
    - ``A``, ``B``, ``other-store``: copies of ``my-dataset``; the last one lacks its texts.
    - ``mp4``: a cropped clip as VoxCeleb2 has it.
    """
    corpus = make_corpus(root / "data" / "mmvoxceleb", clips=16, frames=30)
    (root / "data" / "removed.jsonl").write_text('{"person_id": "id10009"}\n')
    damaged = root / "damaged-copy"
    copy_places(corpus.root, damaged)
    (damaged / "label" / f"{corpus.clips[2]}.txt").unlink()
    for index in (13, 14, 15):
        (damaged / "video" / corpus.clips[3] / f"{index:07d}.png").unlink()
    for video in sorted(Path(sample_videos_path()).glob("*.mp4")):
        with av.open(str(video)) as container:
            frames = [
                frame.to_ndarray(format="rgb24")
                for _, frame in zip(range(FRAMES), container.decode(video=0), strict=False)
            ]
        add_sound(write_video(root / "videos" / video.name, frames))
    write_video(root / "mp4" / "id00012" / "21Uxsk56VDQ" / "00001.mp4", (numbered(i, 224, 224) for i in range(12)))
    dataset = root / "my-dataset"
    stages = ["--stages", "crop,audio,mask,draw", "--figures", "face_px,sharpness"]
    call(
        "regenerate",
        "all",
        root / "videos",
        dataset,
        "--models",
        "sample",
        "--detector",
        "haar",
        "--stride",
        32,
        *stages,
    )
    call("regenerate", "label", dataset, "--weights", "sample", "--frames", 2)
    call("regenerate", "text", dataset)
    Pipeline([LandmarkStage(BrightFace())]).run(dataset, dataset).raise_if_failed()
    call("select", dataset, "--where", "face_px > 200", "-o", root / "list.json")
    call("export", dataset, root / "shards")
    (root / "names.txt").write_text("\n".join(open_store(dataset).clips(Folder("video"))[:1]) + "\n")
    for name in ("A", "B", "other-store"):
        copy_places(dataset, root / name)
    shutil.rmtree(root / "other-store" / "txt")
    shutil.copy(root / "list.json", root / "ours.json")
    call("select", dataset, "--where", "face_px > 200 and not Eyeglasses", "-o", root / "theirs.json")
    (dataset / "meta" / "marked.jsonl").write_text('{"person_id": "id10271"}\n')


def copy_places(template: Path, root: Path) -> None:
    """Give a page places of its own: nothing writes into a file that is there, so hard links are enough."""
    shutil.copytree(template, root, copy_function=os.link, dirs_exist_ok=True)

"""What the loaders of trainers do with a folder, each written after its repository at ``Trainer.source``."""

import json
import os
import random
import wave
from pathlib import Path
from typing import Any

import av  # noqa: F401  before decord, whose libvpx PyAV could not open encoders of otherwise
import cv2
import numpy as np
import pytest
import torch

decord = pytest.importorskip("decord", reason="has wheels for Linux on x86-64 alone")

Sample = dict[str, Any]


def read_latentsync(train_data_dir: Path, *, num_frames: int = 16) -> list[Sample]:
    """``UNetDataset`` and ``SyncNetDataset``: MP4 files right in the folder, their frames and their sound."""
    samples = []
    for name in sorted(os.listdir(train_data_dir)):
        if not name.endswith(".mp4"):
            continue
        path = str(train_data_dir / name)
        video = decord.VideoReader(path, ctx=decord.cpu(0))
        if len(video) < 3 * num_frames:
            continue
        sound = decord.AudioReader(path, ctx=decord.cpu(0), sample_rate=16000)[:].asnumpy().squeeze(0)
        samples.append(
            {
                "name": name,
                "frames": video.get_batch(np.arange(len(video))).asnumpy(),
                "fps": video.get_avg_fps(),
                "sound": sound,
            }
        )
    return samples


def read_musetalk(clone: Path, listed: str, *, num_drive: int = 1) -> list[Sample]:
    """``HDTFDataset`` in the folder of a clone: the list without its first line, the JSON files, video and sound."""
    samples = []
    lines = (clone / "dataset/HDTF" / listed).read_text().splitlines()[1:]
    for line in lines:
        meta = json.loads((clone / "dataset/HDTF/meta" / line.strip().split()[0]).read_text())
        if meta["frames"] < num_drive * 10:
            continue
        video = decord.VideoReader(str(clone / meta["mp4_path"]), fault_tol=1, ctx=decord.cpu(0))
        assert len(video) == len(meta["landmark_list"]) == len(meta["face_list"])
        assert np.array(meta["landmark_list"]).shape == (len(video), 68, 2)
        assert decord.AudioReader(str(clone / meta["mp4_path"]), sample_rate=16000)[:].shape[0] == 1
        with wave.open(str(clone / meta["wav_path"])) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)
            sound = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        x1, y1, x2, y2 = map(int, meta["face_list"][0])
        assert list(video[0].shape[:2]) == meta["video_size"]
        face = video[0].asnumpy()[y1:y2, x1:x2]
        assert face.size, "an empty crop is passed over"
        samples.append({**meta, "sound": sound, "video": video.get_batch(np.arange(len(video))).asnumpy()})
    return samples


def read_hallo3(dataset: Path, *, max_num_frames: int = 49) -> list[Sample]:
    """``data_preprocess.py`` and ``extract_meta_info.py``: each video, then all by the path of its frames.

    ``data_video.py`` then draws a start, and fails where there is none.
    """
    samples = []
    for path in sorted(dataset.joinpath("videos").iterdir()):
        if path.is_file() and path.suffix == ".mp4":
            frames = str((dataset / "images" / path.stem).resolve())
            video = decord.VideoReader(frames.replace("images", "videos") + ".mp4")
            random.randint(3, len(video) - max_num_frames - 2 - 1)
            caption = Path(frames.replace("images", "caption") + ".txt").read_text("utf-8")
            samples.append({"name": path.stem, "caption": caption, "num_frames": len(video)})
    return samples


def read_talkvid(meta_path: Path, *, num_frames: int = 20, margin: int = 30) -> list[Sample]:
    """``TalkingFaceVideo``: masks of face and lips from the points of each frame, and the frames.

    A clip that leaves no place for the reference, wherever it starts, is passed over.
    """
    samples = []
    for info in json.loads(meta_path.read_text()):
        video = decord.VideoReader(info["video"])
        starts = range(len(video) - num_frames + 1)
        if not any(start > margin or start + num_frames + margin <= len(video) for start in starts):
            continue
        faces = torch.load(info["face_info"])  # its code was written for torch 2.4, where this also unpickles
        assert len(faces) == len(video)
        height, width = video[0].shape[:2]
        lips = []
        for (face,) in faces:
            x1, y1, x2, y2 = face["bbox"]
            mask = np.zeros((height, width), np.uint8)
            mask[int(y1) : int(y2) + 1, int(x1) : int(x2) + 1] = 255
            assert mask.any()
            points = face["landmark_2d_106"][52:72]
            lips.append(
                [int(min(points[:, 0])), int(min(points[:, 1])), int(max(points[:, 0])), int(max(points[:, 1]))]
            )
            three = np.asarray(face["kps"][:3])
            cv2.circle(mask, (int(three[0][0]), int(three[0][1])), 4, 255, -1)
        samples.append(
            {**info, "num_frames": len(video), "size": (width, height), "lips": lips, "fps": video.get_avg_fps()}
        )
    return samples


def read_echomimic(base_dir: str, task: str) -> list[Sample]:
    """``EMTD_dataset/preprocess.py`` of v2: MP4 files of a folder, brought to 24 frames a second with 16 kHz sound."""
    samples = []
    for name in sorted(os.listdir(base_dir + task)):
        path = base_dir + task + "/" + name
        if path[-3:] in ("mp4", "MOV"):
            video = decord.VideoReader(path, ctx=decord.cpu(0))
            sound = decord.AudioReader(path, sample_rate=16000)[:].asnumpy()
            samples.append({"name": name, "num_frames": len(video), "fps": video.get_avg_fps(), "sound": sound})
    return samples

"""Sound is loaded, streamed, sampled, exported, checked and shown as the file has it."""

import io
import json
import pickle
import shutil
import tarfile
from pathlib import Path
from typing import Any

import av
import datasets
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from datasets import load_dataset
from torch.utils.data import DataLoader

from mmvoxceleb import ClipSampler, embed
from mmvoxceleb.codecs.flac import FlacSound, encode_flac, flac_info
from mmvoxceleb.errors import ConfigError, CorruptSourceError
from mmvoxceleb.hub.export import export_store
from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.modalities import AUDIO
from mmvoxceleb.preview import contact_sheet
from mmvoxceleb.processing.removal import remove_from_store
from mmvoxceleb.stores import open_store
from mmvoxceleb.validation import validate_store
from tests.support.corpus import Corpus, make_corpus, zip_folder
from tests.support.records import with_bytes
from tests.support.sounds import RATE, add_sounds, samples_of

NAMES = ("video", "audio")
A_FRAME = RATE // 25


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    corpus = make_corpus(tmp_path_factory.mktemp("sounds"))
    add_sounds(corpus, corpus.root)
    return corpus


def whole(corpus: Corpus, clip_id: str) -> np.ndarray:
    number = corpus.clips.index(clip_id)
    return samples_of(number, corpus.num_frames[number]).astype(np.float32) / 32768


@pytest.mark.parametrize("channels", [1, 2])
def test_any_part_of_a_file_is_what_was_encoded(channels: int) -> None:
    samples = samples_of(3, 200, channels=channels)
    data = encode_flac(samples, RATE)
    assert flac_info(data, where="x")[:4] == (RATE, channels, 16, 128_000)
    sound = FlacSound(data)
    assert np.array_equal(sound.checked() * 32768, samples)
    for start, stop in ((0, 10), (5, 6000), (4095, 4097), (70_003, 99_999), (127_990, 128_000), (100, 100)):
        assert np.array_equal(sound.samples(start, stop) * 32768, samples[:, start:stop])
    beyond = sound.samples(-5, 128_003)
    assert np.array_equal(beyond[:, 5:-3] * 32768, samples)
    assert not beyond[:, :5].any()
    assert not beyond[:, -3:].any()


@pytest.mark.parametrize("loud_from", [0, 30_000, 48_000])
def test_parts_that_begin_in_the_last_block_are_read_too(loud_from: int) -> None:
    samples = np.random.default_rng(0).integers(-9000, 9000, (1, 48_000)).astype(np.int16)
    samples[:, :loud_from] = 0
    sound = FlacSound(encode_flac(samples, 16_000), "a")
    for first in range(0, 46_000, 997):
        found = np.rint(sound.samples(first, first + 2000) * 32768)
        assert np.array_equal(found, samples[:, first : first + 2000])


def test_another_rate_begins_at_the_same_moment() -> None:
    moments = np.arange(200 * A_FRAME) / RATE
    sound = FlacSound(encode_flac(np.rint(12000 * np.sin(2 * np.pi * 440 * moments))[None].astype(np.int16), RATE))
    for rate in (8000, 22050, 44100, 48000):
        part = sound.part(1.56, 2 * rate, rate)
        expected = 12000 / 32768 * np.sin(2 * np.pi * 440 * (1.56 + np.arange(2 * rate) / rate))
        assert part.shape == (1, 2 * rate)
        assert np.abs(part - expected).max() < 2e-3


def test_a_damaged_file_is_refused(corpus: Corpus) -> None:
    data = (corpus.root / "audio" / f"{corpus.clips[0]}.flac").read_bytes()
    bad = bytearray(data)
    bad[len(bad) // 2] ^= 1
    for broken in (bytes(bad), data[: len(data) // 2]):
        with pytest.raises(CorruptSourceError, match="clip 7, its sound: the FLAC is damaged"):
            AUDIO.parse(broken, clip_id="7").checked()
    for broken in (b"", b"RIFF" * 20, data[:20], data[:18] + bytes(8) + data[26:]):
        with pytest.raises(CorruptSourceError, match="clip 7, its sound: "):
            AUDIO.parse(broken, clip_id="7")


def test_it_is_a_config_and_a_column_and_not_in_the_default(corpus: Corpus, tmp_path: Path) -> None:
    arguments: dict[str, Any] = {"data_dir": str(corpus.root), "split": "train"}
    rows = load_dataset("mmvoxceleb", "audio", cache_dir=str(tmp_path), **arguments)
    assert rows.features["audio"] == datasets.Audio()
    assert datasets.Features.from_dict(rows.features.to_dict()) == rows.features
    assert pickle.loads(pickle.dumps(rows.features)) == rows.features
    stream = load_dataset("mmvoxceleb", "audio", streaming=True, **arguments)
    for row in (*rows.cast_column("audio", datasets.Audio(decode=False)), *stream.decode(False)):
        sound = AUDIO.value_of(row, clip_id=row["clip_id"])
        assert np.array_equal(sound.samples(), whole(corpus, row["clip_id"]))
    assert "audio" not in load_dataset("mmvoxceleb", streaming=True, **arguments).features


@pytest.mark.parametrize("zipped", [False, True])
def test_a_prepared_dataset_refers_to_the_files(corpus: Corpus, tmp_path: Path, zipped: bool) -> None:
    place = corpus.root
    if zipped:
        place = zip_folder(place / "audio", tmp_path / "zips" / "audio.zip").parent
    rows = load_dataset("mmvoxceleb", "audio", data_dir=str(place), split="train", cache_dir=str(tmp_path))
    sounds = [row["audio"] for row in rows.cast_column("audio", datasets.Audio(decode=False))]
    files = [(corpus.root / "audio" / f"{clip}.flac").read_bytes() for clip in rows["clip_id"]]
    assert [sound["bytes"] for sound in sounds] == [None] * len(files)
    assert [sound["bytes"] for sound in with_bytes(sounds)] == files
    embedded = embed(rows).cast_column("audio", datasets.Audio(decode=False))
    assert [row["audio"]["bytes"] for row in embedded] == files


def test_stock_datasets_decode_it(corpus: Corpus) -> None:
    pytest.importorskip("torchcodec", exc_type=ImportError)
    stream = load_dataset("mmvoxceleb", "audio", streaming=True, data_dir=str(corpus.root), split="train")
    for row in stream:
        decoded = row["audio"].get_all_samples()
        assert decoded.sample_rate == RATE
        assert np.array_equal(decoded.data.numpy(), whole(corpus, row["clip_id"]))


def test_a_sample_has_the_sound_of_the_frames_that_it_shows(corpus: Corpus, tmp_path: Path) -> None:
    arguments: dict[str, Any] = {"data_dir": str(corpus.root), "split": "train", "modalities": NAMES}
    prepared = load_dataset("mmvoxceleb", cache_dir=str(tmp_path), **arguments)
    stream = load_dataset("mmvoxceleb", streaming=True, **arguments)
    settings: dict[str, Any] = {"modalities": NAMES, "num_frames": 3, "frame_step": 4, "min_frames": 1}
    for data in (corpus.root, prepared, stream):
        sampler: Any = ClipSampler(data, **settings)
        samples = list(sampler) if data is stream else [sampler[index] for index in range(len(sampler))]
        for sample in samples:
            first = int(sample["frame_indices"][0])
            expected = whole(corpus, sample["clip_id"])[:, first * A_FRAME : (first + 9) * A_FRAME]
            assert sample["audio"].dtype == torch.float32
            assert np.array_equal(sample["audio"].numpy(), expected)
    batch = next(iter(DataLoader(ClipSampler(corpus.root, **settings, audio_rate=8000), batch_size=5)))
    assert batch["audio"].shape == (5, 1, 9 * 320)
    alone = ClipSampler(corpus.root, **{**settings, "modalities": ("audio",)}, start=2)[0]["audio"]
    assert np.array_equal(alone.numpy(), whole(corpus, corpus.clips[0])[:, 2 * A_FRAME : 11 * A_FRAME])
    short = ClipSampler(corpus.root, **{**settings, "num_frames": 8}, short="repeat")[0]
    assert short["audio"].shape == (1, 29 * A_FRAME)
    assert np.array_equal(short["audio"][:, : 12 * A_FRAME].numpy(), whole(corpus, corpus.clips[0]))
    assert not short["audio"][:, 12 * A_FRAME :].any()
    with pytest.raises(ConfigError, match="audio_rate=5"):
        ClipSampler(corpus.root, audio_rate=5)


def test_exports_carry_it(corpus: Corpus, tmp_path: Path) -> None:
    clip, data = corpus.clips[0], (corpus.root / "audio" / f"{corpus.clips[0]}.flac").read_bytes()
    options: dict[str, Any] = {"modalities": NAMES}
    export_store(corpus.root, tmp_path / "parquet", ExportSettings(video="mp4", **options))
    export_store(corpus.root, tmp_path / "tars", ExportSettings("webdataset", video="mp4", lossless=True, **options))
    export_store(corpus.root, tmp_path / "folder", ExportSettings("folder", **options))
    assert (tmp_path / "folder" / "audio" / f"{clip}.flac").read_bytes() == data
    paths = sorted((tmp_path / "parquet").rglob("*.parquet"))
    assert {path.parent.name for path in paths} >= {"audio", "all"}
    rows = [row for path in paths if path.parent.name == "audio" for row in pq.read_table(path).to_pylist()]
    assert {row["clip_id"]: row["audio"]["bytes"] for row in rows}[clip] == data
    assert "frames" not in rows[0]
    stock = load_dataset(str(tmp_path / "parquet"), "audio", split="train", streaming=True)
    assert stock.features["audio"] == datasets.Audio()
    assert AUDIO.to_file(next(iter(stock.decode(False)))).startswith(b"fLaC")
    whole_rows = [row for path in paths if path.parent.name == "all" for row in pq.read_table(path).to_pylist()]
    lossy = {row["clip_id"]: row["video"]["bytes"] for row in whole_rows}[clip]
    files: dict[str, bytes] = {}
    for tar in (tmp_path / "tars").rglob("*.tar"):
        with tarfile.open(tar) as opened:
            files |= {member.name: opened.extractfile(member).read() for member in opened}  # type: ignore[union-attr]
    key = next(name for name in files if name.endswith(".flac") and files[name] == data).removesuffix(".flac")
    assert json.loads(files[f"{key}.json"])["clip_id"] == clip
    for mp4, codec, most in ((lossy, "aac", 0.05), (files[f"{key}.mp4"], "flac", 0.0)):
        heard = heard_in(mp4, codec)[: 12 * A_FRAME]
        expected = whole(corpus, clip)[0]
        # white noise is hard on AAC: what counts is that it is in step, to a sample
        best = max(range(-3, 4), key=lambda shift: float(np.dot(heard[3:-3], np.roll(expected, shift)[3:-3])))
        assert best == 0
        assert np.abs(heard - expected).mean() <= most


def heard_in(mp4: bytes, codec: str) -> np.ndarray:
    """float32 [N]: what a player would play from the start of the video."""
    with av.open(io.BytesIO(mp4), "r") as container:
        stream = container.streams.audio[0]
        assert stream.codec_context.name == codec
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        found = np.zeros(RATE, np.float32)
        for frame in container.decode(stream):
            assert frame.pts is not None
            for part in resampler.resample(frame):
                first = round(frame.pts * frame.time_base * RATE)  # type: ignore[operator]
                assert first >= 0
                block = part.to_ndarray()[0][: len(found) - first]
                found[first : first + len(block)] = block
    return found


def test_validation_finds_wrong_lengths_silence_clipping_and_damage(corpus: Corpus, tmp_path: Path) -> None:
    root = tmp_path / "store"
    shutil.copytree(corpus.root, root)
    assert validate_store(open_store(root), deep=True).ok
    sound = root / "audio"
    count = corpus.num_frames[0] * A_FRAME
    (sound / f"{corpus.clips[0]}.flac").write_bytes(encode_flac(samples_of(0, 13), RATE))
    quiet = np.zeros((1, corpus.num_frames[1] * A_FRAME), np.int16)
    (sound / f"{corpus.clips[1]}.flac").write_bytes(encode_flac(quiet, RATE))
    loud = samples_of(2, corpus.num_frames[2])
    loud[0, 100:110] = 32767
    loud[0, 200:202] = -32768
    (sound / f"{corpus.clips[2]}.flac").write_bytes(encode_flac(loud, RATE))
    broken = bytearray((sound / f"{corpus.clips[3]}.flac").read_bytes())
    broken[len(broken) // 2] ^= 1
    (sound / f"{corpus.clips[3]}.flac").write_bytes(broken)
    (sound / f"{corpus.clips[4]}.flac").write_bytes(b"no sound at all")
    report = validate_store(open_store(root), deep=True)
    expected = {"audio": 2, "audio_length": 1, "audio_silent": 1, "audio_clipped": 1}
    assert report.problem_counts == expected, report.problems
    assert f"has 8,320 samples at 16,000 Hz, its frames last {count:,}" in str(report.of_kind("audio_length")[0])
    assert "10 samples are cut off" in str(report.of_kind("audio_clipped")[0])
    quick = validate_store(open_store(root))
    assert quick.problem_counts == {"audio": 1, "audio_length": 1}


def test_a_preview_draws_the_waveform_and_removal_takes_it_out(corpus: Corpus, tmp_path: Path) -> None:
    root = tmp_path / "store"
    shutil.copytree(corpus.root, root)
    with_sound = contact_sheet(open_store(root), [corpus.clips[0]])
    shutil.move(root / "audio", tmp_path / "audio")
    without = contact_sheet(open_store(root), [corpus.clips[0]])
    assert with_sound.height >= without.height + 64
    shutil.move(tmp_path / "audio", root / "audio")
    samples = np.concatenate([np.tile([-16000, 16000], 160), np.zeros(320)])[None].astype(np.int16)
    sound = FlacSound(encode_flac(samples, RATE))
    strip = np.asarray(AUDIO.strip(sound, (40, 64)))
    assert (strip[5] == 255).all()
    column_inked = (strip == strip[24, 0]).all(axis=2).sum(axis=0)
    assert (column_inked[:9] > 12).all()
    assert (column_inked[21:] <= 2).all()
    remove_from_store(root, Removals(person_id=frozenset({"id10271"})))
    assert {path.name for path in (root / "audio").iterdir()} == {
        f"{clip}.flac" for clip in corpus.clips if "id10271" not in clip
    }

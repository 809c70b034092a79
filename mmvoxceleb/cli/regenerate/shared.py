"""The options that ``regenerate`` commands share."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from mmvoxceleb.cli.clip_options import ClipOptions
from mmvoxceleb.cli.telling import JsonOptions

if TYPE_CHECKING:
    from mmvoxceleb.processing.audio import AudioStage
    from mmvoxceleb.processing.licences import Role

__all__ = [
    "AudioForm",
    "AudioOptions",
    "LicenceOption",
    "ModelOptions",
    "NetworkOptions",
    "OutOption",
    "RunOptions",
    "StoreArgument",
    "StrideOption",
    "check_licence",
    "refuse_idle_quality",
    "target_of",
]

RUN = typer.Option(rich_help_panel="Run")

StoreArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="STORE", help="Folder, zip or URL with video/<clip>/.")
]
OutOption: TypeAlias = Annotated[
    str | None, typer.Option("--out", help="Folder or URL (s3://...) for the results. Default: STORE itself.")
]
LicenceOption: TypeAlias = Annotated[
    Literal["permissive"] | None,
    typer.Option(
        "--licence",
        help="permissive: refuse every model that may not be used for every purpose.",
        rich_help_panel="Models",
    ),
]
StrideOption: TypeAlias = Annotated[int, typer.Option("--stride", min=1, help="Make one for every Nth frame.")]


@dataclass(frozen=True)
class RunOptions(JsonOptions, ClipOptions):
    """Which clips are taken, what is written, and what runs it.

    Args:
        layout: A folder of files per clip, as in the original, or one zip per clip. Default: folder; on a URL always
            packed.
        overwrite: Replace results that were made with other settings or inputs.
        engine: local: this machine. ray: a Ray cluster.
        workers: Number of processes. Default: one per GPU, or one; on Ray as many as the cluster has room for.
        memory: Memory for the clips in progress on a machine, such as 8G. Default: half of the free memory.
        address: Address of the Ray cluster: auto (the one that this machine belongs to), or ray://HOST:10001. Default:
            RAY_ADDRESS, or a new local cluster.
        limit: Process at most N unfinished clips or videos; 0 only checks the inputs.
        dry_run: Show what would be done, and stop.
        licence: permissive: refuse every model that may not be used for every purpose, and results of such models.
    """

    layout: Literal["folder", "packed"] | None = None
    overwrite: Annotated[bool, RUN] = False
    engine: Annotated[Literal["local", "ray"], RUN] = "local"
    workers: Annotated[int | None, typer.Option(min=1, rich_help_panel="Run")] = None
    memory: Annotated[str | None, RUN] = None
    address: Annotated[str | None, RUN] = None
    limit: Annotated[int | None, typer.Option(min=0, rich_help_panel="Run")] = None
    dry_run: Annotated[bool, RUN] = False
    licence: Annotated[Literal["permissive"] | None, typer.Option(rich_help_panel="Models")] = None

    def __post_init__(self) -> None:
        """As both bases do."""
        JsonOptions.__post_init__(self)
        ClipOptions.__post_init__(self)

    @property
    def is_dry(self) -> bool:
        """Whether nothing is to be done: ``--dry-run`` or ``--limit 0``."""
        return self.dry_run or self.limit == 0


AUDIO = typer.Option(rich_help_panel="Sound")


@dataclass(frozen=True)
class AudioForm:
    """How the sound of clips is written.

    Args:
        audio_rate: Samples per second.
        audio_channels: 1 or 2; more channels are mixed down.
    """

    audio_rate: Annotated[int, AUDIO] = 16000
    audio_channels: Annotated[int, typer.Option(min=1, max=2, rich_help_panel="Sound")] = 1

    def make_stage(self, raw: str | None = None) -> "AudioStage":
        """Make the stage; ``raw`` is where the videos are, without a crop before it.

        Raises:
            ConfigError: A value is impossible.
        """
        from mmvoxceleb.processing.audio import AudioSettings, AudioStage

        return AudioStage(AudioSettings(self.audio_rate, self.audio_channels), raw=raw)


@dataclass(frozen=True)
class AudioOptions(AudioForm):
    """Whether the sound of videos is kept, and how.

    Args:
        audio: Keep the sound of videos that have sound, in sync with the frames.
    """

    audio: Annotated[bool, AUDIO] = True


DEVICE = typer.Option(rich_help_panel="Device")


@dataclass(frozen=True)
class ModelOptions:
    """Where and how a model computes.

    Args:
        device: auto, cpu, cuda, cuda:1, mps.
        precision: auto: fp16 on CUDA, fp32 elsewhere. fp32 is the most faithful.
        batch_size: Frames per batch on a GPU. Default: chosen by free memory. A CPU takes one at a time.
    """

    device: Annotated[str, DEVICE] = "auto"
    precision: Annotated[Literal["auto", "fp32", "fp16", "bf16"], DEVICE] = "auto"
    batch_size: Annotated[int | None, typer.Option(min=1, rich_help_panel="Device")] = None


@dataclass(frozen=True)
class NetworkOptions(ModelOptions):
    """Where and how a network of masks or drawings computes; the arguments of ``make_parser`` and ``make_drawer``.

    Args:
        compile: Compile the network first, which takes a minute and makes every frame faster.
        backend: auto: ncnn, which is faster, for fp32 on a CPU if it is installed; otherwise torch.
    """

    compile: Annotated[bool, DEVICE] = False
    backend: Annotated[Literal["auto", "torch", "ncnn"], DEVICE] = "auto"


def check_licence(run: RunOptions, role: "Role", name: str, path: str | os.PathLike[str] | None = None) -> None:
    """Refuse a model that ``--licence`` excludes, before it is downloaded.

    Raises:
        ConfigError: It is refused.
    """
    if run.licence is not None:
        from mmvoxceleb.processing.licences import check_permissive

        check_permissive(role, name, path)


def refuse_idle_quality(codec: str, crf: int | None, keyframe_every: int | None) -> None:
    """Refuse options of a video file for clips that are none.

    Raises:
        ConfigError: One was given, and says nothing of ``codec``.
    """
    from mmvoxceleb.errors import ConfigError

    if crf is not None and codec != "mp4":
        raise ConfigError(f"--crf is the quality of --codec mp4; leave it out with --codec {codec}")
    if keyframe_every is not None and codec == "png":
        raise ConfigError("--keyframe-every is for --codec mp4 and mp4-lossless; leave it out")


def target_of(store: str, out: str | None) -> str:
    """Say where the results of a store go: into the store itself, unless another place was named.

    Raises:
        ConfigError: The store is not a local folder, or the bundled sample, and no other place was named.
    """
    from mmvoxceleb.errors import ConfigError
    from mmvoxceleb.sample import sample_path

    if out is None and Path(store).resolve() == Path(sample_path()).resolve():
        raise ConfigError(
            f"{store} is the sample of the package, so results are not written into it; name a folder or URL with --out"
        )
    if out is None and not Path(store).is_dir():
        raise ConfigError(
            f"{store} is not a local folder, so results are not written into it; name a folder or URL with --out"
        )
    return out if out is not None else store

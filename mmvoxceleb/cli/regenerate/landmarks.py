"""``mmvoxceleb regenerate landmarks``: points, blendshapes and head pose of every frame."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmvoxceleb.cli.options import takes_options, without
from mmvoxceleb.cli.regenerate.running import run_pipeline
from mmvoxceleb.cli.regenerate.shared import OutOption, RunOptions, StoreArgument, check_licence, target_of

if TYPE_CHECKING:
    from mmvoxceleb.processing.landmarks import OneEuro

EXAMPLES = """
[bold]Examples[/]

  mmvoxceleb regenerate landmarks my-dataset
  mmvoxceleb regenerate landmarks my-dataset --workers 2 --weights face_landmarker.task
  mmvoxceleb regenerate landmarks zips/ --out my-landmarks --smooth --beta 20
"""


@dataclass(frozen=True)
class SmoothOptions:
    """Whether and how the points are steadied over time.

    Args:
        smooth: Filter the points with a one-euro filter (Casiez et al., CHI 2012).
        min_cutoff: Its cutoff at rest, in Hz; lower is steadier.
        beta: How fast the cutoff rises with the speed, in face sizes per second; higher lags less.
    """

    smooth: bool = False
    min_cutoff: float = 0.05
    beta: float = 80.0

    def make_filter(self) -> "OneEuro | None":
        """Make the filter that was asked for, if any."""
        from mmvoxceleb.processing.landmarks import OneEuro

        return OneEuro(self.min_cutoff, self.beta) if self.smooth else None


def register(app: typer.Typer) -> None:
    """Add ``regenerate landmarks``."""
    app.command(name="landmarks", epilog=EXAMPLES)(takes_options(landmarks))


def landmarks(
    store: StoreArgument,
    out: OutOption = None,
    weights: Annotated[
        Path | None, typer.Option("--weights", help="MediaPipe's face_landmarker.task. Default: download it.")
    ] = None,
    *,
    smoothing: SmoothOptions,
    run: Annotated[RunOptions, without("layout")],
) -> None:
    """Find 478 landmarks, 52 blendshapes, and the head pose in every frame: landmarks/CLIP.landmarks.

    Uses MediaPipe's face landmarker on the CPU. One face is followed through the clip: the largest one near the middle.
    Frames without a face are null. Finished clips are skipped, so the same command resumes a run.
    """
    from mmvoxceleb.processing.landmarks import FaceLandmarker, LandmarkStage
    from mmvoxceleb.processing.pipeline import Pipeline

    check_licence(run, "landmarks", "mediapipe", weights)
    stage = LandmarkStage(FaceLandmarker(weights), smooth=smoothing.make_filter())
    run_pipeline(Pipeline([stage]), store, target_of(store, out), run)

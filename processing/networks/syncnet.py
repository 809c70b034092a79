"""SyncNet: what is heard and what a mouth does, as points of one space that are near where both belong together.

Written from the layer shapes and keys of the published checkpoint ``syncnet_v2.model``. Architecture: Chung and
Zisserman, Out of time: automated lip sync in the wild, ACCV 2016 workshops.
"""

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["CEPSTRA", "FACE_PX", "FEATURES", "WINDOW_CEPSTRA", "WINDOW_FRAMES", "SyncNet"]

FACE_PX = 224
"""A side of a picture of a face."""

WINDOW_FRAMES = 5
"""Frames that are looked at together, 0.2 s."""

WINDOW_CEPSTRA, CEPSTRA = 20, 13
"""Steps of sound, 0.01 s each, that are listened to together, and coefficients of each."""

FEATURES = 1024
"""Length of a vector."""


class SyncNet(nn.Module):
    """Both halves of the network. Construction downloads nothing; ``load_network`` gives it its weights."""

    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud = nn.Sequential(
            *_layer2d(1, 64),
            nn.MaxPool2d(1, 1),
            *_layer2d(64, 192),
            nn.MaxPool2d(3, (1, 2)),
            *_layer2d(192, 384),
            *_layer2d(384, 256),
            *_layer2d(256, 256),
            nn.MaxPool2d(3, 2),
            *_layer2d(256, 512, kernel=(5, 4), padding=0),
        )
        self.netfcaud = _head()
        self.netfclip = _head()
        self.netcnnlip = nn.Sequential(
            *_layer3d(3, 96, kernel=(WINDOW_FRAMES, 7, 7), stride=2),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_layer3d(96, 256, kernel=(1, 5, 5), stride=2, padding=1),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), padding=(0, 1, 1)),
            *_layer3d(256, 256, kernel=(1, 3, 3), padding=1),
            *_layer3d(256, 256, kernel=(1, 3, 3), padding=1),
            *_layer3d(256, 256, kernel=(1, 3, 3), padding=1),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_layer3d(256, 512, kernel=(1, 6, 6)),
        )

    def hear(self, cepstra: "Tensor") -> "Tensor":
        """Compute the vectors of windows of sound.

        Args:
            cepstra: float [N, 1, 13, 20], of :func:`mmvoxceleb.processing.scores.cepstra.cepstra`.

        Returns:
            float [N, 1024].
        """
        vectors: Tensor = self.netfcaud(self.netcnnaud(cepstra).flatten(1))
        return vectors

    def look(self, faces: "Tensor") -> "Tensor":
        """Compute the vectors of all windows of frames that follow one another.

        Only the first layer looks across time, so a frame is convolved once for each place that it has in a window,
        as in windows of their own, but is never copied.

        Args:
            faces: float [1, 3, T, 224, 224], BGR, 0 to 255, T at least 5.

        Returns:
            float [T - 4, 1024].
        """
        vectors: Tensor = self.netfclip(self.netcnnlip(faces)[0, :, :, 0, 0].T)
        return vectors


def _layer2d(
    inputs: int, outputs: int, kernel: int | tuple[int, int] = 3, padding: int = 1
) -> tuple[nn.Module, nn.Module, nn.Module]:
    return nn.Conv2d(inputs, outputs, kernel, padding=padding), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)


def _layer3d(
    inputs: int, outputs: int, kernel: tuple[int, int, int], stride: int = 1, padding: int = 0
) -> tuple[nn.Module, nn.Module, nn.Module]:
    convolution = nn.Conv3d(inputs, outputs, kernel, (1, stride, stride), (0, padding, padding))
    return convolution, nn.BatchNorm3d(outputs), nn.ReLU(inplace=True)


def _head() -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, FEATURES))

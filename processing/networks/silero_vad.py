"""Silero VAD, version 6.2, at 16 kHz: how likely somebody speaks, for each 32 ms.

Written from the layer shapes and keys of the published ``silero_vad.jit`` (MIT), which is not run.
"""

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["RATE", "WINDOW_SAMPLES", "SileroVad"]

RATE = 16_000
WINDOW_SAMPLES = 512
"""Samples that one probability is about."""

_CONTEXT_SAMPLES = 64
"""Samples before a window that it sees besides."""

_FFT, _HOP, _BINS = 256, 128, 129


class SileroVad(nn.Module):
    """Voice activity detector. Construction downloads nothing; ``load_network`` gives it its weights."""

    def __init__(self) -> None:
        super().__init__()
        self.stft = _Spectrum()
        self.encoder = nn.Sequential(_Layer(_BINS, 128), _Layer(128, 64, 2), _Layer(64, 64, 2), _Layer(64, 128))
        self.decoder = _Decoder()

    def forward(self, sound: "Tensor") -> "Tensor":
        """Compute the probabilities of a whole sound.

        Args:
            sound: float [N], 16 kHz, -1 to 1, N at least 1; followed by silence to a whole number of windows.

        Returns:
            float [ceil(N / 512)], 0 to 1.
        """
        padded = functional.pad(sound, (_CONTEXT_SAMPLES, -len(sound) % WINDOW_SAMPLES))
        windows = padded.unfold(0, _CONTEXT_SAMPLES + WINDOW_SAMPLES, WINDOW_SAMPLES)
        probabilities: Tensor = self.decoder(self.encoder(self.stft(windows))[..., 0])
        return probabilities


class _Spectrum(nn.Module):
    """Magnitudes of four short spectra of each window: [N, 576] to [N, 129, 4]."""

    forward_basis_buffer: "Tensor"

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("forward_basis_buffer", torch.zeros(2 * _BINS, 1, _FFT))

    def forward(self, windows: "Tensor") -> "Tensor":
        padded = functional.pad(windows[:, None], (0, _CONTEXT_SAMPLES), "reflect")
        parts = functional.conv1d(padded, self.forward_basis_buffer, stride=_HOP)
        return torch.hypot(parts[:, :_BINS], parts[:, _BINS:])


class _Layer(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.reparam_conv = nn.Conv1d(inputs, outputs, 3, stride, padding=1)

    def forward(self, features: "Tensor") -> "Tensor":
        return functional.relu(self.reparam_conv(features))


class _Decoder(nn.Module):
    """What was heard until then, and from it the probability: [N, 128] to [N]."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTMCell(128, 128)
        self.decoder = nn.Sequential(nn.Identity(), nn.ReLU(), nn.Conv1d(128, 1, 1), nn.Sigmoid())

    def forward(self, features: "Tensor") -> "Tensor":
        state: tuple[Tensor, Tensor] | None = None
        heard = []
        for step in features.split(1):
            state = self.rnn(step, state)
            heard.append(state[0])
        probabilities: Tensor = self.decoder(torch.cat(heard)[..., None]).flatten()
        return probabilities

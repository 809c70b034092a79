"""FaRL's attribute network: CLIP's ViT-B/16 with a head that mixes mean, maximum and class token.

Written from its description (facer ``farl/celeba/224``; Zheng et al., CVPR 2022; Radford et al. 2021), with the
parameter names of ``face_attribute.farl.celeba.pt``. The last block's output is used as it is: this checkpoint has
no final layer norm and no projection.
"""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812  torch's own name for it
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["FaRLAttributes"]

_LABELS, _WIDTH, _LAYERS, _HEADS, _PATCH_PX, _IMAGE_PX = 40, 768, 12, 12, 16, 224


class FaRLAttributes(nn.Module):
    """Aligned faces in, one logit for each attribute out."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = _Backbone()
        self.head = _Head()

    def forward(self, faces: "Tensor") -> "Tensor":
        """Compute logits.

        Args:
            faces: float [N, 3, 224, 224], RGB, normalised by CLIP's mean and deviation.

        Returns:
            float [N, 40]. Their sigmoid is the probability.
        """
        tokens = self.backbone(faces)
        logits: Tensor = self.head(self.head.mix(tokens))
        return logits


class _Backbone(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, _WIDTH, _PATCH_PX, _PATCH_PX, bias=False)
        self.class_embedding = nn.Parameter(torch.zeros(_WIDTH))
        self.positional_embedding = nn.Parameter(torch.zeros((_IMAGE_PX // _PATCH_PX) ** 2 + 1, _WIDTH))
        self.ln_pre = nn.LayerNorm(_WIDTH)
        self.transformer = nn.ModuleDict({"resblocks": nn.Sequential(*(_Block() for _ in range(_LAYERS)))})

    def forward(self, faces: "Tensor") -> "Tensor":
        """Return tokens [N, 1 + patches, width]: the class token, then the patches row by row."""
        patches = self.conv1(faces).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(faces), 1, -1)
        tokens = torch.cat([first, patches], dim=1) + self.positional_embedding
        result: Tensor = self.transformer["resblocks"](self.ln_pre(tokens))
        return result


class _Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attn = _Attention()
        self.ln_1 = nn.LayerNorm(_WIDTH)
        self.mlp = nn.ModuleDict({"c_fc": nn.Linear(_WIDTH, 4 * _WIDTH), "c_proj": nn.Linear(4 * _WIDTH, _WIDTH)})
        self.ln_2 = nn.LayerNorm(_WIDTH)

    def forward(self, tokens: "Tensor") -> "Tensor":
        tokens = tokens + self.attn(self.ln_1(tokens))
        hidden = self.mlp["c_fc"](self.ln_2(tokens))
        hidden = hidden * torch.sigmoid(1.702 * hidden)  # CLIP's quick GELU
        tokens = tokens + self.mlp["c_proj"](hidden)
        return tokens


class _Attention(nn.Module):
    """Self-attention with the parameter names of ``torch.nn.MultiheadAttention``."""

    def __init__(self) -> None:
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.zeros(3 * _WIDTH, _WIDTH))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * _WIDTH))
        self.out_proj = nn.Linear(_WIDTH, _WIDTH)

    def forward(self, tokens: "Tensor") -> "Tensor":
        count, length, width = tokens.shape
        projected = F.linear(tokens, self.in_proj_weight, self.in_proj_bias)
        q, k, v = projected.view(count, length, 3, _HEADS, width // _HEADS).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(count, length, width)
        result: Tensor = self.out_proj(mixed)
        return result


class _Head(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(1, 3, 1))
        self.norm_0 = nn.LayerNorm(_WIDTH)
        self.norm_1 = nn.LayerNorm(_WIDTH)
        self.norm_2 = nn.LayerNorm(_WIDTH)
        self.final_fc = nn.Linear(_WIDTH, _LABELS)

    def mix(self, tokens: "Tensor") -> "Tensor":
        """Reduce tokens [N, 1 + patches, width] to features [N, width]."""
        patches = tokens[:, 1:]
        views = (self.norm_0(patches.mean(1)), self.norm_1(patches.amax(1)), self.norm_2(tokens[:, 0]))
        return (torch.stack(views, 1) * self.weights.softmax(1)).sum(1)

    def forward(self, features: "Tensor") -> "Tensor":
        result: Tensor = self.final_fc(features)
        return result

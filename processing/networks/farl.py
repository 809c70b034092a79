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


class FaRLAttributes(nn.Module):
    """Aligned faces in, one logit for each attribute out. The defaults are the published network.

    Args:
        labels: Number of logits.
        width: Length of a token.
        layers: Number of transformer blocks.
        heads: Attention heads of a block.
        patch_px: Side of a patch.
        image_px: Side of the input.
    """

    def __init__(
        self,
        labels: int = 40,
        *,
        width: int = 768,
        layers: int = 12,
        heads: int = 12,
        patch_px: int = 16,
        image_px: int = 224,
    ) -> None:
        super().__init__()
        self.backbone = _Backbone(width, layers, heads, patch_px, image_px)
        self.head = _Head(labels, width)

    def forward(self, faces: "Tensor") -> "Tensor":
        """Compute logits.

        Args:
            faces: float [N, 3, image_px, image_px], RGB, normalised by CLIP's mean and deviation.

        Returns:
            float [N, labels]. Their sigmoid is the probability.
        """
        tokens = self.backbone(faces)
        logits: Tensor = self.head(self.head.mix(tokens))
        return logits


class _Backbone(nn.Module):
    def __init__(self, width: int, layers: int, heads: int, patch_px: int, image_px: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, patch_px, patch_px, bias=False)
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.positional_embedding = nn.Parameter(torch.zeros((image_px // patch_px) ** 2 + 1, width))
        self.ln_pre = nn.LayerNorm(width)
        self.transformer = nn.ModuleDict({"resblocks": nn.Sequential(*(_Block(width, heads) for _ in range(layers)))})

    def forward(self, faces: "Tensor") -> "Tensor":
        """Return tokens [N, 1 + patches, width]: the class token, then the patches row by row."""
        patches = self.conv1(faces).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(faces), 1, -1)
        tokens = torch.cat([first, patches], dim=1) + self.positional_embedding
        result: Tensor = self.transformer["resblocks"](self.ln_pre(tokens))
        return result


class _Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn = _Attention(width, heads)
        self.ln_1 = nn.LayerNorm(width)
        self.mlp = nn.ModuleDict({"c_fc": nn.Linear(width, 4 * width), "c_proj": nn.Linear(4 * width, width)})
        self.ln_2 = nn.LayerNorm(width)

    def forward(self, tokens: "Tensor") -> "Tensor":
        tokens = tokens + self.attn(self.ln_1(tokens))
        hidden = self.mlp["c_fc"](self.ln_2(tokens))
        hidden = hidden * torch.sigmoid(1.702 * hidden)  # CLIP's quick GELU
        tokens = tokens + self.mlp["c_proj"](hidden)
        return tokens


class _Attention(nn.Module):
    """Self-attention with the parameter names of ``torch.nn.MultiheadAttention``."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.zeros(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)

    def forward(self, tokens: "Tensor") -> "Tensor":
        count, length, width = tokens.shape
        projected = F.linear(tokens, self.in_proj_weight, self.in_proj_bias)
        q, k, v = projected.view(count, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(count, length, width)
        result: Tensor = self.out_proj(mixed)
        return result


class _Head(nn.Module):
    def __init__(self, labels: int, width: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(1, 3, 1))
        self.norm_0 = nn.LayerNorm(width)
        self.norm_1 = nn.LayerNorm(width)
        self.norm_2 = nn.LayerNorm(width)
        self.final_fc = nn.Linear(width, labels)

    def mix(self, tokens: "Tensor") -> "Tensor":
        """Reduce tokens [N, 1 + patches, width] to features [N, width]."""
        patches = tokens[:, 1:]
        views = (self.norm_0(patches.mean(1)), self.norm_1(patches.amax(1)), self.norm_2(tokens[:, 0]))
        return (torch.stack(views, 1) * self.weights.softmax(1)).sum(1)

    def forward(self, features: "Tensor") -> "Tensor":
        result: Tensor = self.final_fc(features)
        return result

"""The two-way transformer: tokens read the image, and the image reads the tokens.

Shape letters: B pictures, P prompts, T tokens, S = h w image cells, C channels. Image cells come
as (B, 1, S, C) while all prompts of a picture share them and become (B, P, S, C) after the first
layer.
Source: Segment Anything (Kirillov et al., 2023), section 3 and figure 14 (appendix A).
"""

from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from anymask.model.cross_attention import (
    Places,
    Projections,
    place_cells,
    project_cells,
    read_image,
    read_tokens,
)
from anymask.model.layers import Attention


class TwoWayTransformer(nn.Module):
    """A few two-way blocks and one last look of the tokens at the image."""

    def __init__(self, depth: int, dim: int, num_heads: int, mlp_width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TwoWayBlock(dim, num_heads, mlp_width, is_first=i == 0) for i in range(depth)
        )
        self.final_attn_token_to_image = Attention(dim, num_heads, downsample=2)
        self.norm_final_attn = nn.LayerNorm(dim)

    def place(self, image_pe: Tensor) -> tuple[Places, ...]:
        """Give what each layer, and the last look, makes of the cells' position code (S, C)."""
        looks = [place_cells(image_pe, *layer.looks()) for layer in self._blocks()]
        return (*looks, place_cells(image_pe, self.final_attn_token_to_image, None))

    def looks(self) -> list[Attention]:
        """Give every attention between tokens and image."""
        between = [look for layer in self._blocks() for look in layer.looks()]
        return [*between, self.final_attn_token_to_image]

    def _blocks(self) -> list["TwoWayBlock"]:
        return [cast("TwoWayBlock", layer) for layer in self.layers]

    def project(self, image: Tensor, places: tuple[Places, ...]) -> Projections:
        """Give the first layer's projections of cells (B, 1, S, C) that all prompts share."""
        return self._blocks()[0].project(image, places[0])

    def forward(
        self,
        tokens: Tensor,
        image: Tensor,
        places: tuple[Places, ...],
        bias: Tensor | None = None,
        projected: Projections | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Let tokens and image look at each other.

        Args:
            tokens: Output tokens and prompt tokens, (B, P, T, C); also their own position code.
            image: Image cells with the dense prompt added, (B, P or 1, S, C).
            places: Output of `place`.
            bias: Added to the tokens' attention over the image, (B, P, S), or None.
            projected: Output of `project` for these cells, if it is at hand.

        Returns:
            Tokens (B, P, T, C) and image cells (B, P, S, C).
        """
        token_pe = tokens
        if projected is None and image.shape[1] == 1:
            projected = self.project(image, places)
        for layer, place in zip(self.layers, places, strict=False):
            tokens, image = layer(tokens, image, token_pe, place, bias, projected)
            projected = None
        last = self.final_attn_token_to_image
        seen = read_image(last, tokens + token_pe, image, places[-1], bias)
        return self.norm_final_attn(tokens + seen), image


class TwoWayBlock(nn.Module):
    """One layer in four steps.

    1. Tokens attend to each other.
    2. Tokens attend to the image.
    3. Each token passes an MLP.
    4. The image attends to the tokens.

    In the first layer step 1 replaces the tokens, which are nothing but their position code yet.
    """

    def __init__(self, dim: int, num_heads: int, mlp_width: int, *, is_first: bool) -> None:
        super().__init__()
        self.is_first = is_first
        self.self_attn = Attention(dim, num_heads)
        self.norm1 = nn.LayerNorm(dim)
        self.cross_attn_token_to_image = Attention(dim, num_heads, downsample=2)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = TokenMlp(dim, mlp_width)
        self.norm3 = nn.LayerNorm(dim)
        self.cross_attn_image_to_token = Attention(dim, num_heads, downsample=2)
        self.norm4 = nn.LayerNorm(dim)

    def forward(
        self,
        tokens: Tensor,
        image: Tensor,
        token_pe: Tensor,
        place: Places,
        bias: Tensor | None,
        projected: Projections | None,
    ) -> tuple[Tensor, Tensor]:
        """Give tokens (B, P, T, C) and image cells (B, P, S, C) after this layer."""
        if self.is_first:
            tokens = self.self_attn(tokens, tokens, tokens)
        else:
            q = tokens + token_pe
            tokens = tokens + self.self_attn(q, q, tokens)
        tokens = self.norm1(tokens)

        look, look_back = self.looks()
        seen = read_image(look, tokens + token_pe, image, place, bias, projected)
        tokens = self.norm2(tokens + seen)

        tokens = self.norm3(tokens + self.mlp(tokens))

        k = tokens + token_pe
        image = self.norm4(read_tokens(look_back, image, (k, tokens), place, projected))
        return tokens, image

    def looks(self) -> tuple[Attention, Attention]:
        """Give the tokens' look at the image and the image's look back."""
        return self.cross_attn_token_to_image, self.cross_attn_image_to_token

    def project(self, image: Tensor, place: Places) -> Projections:
        """Project image cells (B, P or 1, S, C) for both looks."""
        return project_cells(image, place, *self.looks())


class TokenMlp(nn.Module):
    """Two linear layers with a ReLU between them."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.lin1 = nn.Linear(dim, hidden)
        self.lin2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Give the output for x of shape (..., C)."""
        return self.lin2(F.relu(self.lin1(x)))

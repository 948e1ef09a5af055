"""The two-way transformer: tokens read the image, and the image reads the tokens.

Shape letters: B pictures, P prompts, T tokens, S = h w image tokens, C channels. Image tokens come
as (B, 1, S, C) while all prompts of a picture share them and become (B, P, S, C) after the first
layer.
Source: Segment Anything (Kirillov et al., 2023), section 3 and figure 14 (appendix A).
"""

import torch.nn.functional as F
from torch import Tensor, nn

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

    def forward(
        self, tokens: Tensor, image: Tensor, image_pe: Tensor, bias: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Let tokens and image look at each other.

        Args:
            tokens: Output tokens and prompt tokens, (B, P, T, C); also their own position code.
            image: Image tokens with the dense prompt added, (B, P or 1, S, C).
            image_pe: Position code of the image tokens, (S, C).
            bias: Added to the tokens' attention over the image, (B, P, S), or None.

        Returns:
            Tokens (B, P, T, C) and image tokens (B, P, S, C).
        """
        token_pe = tokens
        for layer in self.layers:
            tokens, image = layer(tokens, image, token_pe, image_pe, bias)
        seen = self.final_attn_token_to_image(tokens + token_pe, image + image_pe, image, bias)
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
        self, tokens: Tensor, image: Tensor, token_pe: Tensor, image_pe: Tensor, bias: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Give tokens (B, P, T, C) and image tokens (B, P, S, C) after this layer."""
        if self.is_first:
            tokens = self.self_attn(tokens, tokens, tokens)
        else:
            q = tokens + token_pe
            tokens = tokens + self.self_attn(q, q, tokens)
        tokens = self.norm1(tokens)

        q, k = tokens + token_pe, image + image_pe
        tokens = self.norm2(tokens + self.cross_attn_token_to_image(q, k, image, bias))

        tokens = self.norm3(tokens + self.mlp(tokens))

        q = tokens + token_pe
        image = self.norm4(image + self.cross_attn_image_to_token(k, q, tokens))
        return tokens, image


class TokenMlp(nn.Module):
    """Two linear layers with a ReLU between them."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.lin1 = nn.Linear(dim, hidden)
        self.lin2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Give the output for x of shape (..., C)."""
        return self.lin2(F.relu(self.lin1(x)))

"""The masked autoencoder: a ViT learns to see from pictures alone, by drawing what it is not shown.

    picture → patches ─(a quarter)→ encoder blocks ─┐
                      └(the others)→ mask token ────┴→ small decoder → pixels of the hidden patches

The encoder is the image encoder's own patches, positions and blocks, so its weights move over name
by name. It sees the visible patches only, as one row in which every token attends to every other:
the windows and relative positions of the image encoder need a whole grid, are left out here as in
the paper, and join afterwards, relative positions at zero (ViTDet). The paper's class token is left
out too, as it found to make no difference.

Shape letters: B pictures, S = h w patches, V visible patches, C channels, D decoder channels.
Source: Masked Autoencoders Are Scalable Vision Learners (He et al., 2022), section 3 and appendix
A.1; ViTDet (Li et al., 2022), section 3; used for SAM (Kirillov et al., 2023), section 3.
"""

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from anymask.model.configs import MaskedAutoencoderConfig, VitConfig
from anymask.model.image_encoder import Block, PatchEmbed

SMALLEST_VARIANCE = 1e-6  # of a patch without any structure
SLOWEST_WAVE = 10_000.0


class MaskedAutoencoder(nn.Module):
    """Visible patches → tokens → all patches.

    Args:
        config: The transformer to be trained, and the decoder that is thrown away afterwards.

    Attributes:
        recompute: Whether training computes the inside of a block again for its gradient.
    """

    recompute = False

    def __init__(self, config: MaskedAutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        vit, grid = config.vit, config.input_size // config.vit.patch
        self.patch_embed = PatchEmbed(vit.patch, vit.width)
        self.pos_embed = fixed_positions(grid, vit.width)
        self.blocks = nn.ModuleList(Block(vit, window=None, grid=None) for _ in range(vit.depth))
        self.norm = nn.LayerNorm(vit.width, eps=1e-6)
        light = decoder_shapes(config)
        self.decoder_embed = nn.Linear(vit.width, light.width)
        self.mask_token = nn.Parameter(torch.zeros(light.width))
        self.decoder_pos_embed = fixed_positions(grid, light.width)
        self.decoder_blocks = nn.ModuleList(
            Block(light, window=None, grid=None) for _ in range(light.depth)
        )
        self.decoder_norm = nn.LayerNorm(light.width, eps=1e-6)
        self.decoder_pixels = nn.Linear(light.width, 3 * vit.patch**2)

    def encode(self, pixels: Tensor, visible: Tensor) -> Tensor:
        """Encode what can be seen.

        Args:
            pixels: Normalised pictures, (B, 3, H, W) of the configured side.
            visible: Indices of the visible patches, row by row, int64 (B, V).

        Returns:
            (B, V, C); nothing of a hidden patch is in it.
        """
        x = (self.patch_embed(pixels) + self.pos_embed).flatten(1, 2)  # (B, S, C)
        x = x.gather(1, visible[..., None].expand(-1, -1, x.shape[-1]))  # (B, V, C)
        return self.norm(self._through(self.blocks, x))

    def decode(self, latent: Tensor, visible: Tensor) -> Tensor:
        """Draw every patch.

        Args:
            latent: Output of `encode`, (B, V, C).
            visible: Indices of the visible patches, int64 (B, V).

        Returns:
            Normalised pixels of each patch, (B, S, patch patch 3).
        """
        positions = self.decoder_pos_embed.flatten(1, 2)  # (1, S, D)
        seen = self.decoder_embed(latent)  # (B, V, D)
        hidden = self.mask_token.to(seen.dtype).expand(len(seen), positions.shape[1], -1)
        x = hidden.scatter(1, visible[..., None].expand(-1, -1, seen.shape[-1]), seen)
        x = self._through(self.decoder_blocks, x + positions)  # (B, S, D)
        return self.decoder_pixels(self.decoder_norm(x))

    def forward(self, pixels: Tensor, visible: Tensor) -> Tensor:
        """Give all patches (B, S, patch patch 3) of pictures (B, 3, H, W) seen in part (B, V)."""
        return self.decode(self.encode(pixels, visible), visible)

    def _through(self, blocks: nn.ModuleList, x: Tensor) -> Tensor:
        recompute = self.recompute and self.training and torch.is_grad_enabled()
        x = x[:, None]  # (B, 1, tokens, C): a grid of one row
        for block in blocks:
            x = checkpoint(block, x, use_reentrant=False) if recompute else block(x)
        return x[:, 0]


def decoder_shapes(config: MaskedAutoencoderConfig) -> VitConfig:
    """Give the decoder's blocks as a transformer of their own."""
    return VitConfig(
        width=config.decoder_width,
        depth=config.decoder_depth,
        num_heads=config.decoder_heads,
        global_blocks=tuple(range(config.decoder_depth)),
        patch=config.vit.patch,
    )


def encoder_state(autoencoder: MaskedAutoencoder) -> dict[str, Tensor]:
    """Give the weights an image encoder of the same transformer begins with.

    Args:
        autoencoder: After pre-training.

    Returns:
        Patches, positions (1, h, w, C) and blocks under the names of the image encoder; its neck
        and its relative positions are not among them.
    """
    kept = ("patch_embed.", "pos_embed", "blocks.")
    state = autoencoder.state_dict()
    return {name: tensor for name, tensor in state.items() if name.startswith(kept)}


def cut_patches(pixels: Tensor, patch: int) -> Tensor:
    """Cut pictures (B, 3, H, W) into patches row by row, (B, S, patch patch 3)."""
    cells = pixels.unfold(2, patch, patch).unfold(3, patch, patch)  # (B, 3, h, w, p, p)
    return cells.permute(0, 2, 3, 4, 5, 1).flatten(3).flatten(1, 2)  # (B, S, p p 3)


def join_patches(patches: Tensor, patch: int, size_hw: tuple[int, int]) -> Tensor:
    """Undo `cut_patches`: (B, S, patch patch 3) → (B, 3, H, W)."""
    h, w = (side // patch for side in size_hw)
    cells = patches.unflatten(2, (patch, patch, 3)).unflatten(1, (h, w))  # (B, h, w, p, p, 3)
    return cells.permute(0, 5, 1, 3, 2, 4).reshape(len(patches), 3, *size_hw)


def normalise_patches(patches: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Give each patch mean 0 and variance 1, and the mean and deviation it had.

    Args:
        patches: (B, S, values).

    Returns:
        The patches, (B, S, values), their means and their deviations, (B, S, 1) each.

    Source:
        He et al. (2022), section 3, "Reconstruction target".
    """
    mean = patches.mean(-1, keepdim=True)
    deviation = (patches.var(-1, keepdim=True) + SMALLEST_VARIANCE).sqrt()
    return (patches - mean) / deviation, mean, deviation


def reconstruction_loss(drawn: Tensor, pixels: Tensor, visible: Tensor, patch: int) -> Tensor:
    """Give the mean squared error over the hidden patches; those in sight do not count.

    Args:
        drawn: Output of the autoencoder, (B, S, patch patch 3).
        pixels: The whole pictures, (B, 3, H, W).
        visible: Indices of the visible patches, int64 (B, V).
        patch: Side of a patch, pixels.

    Returns:
        Scalar; near 1 for a decoder that draws each patch in its mean colour.
    """
    wanted, _, _ = normalise_patches(cut_patches(pixels.float(), patch))
    error = (drawn.float() - wanted).square().mean(-1)  # (B, S)
    is_hidden = torch.ones_like(error).scatter(1, visible, 0.0)
    return (error * is_hidden).sum() / is_hidden.sum()


def fixed_positions(grid: int, width: int) -> nn.Parameter:
    """Give sines and cosines of row and column as a position table that does not learn.

    Args:
        grid: Side of the grid, tokens.
        width: Channels, a multiple of 4.

    Returns:
        (1, grid, grid, width).

    Source:
        He et al. (2022), appendix A.1: sine-cosine positions in encoder and decoder.
    """
    speed = SLOWEST_WAVE ** -(torch.arange(width // 4, dtype=torch.float64) / (width // 4))
    angle = torch.arange(grid, dtype=torch.float64)[:, None] * speed  # (grid, width/4)
    waves = torch.cat([angle.sin(), angle.cos()], 1).float()  # (grid, width/2)
    across = waves[None].expand(grid, -1, -1)
    down = waves[:, None].expand(-1, grid, -1)
    return nn.Parameter(torch.cat([across, down], 2)[None].contiguous(), requires_grad=False)

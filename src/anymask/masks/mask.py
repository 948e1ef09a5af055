"""What `predict` returns: one mask, and the candidates of a prompt together."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anymask.errors import ImageError, InputError, StateError
from anymask.masks import rle as run_lengths
from anymask.masks.boxes import IntBox, box_of
from anymask.masks.close_up import CloseUp, close_logits, close_mask
from anymask.masks.code import code_of
from anymask.masks.cutout import cut_out, softened
from anymask.masks.figure import candidates_figure
from anymask.masks.finding import Finding
from anymask.masks.label_layers import LabelMap, Policy, label_map
from anymask.masks.origin import Origin
from anymask.masks.overlay import Picture, draw
from anymask.masks.part_tree import PartTree, part_tree
from anymask.masks.plane import BoolMask
from anymask.masks.png import png_bytes, save_png
from anymask.masks.polygons import Ring, rings_of
from anymask.masks.resize import FloatArray, full_resolution_logits, full_resolution_mask
from anymask.masks.supervision import to_detections
from anymask.vocabulary import ImageFrame, Prompt

if TYPE_CHECKING:
    from supervision import Detections

# A notebook keeps what it shows inside its file.
_NOTEBOOK_SIDE_PX = 1024


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Mask:
    """One mask of a picture.

    Attributes:
        score: The model's own guess of the IoU with what was meant; may exceed 1 a little.
        low_res_logits: The model's answer, float32 (h, w), covering its padded square; None where
            the mask is given by `coded`.
        frame: Where the picture lies in that square.
        picture: The upright picture, uint8 RGB (H, W, 3), or None.
        alpha: The picture's own alpha, uint8 (H, W), or None.
        no_data: Where the picture holds no value, bool (H, W): there the mask is empty; or None.
        prompt: What was asked, or None.
        origin: How it was asked, for `Masks.code`; or None.
        coded: The mask itself, as everything mode gives it; None where the logits tell.
        finding: How everything mode found it, or None.
        close_up: What the model said about a window of the picture, where it looked twice: mask
            and `logits` show it finer than `low_res_logits` can tell; or None.
    """

    score: float
    frame: ImageFrame
    low_res_logits: FloatArray | None = None
    picture: Picture | None = None
    alpha: NDArray[np.uint8] | None = None
    no_data: BoolMask | None = None
    prompt: Prompt | None = None
    origin: Origin | None = None
    coded: run_lengths.RLE | None = None
    finding: Finding | None = None
    close_up: CloseUp | None = None

    def __post_init__(self) -> None:
        if (self.low_res_logits is None) == (self.coded is None):
            raise InputError(
                "a mask needs either low_res_logits or coded", hint="give one of the two"
            )
        if self.coded is not None:
            _check_code(self.coded, self.frame)
        elif self.low_res_logits is None or self.low_res_logits.size == 0:
            raise InputError("low_res_logits hold no pixels", hint="make one Mask of each plane")
        elif self.low_res_logits.ndim != 2:
            raise InputError(
                f"low_res_logits must have shape (h, w), got {self.low_res_logits.shape}",
                hint="make one Mask of each plane",
            )
        if self.picture is not None:
            _check_picture(self.picture, self.frame, "picture")

    def __repr__(self) -> str:
        height, width = self.frame.original_hw
        return f"Mask({width}×{height}, score={self.score:.3f})"

    @property
    def array(self) -> BoolMask:
        """The mask, bool (H, W), read-only.

        Made when first asked for, then kept; masks of everything mode, of which there are
        hundreds, are made anew each time.
        """
        if self.coded is None:
            return self._array
        mask = run_lengths.decode(self.coded)
        mask.flags.writeable = False
        return mask

    @cached_property
    def _array(self) -> BoolMask:
        if self.close_up is None:
            mask = full_resolution_mask(self._answer, self.frame)
        else:
            mask = close_mask(self.close_up, self.frame)
        if self.no_data is not None:
            mask &= ~self.no_data
        mask.flags.writeable = False
        return mask

    @property
    def logits(self) -> FloatArray:
        """The model's logits at the picture's size, float32 (H, W); made anew each time.

        A mask of everything mode has none: there they are 8 well inside, -8 well outside, and pass
        through 0 along the outline.
        """
        if self.coded is not None:
            return softened(self.array)
        if self.close_up is not None:
            return close_logits(self.close_up, self.frame)
        return full_resolution_logits(self._answer, self.frame)

    @property
    def _answer(self) -> FloatArray:
        if self.low_res_logits is None:
            raise StateError(
                "the mask was found in everything mode, which keeps no logits",
                hint="ask again with predict at its finding.point",
            )
        return self.low_res_logits

    @property
    def box(self) -> IntBox:
        """The tight box (x0, y0, x1, y1), pixels, x1 and y1 exclusive; zeros if empty."""
        if self.coded is None:
            return box_of(self.array)
        x, y, width, height = run_lengths.bbox(self.coded)
        return x, y, x + width, y + height

    @property
    def area(self) -> int:
        """The number of pixels."""
        if self.coded is not None:
            return run_lengths.area(self.coded)
        return int(np.count_nonzero(self.array))

    @property
    def rle(self) -> run_lengths.RLE:
        """The mask as a COCO run-length code."""
        return run_lengths.encode(self.array) if self.coded is None else self.coded

    def polygons(self, *, tolerance_px: float = 0.0) -> list[Ring]:
        """Trace the outlines: one ring for each part and each hole, see `rings_of`.

        Args:
            tolerance_px: How far a simplified outline may leave the exact one, pixels.

        Returns:
            Rings, int32 (N, 2), (x, y) of pixel corners; parts clockwise, holes the other way.

        Raises:
            InputError: If `tolerance_px` is negative.
        """
        return rings_of(self.array, tolerance_px=tolerance_px)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = True) -> None:
        """Write the mask as a PNG, 255 on the object and 0 elsewhere.

        Args:
            path: The file, ending in .png.
            overwrite: Whether a file of that name may be replaced.

        Raises:
            InputError: If the suffix promises another format; JPEG would change the values.
            OutputError: If the file cannot be written or may not be replaced.
        """
        save_png(self.array, path, overwrite=overwrite)

    def cutout(self, *, image: Picture | None = None, crop: bool = False) -> Image.Image:
        """Cut the object out: RGBA with a soft edge and no background colour at its rim.

        Args:
            image: The upright picture, uint8 RGB (H, W, 3), if the mask does not carry it.
            crop: Whether to keep only the box around the object.

        Returns:
            RGBA picture, straight alpha.

        Raises:
            StateError: If there is no picture.
            ImageError: If `image` has another size or type.
        """
        picture = _picture_of(self, image)
        return cut_out(picture, self.logits, self.alpha, crop=crop)

    def overlay(self, *, image: Picture | None = None) -> Image.Image:
        """Draw the mask over the picture, with the prompt and the score.

        Args:
            image: The upright picture, uint8 RGB (H, W, 3), if the mask does not carry it.

        Returns:
            RGB picture.

        Raises:
            StateError: If there is no picture.
            ImageError: If `image` has another size or type.
        """
        return draw(_picture_of(self, image), [self.array], self.prompt, [self.score])

    def _repr_png_(self) -> bytes | None:
        """Show the overlay in a notebook; without a picture the notebook shows the text form."""
        return None if self.picture is None else _notebook_png(self.overlay())


@dataclass(frozen=True, eq=False, repr=False)
class Masks(Sequence[Mask]):
    """Masks of one picture, mostly the candidates of one prompt; cannot be changed.

    Attributes:
        items: The masks, in the model's order.
        warnings: Things noticed about the prompt, one sentence each.
        size_hw: Size of the picture, pixels, where it must be known without a mask; else None.
    """

    items: tuple[Mask, ...] = ()
    warnings: tuple[str, ...] = ()
    size_hw: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Mask]:
        return iter(self.items)

    @overload
    def __getitem__(self, index: int) -> Mask: ...
    @overload
    def __getitem__(self, index: slice) -> "Masks": ...
    def __getitem__(self, index: int | slice) -> "Mask | Masks":
        if isinstance(index, slice):
            return Masks(self.items[index], self.warnings, self.size_hw)
        return self.items[index]

    def __repr__(self) -> str:
        return f"Masks({', '.join(map(repr, self.items))})"

    @property
    def scores(self) -> FloatArray:
        """One score a mask, float32 (M,)."""
        return np.array([mask.score for mask in self.items], dtype=np.float32)

    @property
    def low_res_logits(self) -> FloatArray:
        """The model's answers, float32 (M, h, w); (0, 0, 0) without masks.

        Raises:
            StateError: If they were found in everything mode, which keeps none.
        """
        planes = [mask._answer for mask in self.items]
        return np.stack(planes) if planes else np.zeros((0, 0, 0), dtype=np.float32)

    @property
    def arrays(self) -> BoolMask:
        """The masks, bool (M, H, W); (0, 0, 0) without masks."""
        planes = [mask.array for mask in self.items]
        return np.stack(planes) if planes else np.zeros((0, 0, 0), dtype=np.bool_)

    @property
    def best(self) -> Mask:
        """The mask of the highest score, the first one of equals.

        Raises:
            StateError: If there is no mask.
        """
        if not self.items:
            raise StateError("there is no mask to choose from", hint="check len(masks) first")
        return max(self.items, key=lambda mask: mask.score)

    @property
    def tree(self) -> PartTree:
        """Which mask is part of which; worked out anew each time."""
        return part_tree([mask.rle for mask in self.items])

    def label_map(self, policy: Policy = "smallest") -> LabelMap:
        """Give the masks as numbers of pixels; where they overlap, further layers lose none.

        Args:
            policy: Which mask lies on top: "smallest", "score" (the best) or "largest".

        Returns:
            The map: `labels` is its top layer, (H, W), a mask's number its place from 1.

        Raises:
            StateError: If there is no mask and nothing says the picture's size.
            InputError: If the policy is none of these.
        """
        size_hw = self.items[0].frame.original_hw if self.items else self.size_hw
        if size_hw is None:
            raise StateError("there is no mask and so no size", hint="check len(masks) first")
        scores = [mask.score for mask in self.items]
        return label_map([mask.rle for mask in self.items], scores, size_hw, policy)

    def overlay(self, *, image: Picture | None = None) -> Image.Image:
        """Draw all masks over the picture, each in its colour, with prompt and scores.

        Args:
            image: The upright picture, uint8 RGB (H, W, 3), if the masks do not carry it.

        Returns:
            RGB picture.

        Raises:
            StateError: If there is no picture.
            ImageError: If `image` has another size or type.
        """
        arrays = [mask.array for mask in self.items]
        scores = [mask.score for mask in self.items]
        return draw(self._picture(image), arrays, self._common_prompt(), scores)

    def code(self) -> str:
        """Write down how these masks were made: Python and a command line that give them again.

        Returns:
            A program; as comments below it, the command lines. Print it.

        Raises:
            StateError: If there is no mask, or it did not come from `predict`.
        """
        origin = self.items[0].origin if self.items else None
        if origin is None:
            raise StateError(
                "these masks do not know how they were made", hint="take them from model.predict"
            )
        return code_of(origin)

    def show(self, *, image: Picture | None = None) -> None:
        """Open a figure of all masks side by side, with scores, points as stars and the box.

        Args:
            image: The upright picture, uint8 RGB (H, W, 3), if the masks do not carry it.

        Raises:
            StateError: If there is no picture.
            ImageError: If `image` has another size or type.
            MissingExtra: If matplotlib is not installed.
        """
        candidates_figure(
            self._picture(image),
            [mask.array for mask in self.items],
            [mask.score for mask in self.items],
            [mask.prompt for mask in self.items],
        )
        from matplotlib import pyplot

        pyplot.show()

    def to_supervision(self, *, labels: Sequence[str] | None = None) -> "Detections":
        """Give the masks as detections of the package supervision.

        Args:
            labels: What each mask shows; without them every mask is an "object".

        Returns:
            Its `Detections` with mask, xyxy (tight boxes, pixels, right and bottom edge
            exclusive), confidence, class_id and data["class_name"].

        Raises:
            InputError: If there is not one label a mask.
            MissingExtra: If supervision is not installed.
        """
        return to_detections(self.arrays, [mask.score for mask in self.items], labels)

    def _repr_png_(self) -> bytes | None:
        """Show the overlay in a notebook; without a picture the notebook shows the text form."""
        has_picture = bool(self.items) and self.items[0].picture is not None
        return _notebook_png(self.overlay()) if has_picture else None

    def _picture(self, image: Picture | None) -> Picture:
        if self.items:
            return _picture_of(self.items[0], image)
        if image is None:
            raise StateError("there is no mask and no picture", hint="pass image=")
        return image

    def _common_prompt(self) -> Prompt | None:
        prompts = [mask.prompt for mask in self.items]
        return prompts[0] if prompts and all(prompt is prompts[0] for prompt in prompts) else None


def _check_code(coded: run_lengths.RLE, frame: ImageFrame) -> None:
    if tuple(coded["size"]) != frame.original_hw:
        height, width = coded["size"]
        expected_height, expected_width = frame.original_hw
        raise InputError(
            f"mask {width}×{height} for picture {expected_width}×{expected_height}",
            hint="make the mask for the picture's own size",
        )


def _picture_of(mask: Mask, image: Picture | None) -> Picture:
    if image is not None:
        return _check_picture(np.asarray(image), mask.frame, "image")
    if mask.picture is None:
        height, width = mask.frame.original_hw
        raise StateError(
            "the mask does not carry its picture",
            hint=f"pass image=, the upright RGB picture as uint8 ({height}, {width}, 3)",
        )
    return mask.picture


def _check_picture(picture: Picture, frame: ImageFrame, name: str) -> Picture:
    expected = (*frame.original_hw, 3)
    if picture.shape != expected or picture.dtype != np.uint8:
        raise ImageError(
            f"{name} must be uint8 of shape {expected}, got {picture.dtype} {picture.shape}",
            hint="pass the upright RGB picture the mask was made from",
        )
    return picture


def _notebook_png(overlay: Image.Image) -> bytes:
    overlay.thumbnail((_NOTEBOOK_SIDE_PX, _NOTEBOOK_SIDE_PX))
    return png_bytes(overlay)

"""The published generator of all masks of a picture: its options, its records."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from anymask.errors import ImageError, StateError
from anymask.everything.duplicates import suppress
from anymask.everything.generate import Found, find_all
from anymask.everything.grid import point_grid
from anymask.everything.select import last_pixels
from anymask.everything.settings import EverythingSettings
from anymask.image.picture import Picture
from anymask.masks import rle as run_lengths
from anymask.masks.run_sets import bounds
from anymask.masks.small_regions import clean_regions
from anymask.predict.encode import embed_batch
from anymask.segment_anything.models import SamModel
from anymask.segment_anything.predictor import SamPredictor
from anymask.weights.loaded import LoadedModel

OUTPUT_MODES = ("binary_mask", "uncompressed_rle", "coco_rle")


class MaskTable(Protocol):
    """Columns of equal length, one row a mask, as the published generator keeps them."""

    def __getitem__(self, name: str) -> Any: ...  # noqa: ANN401

    def filter(self, keep: Tensor) -> None:
        """Keep some rows in every column.

        Args:
            keep: Their numbers, (K,), in the order in which they are wanted.
        """


class SamAutomaticMaskGenerator:
    """Finds all masks of pictures.

    Everything but `predictor` is kept under the name of its argument and may be changed between
    two pictures; `point_grids` holds the grids of `points_per_side` too.

    Args:
        model: A model of `sam_model_registry`.
        points_per_side: Points along each side of the grid; None where `point_grids` are given.
        points_per_batch: Points answered at once.
        pred_iou_thresh: Masks whose predicted IoU is not above it are dropped; 0 drops none.
        stability_score_thresh: Masks whose stability score is below it are dropped; 0 drops none.
        stability_score_offset: How far the cutoff moves for the stability score, in logits.
        box_nms_thresh: Of masks of one crop whose boxes have a larger IoU only the best stays.
        crop_n_layers: How often the picture is cut into smaller crops, layer i into 2^i × 2^i.
        crop_nms_thresh: As `box_nms_thresh`, between crops; masks of smaller crops win.
        crop_overlap_ratio: How far crops overlap, as a share of the shorter side.
        crop_n_points_downscale_factor: Layer i has points_per_side / factor^i points a side.
        point_grids: Own points (x, y) in [0, 1], one array (N, 2) a layer.
        min_mask_region_area: Holes and islands smaller than this are filled and removed, pixels.
        output_mode: "binary_mask", "uncompressed_rle" or "coco_rle".

    Attributes:
        predictor: Holds the model.

    Raises:
        AssertionError: If not exactly one of `points_per_side` and `point_grids` is given, or the
            output mode is unknown.
        InputError: If `model` is not of this package.
    """

    def __init__(
        self,
        model: SamModel,
        points_per_side: int | None = 32,
        points_per_batch: int = 64,
        pred_iou_thresh: float = 0.88,
        stability_score_thresh: float = 0.95,
        stability_score_offset: float = 1.0,
        box_nms_thresh: float = 0.7,
        crop_n_layers: int = 0,
        crop_nms_thresh: float = 0.7,
        crop_overlap_ratio: float = 512 / 1500,
        crop_n_points_downscale_factor: int = 1,
        point_grids: Sequence[ArrayLike] | None = None,
        min_mask_region_area: int = 0,
        output_mode: str = "binary_mask",
    ) -> None:
        if (points_per_side is None) == (point_grids is None):
            raise AssertionError("Exactly one of points_per_side and point_grids must be given.")
        if output_mode not in OUTPUT_MODES:
            raise AssertionError(f"output_mode is {output_mode!r}; use {', '.join(OUTPUT_MODES)}.")
        if points_per_side is not None:
            factor = crop_n_points_downscale_factor
            sides = [int(points_per_side / factor**i) for i in range(crop_n_layers + 1)]
            point_grids = [point_grid(side) if side else np.zeros((0, 2)) for side in sides]
        self.point_grids: Sequence[ArrayLike] = point_grids or []
        self.predictor = SamPredictor(model)
        self.points_per_batch = points_per_batch
        self.pred_iou_thresh = pred_iou_thresh
        self.stability_score_thresh = stability_score_thresh
        self.stability_score_offset = stability_score_offset
        self.box_nms_thresh = box_nms_thresh
        self.crop_n_layers = crop_n_layers
        self.crop_nms_thresh = crop_nms_thresh
        self.crop_overlap_ratio = crop_overlap_ratio
        self.crop_n_points_downscale_factor = crop_n_points_downscale_factor
        self.min_mask_region_area = min_mask_region_area
        self.output_mode = output_mode

    @torch.no_grad()
    def generate(self, image: NDArray[np.uint8]) -> list[dict[str, Any]]:
        """Find all masks of a picture.

        Args:
            image: uint8, (H, W, 3), RGB.

        Returns:
            One record a mask: `segmentation` (bool (H, W), or a table with `size` and `counts`),
            `area` (pixels), `bbox` and `crop_box` (x, y, w, h; of a box the width is the distance
            of its outermost pixels, so one pixel has width 0), `predicted_iou`,
            `stability_score`, `point_coords` ([[x, y]]).

        Raises:
            AssertionError: If the picture has not three channels.
            ImageError: If it is not uint8.
            ConfigError: If an option cannot be used.
            StateError: If the model's `mask_threshold` is not 0.
        """
        found = self._find(image)
        self.predictor.reset_image()
        return [self._record(found, row) for row in found.selection.kept]

    def _find(self, image: NDArray[np.uint8]) -> Found:
        model = self.predictor.model
        if model.mask_threshold != 0:
            raise StateError(
                f"mask_threshold is {model.mask_threshold}, but masks are generated at 0",
                hint="set it back to 0.0, or prompt with SamPredictor",
            )
        image = np.asarray(image)
        if image.dtype != np.uint8 or image.ndim != 3:
            raise ImageError(
                f"image must be uint8 (H, W, 3), got {image.dtype} {image.shape}",
                hint="scale values to 0 to 255 and convert with astype(np.uint8)",
            )
        if image.shape[2] != 3:
            raise AssertionError(f"image must have three channels, got {image.shape}.")
        if model.image_format != "RGB":
            image = image[..., ::-1]
        loaded = loaded_of(model)
        (embedding,) = embed_batch(loaded, (Picture(pixels=np.ascontiguousarray(image)),))
        return find_all(loaded, embedding, self._settings())

    def _settings(self) -> EverythingSettings:
        num_layers = self.crop_n_layers + 1
        grids = [np.asarray(grid, np.float64).reshape(-1, 2) for grid in self.point_grids]
        return EverythingSettings(
            points_per_side=None,
            points_per_batch=self.points_per_batch,
            pred_iou_thresh=self.pred_iou_thresh,
            stability_score_thresh=self.stability_score_thresh,
            stability_score_offset=self.stability_score_offset,
            box_nms_thresh=self.box_nms_thresh,
            crop_n_layers=self.crop_n_layers,
            crop_nms_thresh=self.crop_nms_thresh,
            crop_overlap_ratio=self.crop_overlap_ratio,
            # Programs may hold more grids than they use.
            point_grids=tuple(
                tuple((x, y) for x, y in grid.tolist()) for grid in grids[:num_layers]
            ),
            min_mask_region_area=self.min_mask_region_area,
        )

    @staticmethod
    def postprocess_small_regions(mask_data: MaskTable, min_area: int, nms_thresh: float) -> Any:  # noqa: ANN401
        """Fill small holes and remove small islands, then drop what has become a duplicate.

        Args:
            mask_data: Changed in place; holds "rles" (tables with `size` and `counts`) and "boxes"
                (x0, y0, x1, y1, the last two those of the last pixels, (N, 4)).
            min_area: Regions with fewer pixels are small.
            nms_thresh: Of masks whose boxes have a larger IoU one stays, rather an unchanged one.

        Returns:
            `mask_data`.
        """
        codes, boxes, is_changed = mask_data["rles"], [], []
        if len(codes) == 0:
            return mask_data
        cleaned = []
        for code in codes:
            size_hw = int(code["size"][0]), int(code["size"][1])
            found = clean_regions(run_lengths.runs_of(code), size_hw, min_area)
            cleaned.append(found.counts)
            boxes.append(bounds(found.counts, size_hw))
            is_changed.append(found.is_changed)
        corners = last_pixels(np.array(boxes), np.zeros((len(boxes), 2), np.int64))
        scores = 1 - np.array(is_changed, np.float32)
        kept = suppress(corners, scores, nms_thresh).kept
        for place in kept[scores[kept] == 0].tolist():
            codes[place] = {"size": list(codes[place]["size"]), "counts": cleaned[place].tolist()}
            mask_data["boxes"][place] = torch.from_numpy(corners[place])
        mask_data.filter(torch.from_numpy(kept))
        return mask_data

    def _record(self, found: Found, number: int) -> dict[str, Any]:
        candidates, row = found.candidates, found.candidates.rows[number]
        text = found.selection.codes.get(number) or candidates.codes[number]
        size_hw, counts = candidates.size_hw, run_lengths.decompress(text)
        crop = np.array(candidates.crops[row["crop"]])
        box = last_pixels(np.array([bounds(counts, size_hw)]), crop[None, :2])[0]
        return {
            "segmentation": self._segmentation({"size": list(size_hw), "counts": text}),
            "area": int(counts[1::2].sum()),
            "bbox": _corner_and_sides(box),
            "predicted_iou": row["predicted_iou"].item(),
            "point_coords": [row["point"].tolist()],
            "stability_score": row["stability_score"].item(),
            "crop_box": _corner_and_sides(crop),
        }

    def _segmentation(self, code: run_lengths.RLE) -> NDArray[np.bool_] | dict[str, Any]:
        if self.output_mode == "binary_mask":
            return run_lengths.decode(code)
        if self.output_mode == "coco_rle":
            return {**code}
        return {"size": code["size"], "counts": run_lengths.runs_of(code).tolist()}


def _corner_and_sides(corners: NDArray[np.int64]) -> list[int]:
    x0, y0, x1, y1 = corners.tolist()
    return [x0, y0, x1 - x0, y1 - y0]


def loaded_of(model: SamModel) -> LoadedModel:
    """Give a published program's model as the rest of the package takes it.

    Args:
        model: The model; the network is shared.
    """
    return LoadedModel(
        sam=model.network,
        name=model.network.config.name,
        sha256="0" * 64,
        origin="a program's own model",
        device=model.device,
        dtype=torch.float32,
        metadata={},
    )

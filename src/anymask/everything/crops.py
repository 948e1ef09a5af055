"""The parts of a picture that are looked at each as a picture of its own."""

from math import ceil

from anymask.masks.boxes import IntBox


def crop_boxes(
    size_hw: tuple[int, int], num_layers: int, overlap_ratio: float
) -> tuple[list[IntBox], list[int]]:
    """Cut a picture into layers of overlapping crops.

    Args:
        size_hw: Size of the picture, pixels.
        num_layers: Layer i has 2^i × 2^i crops; layer 0, the whole picture, is always there.
        overlap_ratio: How far neighbours overlap in the first layer, as a share of the picture's
            shorter side; further layers halve it.

    Returns:
        Corners x0, y0, x1, y1 in pixels, right and bottom edge exclusive; and the layer of each.

    Source:
        Segment Anything (Kirillov et al., 2023), appendix B; the published generator.
    """
    height, width = size_hw
    boxes: list[IntBox] = [(0, 0, width, height)]
    layers = [0]
    for layer in range(1, num_layers + 1):
        per_side = 2**layer
        overlap = int(overlap_ratio * min(height, width) * (2 / per_side))
        columns, rows = _spans(width, per_side, overlap), _spans(height, per_side, overlap)
        boxes += [(x0, y0, x1, y1) for x0, x1 in columns for y0, y1 in rows]
        layers += [layer] * (len(columns) * len(rows))
    return boxes, layers


def _spans(length: int, parts: int, overlap: int) -> list[tuple[int, int]]:
    """Cut one side into equally long, overlapping spans."""
    span = ceil((overlap * (parts - 1) + length) / parts)
    starts = [int((span - overlap) * part) for part in range(parts)]
    return [(start, min(start + span, length)) for start in starts]

"""A picture full of nested things, and networks that answer clicks on it as if they were trained.

Random weights give noise, which every filter of everything mode drops or keeps alike. Here both
networks, the published one and ours, do all their work, and then their logits and scores are
replaced by those of a scene: what lies under a click, as a part, an object and what it stands on,
some sharp and some vague, with holes, crumbs and scores that miss a little.

Shape letters: K objects, P prompts, L side of the low resolution, S side of the model's square.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anymask.model.image_encoder import ImageFeatures
from anymask.model.mask_decoder import Looked, MaskPredictions
from anymask.model.prepared_image import PreparedImage
from anymask.model.prompt_encoder import PromptBatch
from anymask.model.sam import Sam

Box = tuple[int, int, int, int]
Floats = NDArray[np.float32]

PIXEL_MEAN = np.array([123.675, 116.28, 103.53])
PIXEL_STD = np.array([58.395, 57.12, 57.375])
CELL_PX = 4  # pixels of the model's square a low-resolution cell
SLOTS = 3
QUALITIES = (0.76, 0.98)
NUM_GROUNDS = 3
# Of the masks of nothing, how many are empty and how sure the network is of them.
EMPTY_SHARE, SURE = 0.02, np.float32(0.97)


@dataclass(kw_only=True)
class Scene:
    """Things on a picture; everything about them follows from the seed.

    Args:
        size_hw: Of the picture, pixels.
        crops: What is looked at, x0, y0, x1, y1; the whole picture if nothing is given.
        side: Of the model's square.
        num_objects: K.
        seed: Of shapes, qualities and of what each click adds.
        slopes: Logits a low-resolution cell of distance, least and most: soft outlines fail the
            stability test, sharp ones pass. Where things are few cells large they must be steeper.
    """

    size_hw: tuple[int, int]
    crops: Sequence[Box] = ()
    side: int = 1024
    num_objects: int = 160
    seed: int = 0
    slopes: tuple[float, float] = (2.5, 12.0)

    def __post_init__(self) -> None:
        height, width = self.size_hw
        self.crops = [(int(x0), int(y0), int(x1), int(y1)) for x0, y0, x1, y1 in self.crops] or [
            (0, 0, width, height)
        ]
        rng, count = np.random.default_rng(self.seed), self.num_objects
        longer = max(self.size_hw)
        self._radii = longer * np.exp(rng.uniform(np.log(0.016), np.log(0.23), count))
        self._radii[:NUM_GROUNDS] = longer * rng.uniform(0.23, 0.35, NUM_GROUNDS)
        self._centres = rng.uniform(0, 1, (count, 2)) * np.array([width, height])
        self._turns = rng.uniform(0, 2 * np.pi, (count, 4))
        self._lobes = rng.uniform(0, 0.09, (count, 3))
        self._widths = rng.uniform(0.5, 1, count)
        soft, steep = self.slopes
        self._slopes = soft * (steep / soft) ** rng.uniform(0, 1, count)
        self._qualities = rng.uniform(*QUALITIES, count)
        # Small discs near the outline: taken out of every second thing, added to every third.
        self._spots = self._centres[:, None] + self._radii[:, None, None] * rng.normal(
            0, 0.6, (count, 2, 2)
        )
        self._spot_radii = longer * rng.uniform(0.002, 0.012, (count, 2))
        low = self.side // CELL_PX
        self._drawings: dict[int, Floats] = {}
        self._sizes: dict[int, NDArray[np.int64]] = {}
        self._coarse = _fields(rng, 6, low // 11 + 2, low)
        self._fine = _fields(rng, 4, low // 3 + 2, low)

    def picture(self) -> NDArray[np.uint8]:
        """Give a picture whose colours tell the place, uint8 (H, W, 3)."""
        height, width = self.size_hw
        red = np.broadcast_to(255 * (np.arange(width) + 0.5) / width, (height, width))
        green = np.broadcast_to(255 * (np.arange(height)[:, None] + 0.5) / height, (height, width))
        blue = np.random.default_rng(self.seed).uniform(0, 255, (height, width))
        return np.stack([red, green, blue], -1).astype(np.uint8)

    def crop_of(self, pixels: Tensor) -> int:
        """Say which crop the encoder was given, normalised (3, S, S)."""
        colours = pixels[:2].numpy() * PIXEL_STD[:2, None, None] + PIXEL_MEAN[:2, None, None]
        return int(np.argmin([self._misfit(colours, crop) for crop in self.crops]))

    def answer(self, crop: int, xy: NDArray[np.float64]) -> tuple[Floats, Floats]:
        """Answer clicks.

        Args:
            crop: Its number.
            xy: In pixels of the model's square, (P, 2).

        Returns:
            Logits (P, 3, L, L) and scores (P, 3).
        """
        return self.logits(crop, xy), self.scores(crop, xy)

    def scores(self, crop: int, xy: NDArray[np.float64]) -> Floats:
        """Give the scores alone, (P, 3)."""
        found = np.empty((len(xy), SLOTS), np.float32)
        for row, place in enumerate(xy):
            under, rng = self._under(crop, place)
            for slot in range(SLOTS):
                miss, vague, chance = rng.normal(0, 0.02), rng.uniform(0.3, 0.87), rng.uniform()
                if slot < len(under):
                    found[row, slot] = min(self._qualities[under[slot]] + miss, 1.0)
                else:
                    found[row, slot] = SURE if chance < EMPTY_SHARE else vague
        return found

    def logits(self, crop: int, xy: NDArray[np.float64]) -> Floats:
        """Give the logits alone, (P, 3, L, L)."""
        planes, low = self._drawn(crop), self.side // CELL_PX
        found = np.empty((len(xy), SLOTS, low, low), np.float32)
        scores = self.scores(crop, xy)
        for row, place in enumerate(xy):
            under, rng = self._under(crop, place)
            for slot in range(SLOTS):
                fine = self._fine[rng.integers(len(self._fine))]
                coarse = self._coarse[rng.integers(len(self._coarse))]
                if slot < len(under):
                    found[row, slot] = np.clip(planes[under[slot]] + 0.3 * fine, -30, 25)
                elif scores[row, slot] == SURE:
                    found[row, slot] = -9  # sure, and of nothing
                else:
                    found[row, slot] = 4 * coarse + 2 * fine - 1.5
        return found

    def _under(self, crop: int, xy: NDArray[np.float64]) -> tuple[Any, np.random.Generator]:
        """Give the smallest things under a click, and a generator of its own."""
        planes, low = self._drawn(crop), self.side // CELL_PX
        # Whole 64ths: one package hands points on in double, the other in single precision.
        x, y = (round(64 * float(part)) for part in xy)
        j, i = (min(max(part // (64 * CELL_PX), 0), low - 1) for part in (x, y))
        under = np.flatnonzero(planes[:, i, j] > 0)
        under = under[np.argsort(self._sizes[crop][under], kind="stable")][:SLOTS]
        rng = np.random.default_rng((self.seed, crop, x % 2**32, y % 2**32))
        return under, rng

    def draw_all(self) -> None:
        """Draw every crop's things now rather than at the first click."""
        for crop in range(len(self.crops)):
            self._drawn(crop)

    def _drawn(self, crop: int) -> Floats:
        if crop not in self._drawings:
            (x0, y0, x1, y1), low = self.crops[crop], self.side // CELL_PX
            step = max(x1 - x0, y1 - y0) / low  # picture pixels a cell
            places = (np.arange(low) + 0.5) * step
            x, y = x0 + places[None], y0 + places[:, None]
            planes = np.empty((self.num_objects, low, low), np.float32)
            for one in range(self.num_objects):
                rough = 0.35 * self._fine[one % len(self._fine)]
                cells = self._distance(one, x, y) / step
                planes[one] = self._slopes[one] * (cells + rough)
            self._drawings[crop] = planes
            self._sizes[crop] = (planes > 0).sum((1, 2))
        return self._drawings[crop]

    def _distance(self, one: int, x: NDArray[np.floating], y: NDArray[np.floating]) -> Floats:
        """Give about how far inside a thing places are, picture pixels; negative outside."""
        dx, dy = x - self._centres[one, 0], y - self._centres[one, 1]
        turn, *phases = self._turns[one]
        u = dx * np.cos(turn) + dy * np.sin(turn)
        v = (dy * np.cos(turn) - dx * np.sin(turn)) / self._widths[one]
        angle, outline = np.arctan2(v, u), np.ones(1)
        for lobes, size, phase in zip((2, 3, 5), self._lobes[one], phases, strict=True):
            outline = outline + size * np.cos(lobes * angle + phase)
        inside = self._radii[one] * outline - np.hypot(u, v)
        for (spot_x, spot_y), radius in zip(self._spots[one], self._spot_radii[one], strict=True):
            spot = np.hypot(x - spot_x, y - spot_y) - radius
            if one % 2 == 0:
                inside = np.minimum(inside, spot)
            elif one % 3 == 0:
                inside = np.maximum(inside, -spot)
        return np.asarray(inside, np.float32)

    def _misfit(self, colours: NDArray[np.float64], crop: Box) -> float:
        (x0, y0, x1, y1), (height, width) = crop, self.size_hw
        scale = self.side / max(x1 - x0, y1 - y0)
        h, w = max(int((y1 - y0) * scale + 0.5), 1), max(int((x1 - x0) * scale + 0.5), 1)
        x = x0 + (np.arange(w) + 0.5) * (x1 - x0) / w
        y = y0 + (np.arange(h) + 0.5) * (y1 - y0) / h
        red = np.abs(colours[0, h // 2, :w] - 255 * x / width).mean()
        green = np.abs(colours[1, :h, w // 2] - 255 * y / height).mean()
        return float(red + green)


def _fields(rng: np.random.Generator, count: int, grid: int, side: int) -> Floats:
    """Give smooth random fields of about unit height, (count, side, side)."""
    coarse = rng.normal(size=(count, grid, grid)).astype(np.float32)
    return np.stack(
        [cv2.resize(one, (side, side), interpolation=cv2.INTER_CUBIC) for one in coarse]
    )


def answer_published(network: Any, scene: Scene, *, does_work: bool = True) -> None:
    """Let a published network answer with the scene after it has done its work.

    Args:
        network: The network; its parts are hooked.
        scene: What it answers with.
        does_work: Whether its own mask decoder runs before it is overruled.
    """
    encode, read = network.image_encoder.forward, network.prompt_encoder.forward
    decode = network.mask_decoder.forward
    asked: list[Tensor] = []

    def encode_marked(pixels: Tensor) -> Tensor:
        return _marked(encode(pixels), pixels, scene)

    def read_and_note(points: Any, boxes: Any, masks: Any) -> Any:
        asked[:] = [points[0][:, 0]]
        return read(points=points, boxes=boxes, masks=masks)

    def decode_scene(*, image_embeddings: Tensor, **rest: Any) -> tuple[Tensor, Tensor]:
        if does_work:
            decode(image_embeddings=image_embeddings, **rest)
        crop = int(image_embeddings[0, 0, 0, 0])
        logits, scores = scene.answer(crop, asked[0].double().numpy())
        return torch.from_numpy(logits), torch.from_numpy(scores)

    network.image_encoder.forward = encode_marked
    network.prompt_encoder.forward = read_and_note
    network.mask_decoder.forward = decode_scene


def answer_ours(network: Sam, scene: Scene, *, does_work: bool = True) -> None:
    """Let our network answer with the scene after it has done its work.

    Args:
        network: The network; its parts are hooked.
        scene: What it answers with.
        does_work: Whether its own mask decoder runs before it is overruled.
    """
    encode, look, draw = network.encode, network._look, network.mask_decoder.draw
    asked: list[tuple[int, float, float]] = []

    def encode_marked(pixels: Tensor) -> ImageFeatures:
        features = encode(pixels)
        return ImageFeatures(_marked(features.embedding, pixels, scene), features.high_res)

    def look_at_scene(
        features: ImageFeatures, prompts: PromptBatch, prepared: PreparedImage
    ) -> Looked:
        xy = prompts.points[0, :, 0].double().numpy()
        if does_work:
            looked = look(features, prompts, prepared)
        else:
            nothing = torch.zeros(1, len(xy), 1, 1)
            looked = Looked(nothing, nothing, None, (1, 1), None, None)
        crop = int(features.embedding[0, 0, 0, 0])
        scores = scene.scores(crop, xy)
        first = len(asked)
        asked.extend((crop, x, y) for x, y in xy.tolist())
        # The places are read by no published head: here they say which click it is.
        numbers = torch.arange(first, len(asked))[None, :, None].expand(1, -1, 2)
        iou = torch.cat([torch.zeros(len(xy), 1), torch.from_numpy(scores)], 1)[None]
        return looked._replace(iou=iou, places=numbers)

    def draw_scene(looked: Looked, prepared: PreparedImage, masks: slice) -> MaskPredictions:
        if does_work:
            draw(looked, prepared, masks)
        assert looked.places is not None
        assert looked.iou is not None
        numbers, low = looked.places[0, :, 0].tolist(), scene.side // CELL_PX
        planes = np.zeros((1, len(numbers), 1 + SLOTS, low, low), np.float32)
        for row, number in enumerate(numbers):
            crop, x, y = asked[number]
            planes[0, row, 1:] = scene.logits(crop, np.array([[x, y]]))[0]
        return MaskPredictions(torch.from_numpy(planes[:, :, masks]), looked.iou[:, :, masks])

    network.encode = encode_marked  # type: ignore[method-assign]
    network._look = look_at_scene  # type: ignore[method-assign]
    network.mask_decoder.draw = draw_scene  # type: ignore[method-assign]


def _marked(embedding: Tensor, pixels: Tensor, scene: Scene) -> Tensor:
    """Write into each picture's embedding which crop it is of."""
    marked = embedding.clone()
    for picture, one in zip(pixels, marked, strict=True):
        one[0, 0, 0] = scene.crop_of(picture)
    return marked

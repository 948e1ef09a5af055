"""Everything mode as it goes: candidates batch by batch, and the end of it when nobody listens."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anymask.everything.candidate_masks import CandidateMasks
from anymask.everything.candidates import ROW, Candidates, Floors, Rows
from anymask.everything.kept import PictureOf
from anymask.everything.overrides import with_options
from anymask.everything.presets import preset_for
from anymask.everything.propose import propose
from anymask.everything.select import last_pixels
from anymask.everything.settings import EverythingSettings
from anymask.predict.embedding import ImageEmbedding
from anymask.weights.loaded import LoadedModel

# Of candidates that can never be shown before somebody lowers the thresholds a lot, or that lie
# where a better one was sent, only the numbers go at once.
_FLOOR_SHARE: Final = 0.5
_SAME_BOX_IOU: Final = 0.9
# What a row with its numbers and codes takes in memory, beside the code's letters.
_BYTES_A_ROW: Final = 120

_SCORES: Final = ("predicted_iou", "stability_score")

Line = dict[str, Any]


class Telling:
    """Turns candidates into lines for the page.

    Args:
        settings: What the candidates are measured against at first.
    """

    def __init__(self, settings: EverythingSettings) -> None:
        self._least_iou = _FLOOR_SHARE * settings.pred_iou_thresh
        self._least_stability = _FLOOR_SHARE * settings.stability_score_thresh
        self._num_told = 0
        self._boxes: NDArray[np.int64] = np.zeros((0, 4), np.int64)
        self._scores: NDArray[np.float32] = np.zeros(0, np.float32)

    def tell(self, rows: Rows, codes: Sequence[str]) -> tuple[list[list[float]], dict[str, str]]:
        """Give the rows of new candidates, and the codes of those worth showing.

        Args:
            rows: What is new, of dtype `ROW`, (K,).
            codes: Their run lengths.

        Returns:
            Rows [number, predicted IoU, stability score, x0, y0, x1, y1, area, x and y of the
            point, slot], and run lengths by number.
        """
        first, self._num_told = self._num_told, self._num_told + len(rows)
        told = [[first + place, *_plain(row)] for place, row in enumerate(rows)]
        chosen = {}
        for place in np.argsort(-rows["predicted_iou"], kind="stable").tolist():
            if self._is_worth(rows[place : place + 1]):
                chosen[place] = codes[place]
        return told, {str(first + place): chosen[place] for place in sorted(chosen)}

    def _is_worth(self, row: Rows) -> bool:
        iou, stability = row["predicted_iou"][0], row["stability_score"][0]
        if not (iou >= self._least_iou and stability >= self._least_stability):
            return False
        box = last_pixels(row["box"], np.zeros((1, 2), np.int64))
        is_better = self._scores >= iou
        if (_box_iou(box[0], self._boxes[is_better]) > _SAME_BOX_IOU).any():
            return False
        self._boxes = np.concatenate([self._boxes, box])
        self._scores = np.append(self._scores, iou)
        return True


class EverythingRun:
    """One run of everything mode over a picture, to be worked off beside the event loop.

    Args:
        loaded: The model.
        embedding: The picture.
        points_per_side: Points along each side of the grid.
    """

    def __init__(
        self, loaded: LoadedModel, embedding: ImageEmbedding, points_per_side: int
    ) -> None:
        self._loaded, self._embedding = loaded, embedding
        self.settings = with_options(
            preset_for(loaded, "default"), {"points_per_side": points_per_side}
        )
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[Line] = asyncio.Queue()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._rows: list[Rows] = []
        self._codes: list[str] = []
        self._num_done = 0

    @property
    def num_points(self) -> int:
        """How many points are asked about."""
        return (self.settings.points_per_side or 0) ** 2

    @property
    def is_whole(self) -> bool:
        """Whether all of them were."""
        return self._num_done >= self.num_points

    @property
    def num_bytes(self) -> int:
        """What was found takes in memory, about."""
        with self._lock:
            return sum(_BYTES_A_ROW + len(code) for code in self._codes)

    def stop(self) -> None:
        """End it with the batch that is being worked on."""
        self._stop.set()

    def found(self) -> CandidateMasks:
        """Give what was found so far, as `Model.candidates` gives it: to choose from and ask."""
        with self._lock:
            rows, codes = [*self._rows], tuple(self._codes)
            num_done = self._num_done
        embedding, loaded = self._embedding, self._loaded
        height, width = embedding.frame.original_hw
        candidates = Candidates(
            size_hw=(height, width),
            rows=np.concatenate(rows) if rows else np.zeros(0, ROW),
            codes=codes,
            crops=((0, 0, width, height),),
            settings=self.settings,
            floors=Floors(),
            num_prompts=num_done,
            left_out={},
        )
        return CandidateMasks(
            candidates=candidates,
            settings=self.settings,
            picture_of=PictureOf(
                name=embedding.picture_name,
                sha256=embedding.picture_sha256,
                model=f"{loaded.name}, {loaded.origin}",
                model_sha256=loaded.sha256,
            ),
            picture=embedding.picture,
            frame=embedding.frame,
        )

    def work(self) -> None:
        """Do it: for a thread of its own."""
        telling, began = Telling(self.settings), time.perf_counter()
        new: Line = {"rows": [], "codes": {}}

        def on_found(rows: Rows, codes: Sequence[str]) -> None:
            with self._lock:
                self._rows.append(rows)
                self._codes += codes
            new["rows"], new["codes"] = telling.tell(rows, codes)

        def on_progress(done: int, total: int) -> None:
            self._num_done = done
            seconds = (time.perf_counter() - began) * (total - done) / max(done, 1)
            self._put({"done": done, "total": total, "seconds_left": round(seconds, 2), **new})
            new.update(rows=[], codes={})

        propose(
            self._loaded,
            self._embedding,
            self.settings,
            floors=Floors(),
            on_found=on_found,
            on_progress=on_progress,
            should_stop=self._stop.is_set,
        )

    async def lines(self, job: asyncio.Future[None]) -> AsyncIterator[Line]:
        """Give what is found as it is found, and at the end how it went.

        Args:
            job: Does `work`.

        Yields:
            The lines of the answer.
        """
        while not (job.done() and self._lines.empty()):
            waiting = asyncio.ensure_future(self._lines.get())
            either: tuple[asyncio.Future[Any], ...] = (waiting, job)
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                yield waiting.result()
            else:
                waiting.cancel()
        await job
        num_found = len(self._codes)
        yield {"finished": True, "cancelled": not self.is_whole, "num_candidates": num_found}

    def _put(self, line: Line) -> None:
        if not self._stop.is_set():
            self._loop.call_soon_threadsafe(self._lines.put_nowait, line)


def _plain(row: np.void) -> list[float]:
    """Give a row's numbers as JSON has them; what is no number counts as 0, which it is below."""
    iou, stability = (float(np.nan_to_num(row[name])) for name in _SCORES)
    box, point = row["box"].tolist(), row["point"].tolist()
    return [iou, stability, *box, int(row["area"]), *point, int(row["slot"])]


def _box_iou(box: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give the overlap of a box with others, as suppression measures it, float64 (N,)."""
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[2:], others[:, 2:])
    shared = np.clip(high - low, 0, None).prod(1)
    areas = (others[:, 2:] - others[:, :2]).prod(1) + (box[2:] - box[:2]).prod()
    return np.asarray(shared / np.maximum(areas - shared, 1), np.float64)

"""What zooming, flipping and asking again are worth, and what they cost, on held-back pictures.

Every mask is asked about with a click, with three clicks and with its box, each with every kind of
care, as `Model.predict` does it: the three clicks take care at every step. Differences are paired,
mask by mask; their intervals are from resampling pictures.
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from record import processor, write_record

import anymask
from anymask.data.clicks import centre_click, tight_box
from anymask.data.shards import find_shards, read_shards
from anymask.data.splits import is_validation
from anymask.evaluate.compare import compare
from anymask.evaluate.run import Row
from anymask.evaluate.selection import Question, choose_questions
from anymask.evaluate.tasks.prompts import corrected
from anymask.image.read import read_picture
from anymask.masks.mask import Masks
from anymask.masks.overlap import iou
from anymask.predict.care import AS_USUAL, PLAIN, Care
from anymask.predict.careful import predict_with_care
from anymask.predict.encode import embed_pictures
from anymask.predict.kept_views import KeptViews
from anymask.vocabulary import Prompt
from anymask.weights.loaded import LoadedModel

CARES = MappingProxyType(
    {
        "plain": PLAIN,
        "zoom": replace(PLAIN, zoom=True),
        "flip": replace(PLAIN, flip=True),
        "zoom and flip": replace(PLAIN, zoom=True, flip=True),
        "connected": replace(PLAIN, connected=True),
        "snug": replace(PLAIN, snug=True),
        "refine once": replace(PLAIN, refine=1),
        "usual": AS_USUAL,
    }
)
FIGURES = MappingProxyType(
    {"click": "one click", "oracle": "best of 3", "clicks_3": "3 clicks", "box": "box"}
)
# So many masks are asked anew for every question, nothing kept, to tell the time.
TIMED = 48


def main() -> None:
    """Measure and write the results file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of train archives")
    parser.add_argument("--model", help="weights; the default model if left out")
    parser.add_argument("--pictures", type=int, default=4, help="most pictures a set")
    parser.add_argument("--masks", type=int, default=3, help="most masks a picture")
    flags = parser.parse_args()
    torch.set_num_threads(1)
    loaded = anymask.load(flags.model).loaded
    held_back = (p for p in read_shards(find_shards(flags.data)) if is_validation(f"{p.name}.jpg"))
    questions = choose_questions(held_back, flags.pictures, flags.masks, 0)
    rows, seconds = measure(loaded, questions)
    words = f"--data {flags.data.name} --pictures {flags.pictures} --masks {flags.masks}"
    words += "" if flags.model is None else f" --model {Path(flags.model).name}"
    path = write_record(
        "care",
        f"python benchmarks/care.py {words}",
        f"{processor()}, 1 thread, CPU time",
        model={"name": loaded.name, "sha256": loaded.sha256},
        milliseconds=_in_ms(seconds),
        tables={"care": table(rows, seconds)},
        rows={name: [_rounded(row) for row in group] for name, group in rows.items()},
    )
    print(f"wrote {path}")


def measure(
    loaded: LoadedModel, questions: Mapping[str, Sequence[Question]]
) -> tuple[dict[str, list[Row]], dict[str, dict[str, list[float]]]]:
    """Ask about every mask with every care.

    Args:
        loaded: The model.
        questions: Pictures and masks by set name.

    Returns:
        By name of the care: one row a mask; and by question the seconds of each timed answer.
    """
    rows: dict[str, list[Row]] = {name: [] for name in CARES}
    seconds: dict[str, dict[str, list[float]]] = {name: {} for name in CARES}
    for set_name, group in questions.items():
        for question in group:
            picture = read_picture(question.picture.encoded)
            (embedding,) = embed_pictures(loaded, [picture])
            for index in question.indices:
                truth = question.picture.mask(index)
                is_timed = len(rows["plain"]) < TIMED
                for name, care in CARES.items():
                    asked = Asking(loaded, embedding, care, is_fresh=is_timed)
                    figures = asked.figures(truth)
                    about: Row = {
                        "set": set_name,
                        "picture": question.picture.name,
                        "mask": float(index),
                        "area_share": float(truth.mean()),
                    }
                    rows[name].append({**about, **figures})
                    if is_timed:
                        for what, spent in asked.seconds.items():
                            seconds[name].setdefault(what, []).append(spent)
    return rows, seconds


class Asking:
    """One mask asked about with one care; notes the CPU time of each question.

    Args:
        loaded: The model.
        embedding: The picture.
        care: How much trouble is taken.
        is_fresh: Whether every question begins with nothing kept from former ones.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        embedding: anymask.ImageEmbedding,
        care: Care,
        *,
        is_fresh: bool,
    ) -> None:
        self._loaded = loaded
        self._embedding = embedding
        self._care = care
        self._is_fresh = is_fresh
        self.seconds: dict[str, float] = {}

    def figures(self, truth: Any) -> dict[str, float]:  # noqa: ANN401 - bool (H, W)
        """Give the IoU of every answer about an object."""
        self._begin()
        prompt = Prompt(points=(centre_click(truth),), labels=(1,))
        answer = self._ask("click", prompt, multimask=True)
        overlaps = [iou(mask.array, truth) for mask in answer]
        found = {"click": overlaps[int(answer.scores.argmax())], "oracle": max(overlaps)}
        for _ in range(2):
            prompt = corrected(prompt, answer, truth)
            answer = self._ask("clicks_3", prompt, multimask=False)
        found["clicks_3"] = iou(answer.best.array, truth)
        self._begin()
        boxed = self._ask("box", Prompt(box=tight_box(truth)), multimask=False)
        return found | {"box": iou(boxed.best.array, truth)}

    def _begin(self) -> None:
        if self._is_fresh:
            self._embedding = replace(self._embedding, views=KeptViews())

    def _ask(self, what: str, prompt: Prompt, *, multimask: bool) -> Masks:
        began = time.process_time()
        (answer,) = predict_with_care(
            self._loaded, self._embedding, [prompt], multimask=multimask, care=self._care
        )
        self.seconds[what] = time.process_time() - began
        return answer


def table(
    rows: Mapping[str, Sequence[Row]], seconds: Mapping[str, Mapping[str, Sequence[float]]]
) -> dict[str, Any]:
    """Give the table: a row for each question and care, with what it changes and costs.

    Args:
        rows: By name of the care, `plain` among them.
        seconds: Likewise, by question.
    """
    lines = []
    for figure, title in FIGURES.items():
        for name in CARES:
            change = compare(rows["plain"], rows[name])["figures"][figure]
            ms = _mean_ms(seconds[name], figure)
            interval = "" if name == "plain" else f"{change['low']:+.3f} to {change['high']:+.3f}"
            difference = "" if name == "plain" else f"{change['difference']:+.3f}"
            lines.append([title, name, f"{change['after']:.3f}", difference, interval, ms])
    columns = ["asked with", "care", "mean IoU", "against plain", "95 % interval", "ms an answer"]
    return {"columns": columns, "rows": lines}


def _mean_ms(seconds: Mapping[str, Sequence[float]], figure: str) -> str:
    spent = seconds["click" if figure == "oracle" else figure]
    return f"{1000 * sum(spent) / len(spent):.0f}"


def _rounded(row: Row) -> Row:
    return {
        name: value if isinstance(value, str) else round(value, 4) for name, value in row.items()
    }


def _in_ms(seconds: Mapping[str, Mapping[str, Sequence[float]]]) -> dict[str, dict[str, str]]:
    return {name: {what: _mean_ms(by, what) for what in by} for name, by in seconds.items()}


if __name__ == "__main__":
    main()

"""Where an object comes from, as the page wrote it down → code that gives it again."""

import asyncio
from collections.abc import Mapping, Sequence

from anymask.errors import InputError
from anymask.everything.candidate_masks import CandidateMasks
from anymask.everything.overrides import with_options
from anymask.everything.presets import preset_for
from anymask.everything.select import select
from anymask.everything.settings import EverythingSettings
from anymask.predict.embedding import ImageEmbedding
from anymask.serve.candidate_stream import EverythingRun
from anymask.serve.chains import Chain, answer_chain
from anymask.serve.coding import MaskCode, code_of_answer, code_of_candidate, code_of_edited
from anymask.serve.desk import Urgency
from anymask.serve.result_bodies import (
    EditedSource,
    EverythingQuestion,
    EverythingSource,
    Source,
    StepsSource,
)
from anymask.serve.sent_objects import checked_mask
from anymask.serve.serving import Serving, embedded
from anymask.serve.shelf import Entry, bare_name


class SourceCodes:
    """Writes code for objects of one picture; what is worked out for one serves the others.

    Args:
        serving: The server.
        entry: The picture.
    """

    def __init__(self, serving: Serving, entry: Entry) -> None:
        self._serving, self._entry, self._name = serving, entry, name_of(entry)
        self._found: dict[int, CandidateMasks] = {}
        self._kept: dict[tuple[int, EverythingSettings], Sequence[int]] = {}

    async def code(self, source: Source) -> MaskCode:
        """Give the code of one object.

        Args:
            source: Where it comes from.

        Raises:
            InputError: If it names a mask that does not exist.
            ConfigError: If a setting is unknown or cannot be used.
            Refusal: If it cannot be worked out, or too many wait.
        """
        size_hw = self._entry.picture.size_hw
        if isinstance(source, EditedSource):
            sent = None if source.rle is None else source.rle.model_dump()
            edited = None if sent is None else checked_mask(sent, "the edited object", size_hw)
            return code_of_edited(self._name, edited)
        embedding = await embedded(self._serving, self._entry)
        if isinstance(source, StepsSource):
            return await self._of_steps(embedding, source)
        return await self._of_everything(embedding, source)

    async def _of_steps(self, embedding: ImageEmbedding, source: StepsSource) -> MaskCode:
        start = None
        if source.mask is not None:
            sent, size_hw = source.mask.model_dump(), self._entry.picture.size_hw
            start = checked_mask(sent, "the mask to begin with", size_hw)

        def work() -> MaskCode:
            chain = Chain(steps=source.steps, mask=source.mask)
            masks = answer_chain(self._serving.model, embedding, self._entry.answers, chain)
            if source.number >= len(masks):
                raise InputError(
                    f"number is {source.number}, but the answer has {len(masks)} masks",
                    hint="count from 0",
                )
            return code_of_answer(masks[source.number], self._name, start)

        return await self._serving.desk.run(work, Urgency.RESULT)

    async def _of_everything(self, embedding: ImageEmbedding, source: EverythingSource) -> MaskCode:
        found = await self._candidates(embedding, source.settings)
        loaded = self._serving.model.loaded

        def kept_by(settings: EverythingSettings) -> Sequence[int]:
            name = id(found), settings
            if name not in self._kept:
                self._kept[name] = select(found.candidates, settings).kept.tolist()
            return self._kept[name]

        return await self._serving.desk.run(
            lambda: code_of_candidate(
                loaded, embedding, found, source.settings, source.number, kept_by
            ),
            Urgency.RESULT,
        )

    async def _candidates(
        self, embedding: ImageEmbedding, settings: Mapping[str, object]
    ) -> CandidateMasks:
        """Give the candidates of a run with that grid: the last one's, or worked out again."""
        last = self._entry.candidates
        last = last if isinstance(last, EverythingRun) else None
        usual = preset_for(self._serving.model.loaded, "default") if last is None else last.settings
        # All settings are looked at now, as a run takes long.
        side = with_options(usual, settings).points_per_side
        if side is None:
            raise InputError("the candidates lie on a regular grid", hint="give points_per_side")
        if side not in self._found:
            if last is None or usual.points_per_side != side:
                EverythingQuestion(points_per_side=side).checked()
                last = await self._run(embedding, side)
            self._found[side] = last.found()
        return self._found[side]

    async def _run(self, embedding: ImageEmbedding, side: int) -> EverythingRun:
        run = EverythingRun(self._serving.model.loaded, embedding, side)
        try:
            await self._serving.desk.lengthy(run.work)
        except asyncio.CancelledError:
            run.stop()
            raise
        return run


def name_of(entry: Entry) -> str:
    """Give the bare name of a picture's file, as programs on it name it."""
    return bare_name(entry.picture.path or entry.name)

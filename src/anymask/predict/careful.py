"""Embedding + prompts → masks, with the care that the caller asks for or the model is used to."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

from anymask.masks.mask import Masks
from anymask.masks.origin import Origin
from anymask.predict.care import AS_USUAL, Care, Resolved, resolve
from anymask.predict.close_up import need_picture, zoomed
from anymask.predict.connected import connected
from anymask.predict.decode import Progress, decode_all, predict
from anymask.predict.embedding import ImageEmbedding
from anymask.predict.encode import prepare
from anymask.predict.mirrored import averaged_with_mirror
from anymask.predict.snug import snug
from anymask.vocabulary import Prompt
from anymask.weights.loaded import LoadedModel


def predict_with_care(
    loaded: LoadedModel,
    embedding: ImageEmbedding,
    prompts: Sequence[Prompt],
    *,
    multimask: bool | None = None,
    normalized: bool = False,
    on_progress: Progress | None = None,
    care: Care = AS_USUAL,
) -> list[Masks]:
    """Answer prompts on one picture, then look again: in the mirror, at the answer, from close by.

    Args:
        loaded: The model.
        embedding: The picture, embedded by this model.
        prompts: Any number of prompts.
        multimask: As in `predict`.
        normalized: Whether coordinates run from 0 to 1.
        on_progress: Called with prompts done and prompts in all.
        care: How much trouble is taken.

    Returns:
        One Masks a prompt, in order; the scores are those of the first answer (with `flip` their
        mean with the mirrored one's), so that the choice among candidates stays the measured one.

    Raises:
        PromptError: If a prompt cannot be used.
        InputError: If `embedding` is none.
        StateError: If the embedding was made by another model; or if zoom or flip is asked for and
            the embedding does not carry its picture.
    """
    # What is no prompt is refused by the first step.
    listed = () if isinstance(prompts, Prompt) else prompts
    plans = [resolve(loaded, one, care) for one in listed if isinstance(one, Prompt)]
    is_all = all(plan.is_plain for plan in plans)
    takes_time = any(plan.zoom or plan.flip or plan.refine for plan in plans)
    answers = predict(
        loaded,
        embedding,
        prompts,
        multimask=multimask,
        normalized=normalized,
        on_progress=None if takes_time else on_progress,
    )
    answers = [_told(masks, care) for masks in answers]
    if is_all:
        return answers
    embedding = prepare(loaded, embedding)
    if embedding.picture is None:
        pairs = zip(plans, answers, strict=True)
        answers = [_left_out(embedding, plan, masks) for plan, masks in pairs]
        plans = [replace(plan, zoom=False, flip=False) for plan in plans]
    flipped = [number for number, plan in enumerate(plans) if plan.flip]
    asked = [answers[number] for number in flipped]
    mirrored = averaged_with_mirror(loaded, embedding, asked, multimask=multimask)
    _replace(answers, flipped, mirrored)
    _connect(answers, plans)  # before the answers are asked with again
    for done in range(max((plan.refine for plan in plans), default=0)):
        again = [number for number, plan in enumerate(plans) if plan.refine > done]
        _replace(answers, again, _refined(loaded, embedding, [answers[n] for n in again]))
    small = [number for number, plan in enumerate(plans) if plan.zoom]
    tell = _teller(on_progress if takes_time else None, len(answers), len(answers) - len(small))
    _replace(answers, small, zoomed(loaded, embedding, [answers[n] for n in small], tell))
    _connect(answers, plans)
    for number, plan in enumerate(plans):
        if plan.snug:
            answers[number] = snug(answers[number])
    return answers


def _connect(answers: list[Masks], plans: Sequence[Resolved]) -> None:
    for number, plan in enumerate(plans):
        if plan.connected:
            answers[number] = connected(answers[number])


def _replace(answers: list[Masks], numbers: Sequence[int], better: Sequence[Masks]) -> None:
    for number, masks in zip(numbers, better, strict=True):
        answers[number] = masks


def _teller(on_progress: Progress | None, total: int, done: int) -> Callable[[int], None]:
    """Give what counts answers as they get ready."""
    ready = done
    if on_progress is not None and done:
        on_progress(done, total)

    def tell(_number: int) -> None:
        nonlocal ready
        ready += 1
        if on_progress is not None:
            on_progress(ready, total)

    return tell


def _refined(
    loaded: LoadedModel, embedding: ImageEmbedding, answers: Sequence[Masks]
) -> list[Masks]:
    """Ask each mask again with itself as mask prompt."""
    places = [
        (number, place) for number, masks in enumerate(answers) for place in range(len(masks))
    ]
    prompts = []
    for number, place in places:
        mask = answers[number][place]
        prompts.append(replace(mask.prompt or Prompt(), mask=mask.low_res_logits))
    found = [list(masks) for masks in answers]
    for numbers, logits, _ in decode_all(loaded, embedding, prompts, multimask=False):
        for row, index in enumerate(numbers):
            number, place = places[index]
            low = logits[row, 0].numpy().copy()
            low.flags.writeable = False
            found[number][place] = replace(found[number][place], low_res_logits=low)
    return [replace(old, items=tuple(new)) for old, new in zip(answers, found, strict=True)]


def _left_out(embedding: ImageEmbedding, plan: Resolved, masks: Masks) -> Masks:
    """Note on an answer what is usual and needs the picture; refuse what was asked for and does."""
    if plan.must_zoom or plan.must_flip:
        need_picture(embedding, "zoom" if plan.must_zoom else "flip")
    names = [name for name in ("zoom", "flip") if getattr(plan, name)]
    if not names:
        return masks
    note = f"the embedding does not carry its picture, so {' and '.join(names)} was left out"
    masks = replace(masks, warnings=(*masks.warnings, note))
    return _with_origins(
        masks,
        lambda origin: replace(
            origin,
            zoom=False if plan.zoom else origin.zoom,
            flip=False if plan.flip else origin.flip,
        ),
    )


def _told(masks: Masks, care: Care) -> Masks:
    """Write into each mask's origin what was asked for."""
    if care == AS_USUAL:
        return masks
    return _with_origins(
        masks,
        lambda origin: replace(origin, **asdict(care)),
    )


def _with_origins(masks: Masks, change: Callable[[Origin], Origin]) -> Masks:
    items = tuple(
        mask if mask.origin is None else replace(mask, origin=change(mask.origin)) for mask in masks
    )
    return replace(masks, items=items)

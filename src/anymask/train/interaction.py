"""One training step's conversation: a first prompt, then clicks where the answer was wrong.

The encoder runs once. Each round of the decoder is back-propagated by itself into detached
features, some masks at a time, so memory does not grow with the number of rounds or of masks; the
encoder's gradient follows at the end.

Shape letters: B pictures, P prompts, N points a prompt, h w low-resolution cells.
Source: Segment Anything (Kirillov et al., 2023), appendix A, "training algorithm".
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from anymask.data.clicks import error_click, uniform_error_click
from anymask.data.samples import TARGET_STRIDE
from anymask.errors import ConfigError
from anymask.model.image_encoder import ImageFeatures
from anymask.model.mask_decoder import MaskPredictions
from anymask.model.prompt_encoder import PromptBatch
from anymask.model.sam import Sam
from anymask.train.batch import TrainingBatch
from anymask.train.first_prompts import Opening, Shares, open_conversation, to_frame
from anymask.train.losses import MaskLoss, best_guess_loss, mask_loss, score_loss, true_iou

Kind = Literal["published", "short"]

PUBLISHED_CLICKS = 8  # after the first prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationSettings:
    """How the model is prompted while it learns, and what it learns from.

    "published" is the paper's algorithm: a click or a box, eight clicks and two rounds without a
    new one. "short" is that of the default model: one to `most_rounds` rounds, clicks mostly well
    inside the object or the error, and a single mask that learns from the first round on.

    Attributes:
        kind: "published" or "short".
        most_rounds: Most rounds of a short conversation; a published one has eleven.
        box_share: Share of first prompts that are a box; None for the kind's own, 0.5 published
            and 0.4 short.
        score_weight: Weight of the predicted IoU's error; None for the kind's own, 1 and 3.
        mask_loss: "published" (focal and dice, 20 to 1) or "balanced" (cross entropy and dice);
            None for the kind's own.
        box_and_click_share: Share of prompts that begin with a box and a click; 0.1 teaches a
            fresh model to take both at once.
        rough_mask_share: Share of prompts that begin with a rough mask, half of them with a click;
            0.1 teaches a fresh model to take a drawn mask.
        masks_at_once: Most masks, of all pictures together, decoded for one backward pass: bounds
            memory, and changes no gradient.
    """

    kind: Kind = "short"
    most_rounds: int = 3
    box_share: float | None = None
    score_weight: float | None = None
    mask_loss: MaskLoss | None = None
    box_and_click_share: float = 0.0
    rough_mask_share: float = 0.0
    masks_at_once: int = 64

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ConfigError(
                f"conversation.kind must be published or short, got {self.kind!r}",
                hint="use short for a small run",
            )
        if self.mask_loss is not None:
            mask_loss(self.mask_loss)
        for name in ("most_rounds", "masks_at_once"):
            if getattr(self, name) < 1:
                raise ConfigError(
                    f"conversation.{name} must be 1 or more, got {getattr(self, name)}"
                )
        if self.score_weight is not None and not self.score_weight >= 0:
            raise ConfigError(
                f"conversation.score_weight must be 0 or more, got {self.score_weight:g}"
            )
        shares = (self.box_share or 0.0, self.box_and_click_share, self.rough_mask_share)
        if not all(0 <= share <= 1 for share in shares) or shares[1] + shares[2] > 1:
            raise ConfigError(
                "conversation shares must be in [0, 1], and those of box and click and of rough "
                f"masks at most 1 together, got {', '.join(f'{share:g}' for share in shares)}",
                hint="use 0.4, 0.1 and 0.1",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Settings with every choice made.

    Attributes:
        is_published: Whether the conversation is the paper's.
        shares: How often a conversation begins in which way.
        score_weight: Weight of the predicted IoU's error.
        mask_loss: Gives the loss of each mask.
    """

    is_published: bool
    shares: Shares
    score_weight: float
    mask_loss: Callable[[Tensor, Tensor], Tensor]


@dataclass(slots=True)
class Figures:
    """Means for the log, gathered from rounds and groups of masks.

    Attributes:
        sums: Of each figure over the masks it was measured on.
        counts: Of those masks.
    """

    sums: dict[str, Tensor] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, number: int, figures: dict[str, Tensor]) -> None:
        """Add the figures of some masks, each (N,), under the number of their round."""
        for name, values in figures.items():
            key = f"{name}{number}"
            self.sums[key] = self.sums.get(key, 0.0) + values.detach().float().sum()
            self.counts[key] = self.counts.get(key, 0) + values.numel()

    def means(self) -> dict[str, float]:
        """Give the mean of each figure."""
        return {key: float(total) / self.counts[key] for key, total in self.sums.items()}


def converse(
    model: Sam,
    batch: TrainingBatch,
    rng: np.random.Generator,
    settings: ConversationSettings,
    *,
    scale: float = 1.0,
) -> dict[str, float]:
    """Prompt, answer, back-propagate, and click on the errors, for some rounds.

    The loss is the mean over masks, summed over rounds. An image encoder of which nothing learns
    runs without gradients.

    Args:
        model: The model; gradients are added to its parameters.
        batch: Pictures and masks.
        rng: Source of chance.
        settings: How to prompt.
        scale: Factor on all gradients, say one over the batches that make a step.

    Returns:
        Figures for the log, each with the number of its round: `loss`, `iou_single`,
        `score_error`, and of first rounds `iou_best` and `iou_chosen` of the three guesses.
        `no_target` is there, and 1, only if no target pixel reaches the loss.
    """
    rules = rules_of(settings)
    later = later_rounds(settings, rng)
    features, leaves = _encode(model, batch.pixels)
    groups = open_conversation(batch, rules.shares, rng, is_published=rules.is_published)
    B, P = batch.targets.shape[:2]
    columns_at_once = max(1, settings.masks_at_once // B)
    log = Figures()
    for number in range(1, len(later) + 2):
        for place, group in enumerate(groups):
            guesses_learn = number == 1 and group.is_lone
            answers = []
            for start in range(0, group.targets.shape[1], columns_at_once):
                part = slice(start, start + columns_at_once)
                answer = model.decode(leaves, group.prompts.part(part))
                loss, figures = round_loss(
                    answer, group.targets[:, part], rules, guesses_learn=guesses_learn
                )
                (loss * (scale / (B * P))).backward()
                log.add(number, figures)
                from_guess = _goes_on_from_guess(group, part, rules) & guesses_learn
                answers.append(chosen_logits(answer, from_guess))
            if number <= len(later):
                prompts = group.prompts._replace(mask_logits=torch.cat(answers, 1))
                if later[number - 1]:
                    prompts = with_click(prompts, group.targets, rng, rules)
                groups[place] = replace(group, prompts=prompts)
    _backward_into_encoder(features, leaves)
    has_target = bool((batch.targets > 0.5).any())
    return log.means() | ({} if has_target else {"no_target": 1.0})


def rules_of(settings: ConversationSettings) -> Rules:
    """Give a conversation's settings with the kind's own choices where none were made."""
    is_published = settings.kind == "published"
    box_share, score_weight = (0.5, 1.0) if is_published else (0.4, 3.0)
    own_loss: MaskLoss = "published" if is_published else "balanced"
    return Rules(
        is_published=is_published,
        shares=Shares(
            box=box_share if settings.box_share is None else settings.box_share,
            box_and_click=settings.box_and_click_share,
            rough_mask=settings.rough_mask_share,
        ),
        score_weight=score_weight if settings.score_weight is None else settings.score_weight,
        mask_loss=mask_loss(settings.mask_loss or own_loss),
    )


def later_rounds(settings: ConversationSettings, rng: np.random.Generator) -> tuple[bool, ...]:
    """Say for each round after the first whether it has a new click.

    Args:
        settings: How to prompt.
        rng: Source of chance.

    Source:
        Segment Anything (Kirillov et al., 2023), appendix A: eight clicks, and two rounds without
        one, the first at a random place among the clicks and the second at the end.
    """
    if settings.kind == "short":
        return (True,) * int(rng.integers(settings.most_rounds))
    rounds = [True] * PUBLISHED_CLICKS
    rounds.insert(int(rng.integers(PUBLISHED_CLICKS)), False)
    return (*rounds, False)


def chosen_logits(answer: MaskPredictions, from_guess: Tensor) -> Tensor:
    """Give the mask each conversation goes on from, as float32 logits (B, P, 1, h, w).

    Args:
        answer: Low-resolution logits (B, P, 4, h, w) and scores.
        from_guess: Bool, (B, P): whether it is the best scored guess; else it is the single mask.
    """
    guess = 1 + answer.iou[..., 1:].detach().argmax(-1)  # (B, P)
    index = torch.where(from_guess, guess, 0)[..., None, None, None]
    logits = answer.low_res_logits.detach()
    return logits.gather(2, index.expand(-1, -1, 1, *logits.shape[-2:])).float()


def with_click(
    prompts: PromptBatch, targets: Tensor, rng: np.random.Generator, rules: Rules
) -> PromptBatch:
    """Put a click on the error of each prompt's mask in front of its points.

    Args:
        prompts: N points each, and the mask that was answered.
        targets: (B, P, h, w) in [0, 1].
        rng: Source of chance.
        rules: How to click.
    """
    choose = uniform_error_click if rules.is_published else error_click
    logits = targets if prompts.mask_logits is None else prompts.mask_logits[:, :, 0]
    predicted = (logits > 0).flatten(0, 1).cpu().numpy()
    true = (targets > 0.5).flatten(0, 1).cpu().numpy()
    clicks = [choose(p, t, rng) for p, t in zip(predicted, true, strict=True)]
    shape = prompts.labels.shape[:2]
    places = prompts.points.new_tensor([place for place, _ in clicks])
    labels = prompts.labels.new_tensor([label for _, label in clicks])
    return prompts._replace(
        points=torch.cat([to_frame(places, TARGET_STRIDE).view(*shape, 1, 2), prompts.points], 2),
        labels=torch.cat([labels.view(*shape, 1), prompts.labels], 2),
    )


def round_loss(
    answer: MaskPredictions, targets: Tensor, rules: Rules, *, guesses_learn: bool
) -> tuple[Tensor, dict[str, Tensor]]:
    """Give one round's loss, summed over prompts, and figures for the log.

    Where the guesses learn, the best of them does, and the scores of all three. The single mask
    learns in all other rounds; in a short conversation in every round, so that a lone box counts
    as two points.

    Args:
        answer: Low-resolution logits (B, P, 4, h, w) and scores.
        targets: (B, P, h, w) in [0, 1].
        rules: How to judge.
        guesses_learn: Whether this is the round in which they do.

    Returns:
        The loss, a scalar, and figures, each (B P,).

    Source:
        Segment Anything (Kirillov et al., 2023), section 3 and appendix A. That the scores of all
        guesses learn is SAM 2's choice; the first paper does not say.
    """
    learning = slice(0, 1)
    if guesses_learn:
        learning = slice(1, 4) if rules.is_published else slice(0, 4)
    logits, iou = (x.flatten(0, 1).float() for x in answer)  # (N, 4, h, w), (N, 4)
    true = targets.flatten(0, 1)[:, None]
    masks = rules.mask_loss(logits[:, learning], true)
    losses = rules.score_weight * score_loss(iou[:, learning], logits[:, learning], true).mean(1)
    if learning.start == 0:
        losses = losses + masks[:, 0]
    if guesses_learn:
        losses = losses + best_guess_loss(masks[:, -3:])
    with torch.no_grad():
        overlap = true_iou(logits if guesses_learn else logits[:, :1], true)
        figures = {
            "loss": losses.detach(),
            "iou_single": overlap[:, 0],
            "score_error": (iou[:, 0] - overlap[:, 0]).abs(),
        }
        if guesses_learn:
            figures["iou_best"] = overlap[:, 1:].max(1).values
            best_scored = iou[:, 1:].argmax(1, keepdim=True)
            figures["iou_chosen"] = overlap[:, 1:].gather(1, best_scored)[:, 0]
    return losses.sum(), figures


def _goes_on_from_guess(group: Opening, part: slice, rules: Rules) -> Tensor:
    # The paper's three guesses answer lone boxes too.
    is_box = group.is_box[:, part]
    return torch.ones_like(is_box) if rules.is_published else ~is_box


def _encode(model: Sam, pixels: Tensor) -> tuple[ImageFeatures, ImageFeatures]:
    """Give the image features, and copies of them that gather gradients in float32."""
    learns = any(p.requires_grad for p in model.image_encoder.parameters())
    with torch.set_grad_enabled(learns):
        features = model.encode(pixels)
    embedding, *high_res = (
        x.detach().float().requires_grad_(learns) for x in (features.embedding, *features.high_res)
    )
    return features, ImageFeatures(embedding, tuple(high_res))


def _backward_into_encoder(features: ImageFeatures, leaves: ImageFeatures) -> None:
    outputs = (features.embedding, *features.high_res)
    gathered = (leaf.grad for leaf in (leaves.embedding, *leaves.high_res))
    pairs = [
        (output, grad.to(output.dtype))
        for output, grad in zip(outputs, gathered, strict=True)
        if grad is not None and output.requires_grad
    ]
    if pairs:
        torch.autograd.backward([output for output, _ in pairs], [grad for _, grad in pairs])

"""The conversation follows the paper: what is prompted, what learns, in which round."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from anymask.configuration import from_mapping, to_mapping
from anymask.errors import ConfigError
from anymask.model.image_encoder import ImageFeatures
from anymask.model.mask_decoder import MaskPredictions
from anymask.model.prompt_encoder import PromptBatch
from anymask.model.sam import Sam
from anymask.train.batch import TrainingBatch
from anymask.train.first_prompts import click_or_box
from anymask.train.interaction import (
    ConversationSettings,
    chosen_logits,
    converse,
    later_rounds,
    round_loss,
    rules_of,
    with_click,
)
from anymask.train.losses import balanced_mask_loss, published_mask_loss
from tests.unit.train.conversations import gradients, small_batch, small_model, small_vit

SHORT, PUBLISHED = ConversationSettings(), ConversationSettings(kind="published")


@pytest.fixture
def model() -> Sam:
    return small_model()


@pytest.fixture
def batch(model: Sam) -> TrainingBatch:
    return small_batch(model)


def same_gradients(
    ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor], without: str = "\n"
) -> None:
    assert set(ours) == set(theirs)
    for name, gradient in ours.items():
        if without not in name:
            torch.testing.assert_close(gradient, theirs[name], rtol=1e-4, atol=1e-5, msg=name)


class Recorder:
    """Writes down what a model was asked, round by round."""

    def __init__(self, model: Sam, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[PromptBatch] = []
        self.answers: list[MaskPredictions] = []
        decode = model.decode

        def recorded(features: ImageFeatures, prompts: PromptBatch) -> MaskPredictions:
            self.asked.append(prompts)
            self.answers.append(decode(features, prompts))
            return self.answers[-1]

        monkeypatch.setattr(model, "decode", recorded)


def test_published_conversation_is_the_papers(monkeypatch: pytest.MonkeyPatch) -> None:
    model = small_vit()
    batch, recorder = small_batch(model, masks=3), Recorder(model, monkeypatch)
    places = set()
    for seed in range(6):
        recorder.asked.clear()
        recorder.answers.clear()
        converse(model, batch, np.random.default_rng(seed), PUBLISHED)
        asked, answers = recorder.asked, recorder.answers
        assert len(asked) == 11
        points = [prompts.labels.shape[2] for prompts in asked]
        added = np.diff(points).tolist()
        assert points[0] == 2
        assert (added.count(1), added.count(0), added[-1]) == (8, 2, 0)
        places.add(added.index(0))
        assert asked[0].mask_logits is None
        guess = 1 + answers[0].iou[..., 1:].argmax(-1)
        for number in range(1, 11):
            index = guess if number == 1 else torch.zeros_like(guess)
            expected = answers[number - 1].low_res_logits.gather(
                2, index[..., None, None, None].expand(-1, -1, 1, 16, 16)
            )
            given = asked[number].mask_logits
            assert given is not None
            torch.testing.assert_close(given, expected.detach())
            if added[number - 1]:
                check_clicks(asked[number], given, batch.targets)
    assert len(places) > 2
    assert max(places) < 8


def check_clicks(prompts: PromptBatch, given: torch.Tensor, targets: torch.Tensor) -> None:
    """Every newest click lies in the error of the mask beside it, with the label of its kind."""
    predicted, true = given[:, :, 0] > 0, targets > 0.5
    for row, column in np.ndindex(*prompts.labels.shape[:2]):
        x, y = ((prompts.points[row, column, 0] - 1.5) / 4).round().long().tolist()
        wrong = predicted[row, column] != true[row, column]
        assert wrong[y, x] or not wrong.any()
        assert prompts.labels[row, column, 0] == true[row, column, y, x]


def test_published_box_share_and_loss_are_the_papers() -> None:
    rules = rules_of(PUBLISHED)
    assert (rules.shares.box, rules.score_weight) == (0.5, 1.0)
    assert rules.mask_loss is published_mask_loss
    assert (rules.shares.box_and_click, rules.shares.rough_mask) == (0, 0)


def test_short_is_what_the_default_model_was_trained_with() -> None:
    rules = rules_of(SHORT)
    assert (rules.shares.box, rules.score_weight, SHORT.most_rounds) == (0.4, 3.0, 3)
    assert rules.mask_loss is balanced_mask_loss
    lengths = [len(later_rounds(SHORT, np.random.default_rng(seed))) for seed in range(300)]
    assert set(lengths) == {0, 1, 2}
    assert all(70 < lengths.count(number) < 130 for number in (0, 1, 2))


def test_own_choices_replace_the_kinds() -> None:
    rules = rules_of(replace(PUBLISHED, box_share=0.0, score_weight=2.0, mask_loss="balanced"))
    assert (rules.shares.box, rules.score_weight) == (0, 2)
    assert rules.mask_loss is balanced_mask_loss


def test_published_first_round_trains_the_best_guess_and_all_scores(batch: TrainingBatch) -> None:
    logits = torch.randn(2, 2, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    logits.requires_grad_()
    iou = torch.zeros(2, 2, 4, requires_grad=True)
    rules = rules_of(replace(PUBLISHED, score_weight=0.0))
    loss, _ = round_loss(MaskPredictions(logits, iou), batch.targets, rules, guesses_learn=True)
    loss.backward()
    assert logits.grad is not None
    moved = logits.grad.abs().sum((3, 4)).flatten(0, 1) > 0
    each = published_mask_loss(logits.flatten(0, 1), batch.targets.flatten(0, 1)[:, None])
    assert not moved[:, 0].any()
    assert moved[:, 1:].sum(1).tolist() == [1, 1, 1, 1]
    torch.testing.assert_close(moved[:, 1:].long().argmax(1), each[:, 1:].argmin(1))
    assert loss.item() == pytest.approx(each[:, 1:].min(1).values.sum().item(), rel=1e-5)
    scored, _ = round_loss(
        MaskPredictions(logits, iou), batch.targets, rules_of(PUBLISHED), guesses_learn=True
    )
    scored.backward()
    assert iou.grad is not None
    assert (iou.grad.abs().sum((0, 1)) > 0).tolist() == [False, True, True, True]


def test_short_first_round_trains_the_single_mask_and_only_the_best_guess(
    batch: TrainingBatch,
) -> None:
    logits = torch.randn(2, 2, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    logits.requires_grad_()
    rules = rules_of(replace(SHORT, score_weight=0.0))
    answer = MaskPredictions(logits, torch.zeros(2, 2, 4))
    loss, _ = round_loss(answer, batch.targets, rules, guesses_learn=True)
    loss.backward()
    assert logits.grad is not None
    moved = logits.grad.abs().sum((3, 4)).flatten(0, 1) > 0
    assert moved[:, 0].all()
    assert moved[:, 1:].sum(1).tolist() == [1, 1, 1, 1]
    each = balanced_mask_loss(logits.flatten(0, 1), batch.targets.flatten(0, 1)[:, None])
    torch.testing.assert_close(moved[:, 1:].long().argmax(1), each[:, 1:].argmin(1))
    assert loss.item() == pytest.approx(
        (each[:, 0] + each[:, 1:].min(1).values).sum().item(), rel=1e-5
    )


@pytest.mark.parametrize("settings", [SHORT, PUBLISHED])
def test_later_rounds_train_the_single_mask_alone(
    batch: TrainingBatch, settings: ConversationSettings
) -> None:
    logits = torch.randn(2, 2, 4, 16, 16).requires_grad_()
    iou = torch.rand(2, 2, 4).requires_grad_()
    rules = rules_of(settings)
    loss, figures = round_loss(
        MaskPredictions(logits, iou), batch.targets, rules, guesses_learn=False
    )
    loss.backward()
    assert logits.grad is not None
    assert iou.grad is not None
    assert (logits.grad.abs().sum((0, 1, 3, 4)) > 0).tolist() == [True, False, False, False]
    assert (iou.grad.abs().sum((0, 1)) > 0).tolist() == [True, False, False, False]
    assert set(figures) == {"loss", "iou_single", "score_error"}


def test_short_goes_on_from_the_guess_after_a_click_and_from_the_single_mask_after_a_box() -> None:
    logits = torch.randn(1, 2, 4, 4, 4, generator=torch.Generator().manual_seed(0))
    iou = torch.tensor([0.1, 0.2, 0.3, 0.9]).expand(1, 2, 4)
    chosen = chosen_logits(MaskPredictions(logits, iou), torch.tensor([[True, False]]))
    torch.testing.assert_close(chosen[:, 0, 0], logits[:, 0, 3])
    torch.testing.assert_close(chosen[:, 1, 0], logits[:, 1, 0])


def test_short_conversation_asks_as_before(
    model: Sam, batch: TrainingBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(model, monkeypatch)
    rng = np.random.default_rng(0)  # three rounds
    converse(model, batch, rng, SHORT)
    assert [prompts.labels.shape[2] for prompts in recorder.asked] == [2, 3, 4]
    is_box = recorder.asked[0].labels[..., 0] == 2
    guess = 1 + recorder.answers[0].iou[..., 1:].argmax(-1)
    index = torch.where(is_box, 0, guess)[..., None, None, None].expand(-1, -1, 1, 16, 16)
    first = recorder.answers[0].low_res_logits
    given = recorder.asked[1].mask_logits
    assert given is not None
    torch.testing.assert_close(given, first.gather(2, index).detach())
    check_clicks(recorder.asked[1], given, batch.targets)


def test_next_click_corrects_the_mask_beside_it(batch: TrainingBatch) -> None:
    none = torch.zeros(2, 2, dtype=torch.bool)
    prompts = click_or_box(batch.clicks, batch.boxes, none)
    nothing = torch.full_like(batch.targets, -9.0)[:, :, None]
    asked = prompts._replace(mask_logits=nothing)
    following = with_click(asked, batch.targets, np.random.default_rng(0), rules_of(SHORT))
    assert following.labels.tolist() == [[[1, 1, -1]] * 2] * 2
    torch.testing.assert_close(following.points[:, :, 1:], prompts.points)
    x, y = ((following.points[0, 1, 0] + 0.5) / 4 - 0.5).round().long().tolist()
    assert batch.targets[0, 1, y, x] > 0.5


def test_every_parameter_learns(model: Sam, batch: TrainingBatch) -> None:
    with torch.no_grad():  # behind a layer that is silent at first nothing learns in the first step
        for parameter in model.parameters():
            if parameter.dim() > 1 and not parameter.any():
                parameter.normal_(std=0.02)
    figures = converse(model, batch, np.random.default_rng(0), SHORT)  # three rounds
    silent = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    # A guess that is best for no mask of this small batch has nothing to learn from it.
    guesses = tuple(f"mask_decoder.output_hypernetworks_mlps.{i}." for i in (1, 2, 3))
    assert [name for name in silent if not name.startswith(guesses)] == []
    first = {"loss1", "iou_single1", "score_error1", "iou_best1", "iou_chosen1"}
    later = {f"{name}{i}" for name in ("loss", "iou_single", "score_error") for i in (2, 3)}
    assert set(figures) == first | later
    assert all(np.isfinite(value) for value in figures.values())


def test_gradients_equal_one_backward_pass_through_everything(
    model: Sam, batch: TrainingBatch
) -> None:
    settings = replace(SHORT, most_rounds=1)
    converse(model, batch, np.random.default_rng(0), settings)
    parts = gradients(model)
    rng = np.random.default_rng(0)
    assert later_rounds(settings, rng) == ()
    is_box = torch.from_numpy(rng.random((2, 2)) < 0.4)
    answer = model(batch.pixels, click_or_box(batch.clicks, batch.boxes, is_box))
    loss, _ = round_loss(answer, batch.targets, rules_of(settings), guesses_learn=True)
    (loss / 4).backward()
    same_gradients(parts, gradients(model), without="mask_scorer")


def test_groups_of_masks_change_no_gradient() -> None:
    model = small_vit()
    batch = small_batch(model, masks=5)
    mixed = replace(PUBLISHED, box_and_click_share=0.3, rough_mask_share=0.3)
    taken, figures = [], []
    for at_once in (64, 4, 1):
        settings = replace(mixed, masks_at_once=at_once)
        figures.append(converse(model, batch, np.random.default_rng(3), settings))
        taken.append(gradients(model))
    same_gradients(taken[0], taken[1])
    same_gradients(taken[0], taken[2])
    assert figures[1] == pytest.approx(figures[0], rel=1e-4, abs=1e-5)


def test_no_more_masks_are_decoded_at_once_than_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    model = small_vit()
    batch, recorder = small_batch(model, masks=5), Recorder(model, monkeypatch)
    converse(model, batch, np.random.default_rng(0), replace(SHORT, most_rounds=1, masks_at_once=4))
    assert [tuple(prompts.labels.shape[:2]) for prompts in recorder.asked] == [
        (2, 2),
        (2, 2),
        (2, 1),
    ]


def test_scale_multiplies_every_gradient() -> None:
    model = small_vit()
    batch = small_batch(model)
    converse(model, batch, np.random.default_rng(0), SHORT)
    whole = gradients(model)
    assert any(bool(gradient.any()) for gradient in whole.values())
    converse(model, batch, np.random.default_rng(0), SHORT, scale=0.25)
    same_gradients({name: g / 4 for name, g in whole.items()}, gradients(model))


def test_new_openings_train_the_single_mask_alone() -> None:
    model = small_vit()
    batch = small_batch(model, masks=4)
    settings = replace(SHORT, box_and_click_share=0.5, rough_mask_share=0.5)
    figures = converse(model, batch, np.random.default_rng(0), settings)
    assert "iou_best1" not in figures
    assert "iou_single1" in figures
    learnt = gradients(model)
    assert learnt["mask_decoder.output_hypernetworks_mlps.0.layers.0.weight"].any()
    assert not learnt["mask_decoder.output_hypernetworks_mlps.1.layers.0.weight"].any()
    assert learnt["prompt_encoder.mask_downscaling.0.weight"].any()


@pytest.mark.parametrize("make", [small_model, small_vit])
def test_frozen_encoder_gets_no_gradient_and_the_decoder_the_same(make) -> None:
    model = make()
    frozen = copy.deepcopy(model)
    frozen.image_encoder.requires_grad_(False)
    batch = small_batch(model)
    converse(model, batch, np.random.default_rng(2), SHORT)
    converse(frozen, batch, np.random.default_rng(2), SHORT)
    ours, theirs = gradients(frozen), gradients(model)
    assert not any(name.startswith("image_encoder") for name in ours)
    same_gradients(ours, {k: v for k, v in theirs.items() if not k.startswith("image_encoder")})


def test_frozen_encoder_runs_without_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    model, seen = small_vit(), []
    model.image_encoder.requires_grad_(False)
    encode, decode = model.encode, model.decode

    def recorded(pixels: torch.Tensor) -> ImageFeatures:
        seen.append(torch.is_grad_enabled())
        return encode(pixels)

    def looked(features: ImageFeatures, prompts: PromptBatch) -> MaskPredictions:
        seen.append(features.embedding.requires_grad)
        return decode(features, prompts)

    monkeypatch.setattr(model, "encode", recorded)
    monkeypatch.setattr(model, "decode", looked)
    converse(model, small_batch(model), np.random.default_rng(0), replace(SHORT, most_rounds=1))
    assert seen == [False, False]


@pytest.mark.parametrize(("make", "settings"), [(small_model, SHORT), (small_vit, PUBLISHED)])
def test_bfloat16_learns_nearly_the_same(make, settings: ConversationSettings) -> None:
    model = make()
    batch, settings = small_batch(model), replace(settings, masks_at_once=2)
    exact = converse(model, batch, np.random.default_rng(1), settings)
    full = gradients(model)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = converse(model, batch, np.random.default_rng(1), settings)
    half = gradients(model)
    assert rounded["loss1"] == pytest.approx(exact["loss1"], rel=0.05)
    assert set(half) == set(full)
    assert all(gradient.dtype == torch.float32 for gradient in half.values())
    name = "mask_decoder.output_upscaling.0.weight"
    like = torch.nn.functional.cosine_similarity(half[name].flatten(), full[name].flatten(), dim=0)
    assert like > 0.9


@pytest.mark.parametrize("settings", [SHORT, PUBLISHED])
def test_batch_without_any_target_is_told(settings: ConversationSettings) -> None:
    model = small_vit()
    batch = small_batch(model)
    empty = replace(batch, targets=torch.full_like(batch.targets, 0.4))
    figures = converse(model, empty, np.random.default_rng(0), settings)
    assert figures["no_target"] == 1
    assert np.isfinite(figures["loss1"])
    assert "no_target" not in converse(model, batch, np.random.default_rng(0), settings)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"kind": "long"}, "conversation.kind must be published or short, got 'long'"),
        ({"most_rounds": 0}, "conversation.most_rounds must be 1 or more, got 0"),
        ({"masks_at_once": 0}, "conversation.masks_at_once must be 1 or more"),
        ({"score_weight": -1.0}, "conversation.score_weight must be 0 or more, got -1"),
        ({"box_share": 1.2}, "conversation shares must be in"),
        ({"box_and_click_share": 0.6, "rough_mask_share": 0.5}, "at most 1 together"),
        ({"mask_loss": "focal"}, "unknown mask loss 'focal'"),
    ],
)
def test_settings_out_of_range_are_refused(setting: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ConversationSettings(**setting)  # type: ignore[arg-type]


def test_settings_travel_as_a_mapping() -> None:
    settings = replace(PUBLISHED, rough_mask_share=0.1)
    assert from_mapping(ConversationSettings, to_mapping(settings)) == settings

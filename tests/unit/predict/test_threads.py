"""One model and its embeddings may be used by many threads at once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from anymask.vocabulary import Prompt
from tests.unit.predict import networks

NUM_THREADS = 8


def question(number: int) -> dict:
    x, y = 2 + number * 13 % 50, 2 + number * 7 % 36
    if number % 3 == 0:
        return {"points": [(x, y)]}
    if number % 3 == 1:
        return {"box": (x / 2, y / 2, x, y + 1)}
    return {"points": [(x, y), (50 - x / 2, 5)], "labels": [1, 0]}


def test_eight_threads_get_the_answers_of_one(model):
    embeddings = [model.embed(networks.picture(seed=seed)) for seed in range(3)]
    tasks = [(embeddings[n % 3], question(n)) for n in range(96)]
    alone = [model.predict(embedding, **given) for embedding, given in tasks]
    start = threading.Barrier(NUM_THREADS)

    def work(first: int) -> list:
        start.wait(timeout=30)
        return [model.predict(embedding, **given) for embedding, given in tasks[first::NUM_THREADS]]

    with ThreadPoolExecutor(NUM_THREADS) as pool:
        shares = list(pool.map(work, range(NUM_THREADS)))
    for first, share in enumerate(shares):
        for masks, expected in zip(share, alone[first::NUM_THREADS], strict=True):
            assert masks.low_res_logits.tobytes() == expected.low_res_logits.tobytes()
            assert masks.scores.tobytes() == expected.scores.tobytes()
            np.testing.assert_array_equal(masks.arrays, expected.arrays)


def test_threads_may_embed_and_predict_at_the_same_time(model):
    expected = []
    for seed in range(NUM_THREADS):
        embedding = model.embed(networks.picture(seed=seed))
        (masks,) = model.predict_many(embedding, [Prompt(box=(2, 2, 30, 30))])
        expected.append((embedding.features.embedding, masks.low_res_logits))
    start = threading.Barrier(NUM_THREADS)

    def work(seed: int) -> tuple:
        start.wait(timeout=30)
        with torch.set_grad_enabled(seed % 2 == 0):
            embedding = model.embed(networks.picture(seed=seed))
            (masks,) = model.predict_many(embedding, [Prompt(box=(2, 2, 30, 30))])
            assert torch.is_grad_enabled() is (seed % 2 == 0)
        return embedding.features.embedding, masks.low_res_logits

    with ThreadPoolExecutor(NUM_THREADS) as pool:
        found = list(pool.map(work, range(NUM_THREADS)))
    for (features, logits), (expected_features, expected_logits) in zip(
        found, expected, strict=True
    ):
        assert torch.equal(features, expected_features)
        assert logits.tobytes() == expected_logits.tobytes()


def test_one_mask_is_made_whole_by_threads_that_ask_together(vit, vit_embedding):
    masks = vit.predict(vit_embedding, points=[(20, 10)])
    expected = masks.best.logits > 0
    with ThreadPoolExecutor(NUM_THREADS) as pool:
        arrays = list(pool.map(lambda _: masks.best.array, range(32)))
    for array in arrays:
        np.testing.assert_array_equal(array, expected)

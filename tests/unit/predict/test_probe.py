"""The probe measures products, and leaves no trace."""

import pytest
import torch

from anymask.predict import probe


@pytest.mark.parametrize(("seconds", "expected"), [((0.004, 0.002), 2.0), ((0.002, 0.004), 0.5)])
def test_the_ratio_is_of_the_best_times(monkeypatch, seconds, expected):
    dtypes = {torch.float32: seconds[0], torch.bfloat16: seconds[1]}
    noise = iter([5.0, 3.0, 1.0, 1.0, 2.0, 4.0, 7.0, 1.5])

    def pretend(product, device):
        return dtypes[product().dtype] * next(noise)

    monkeypatch.setattr(probe, "_seconds", pretend)
    assert probe.bfloat16_speedup(torch.device("cpu")) == pytest.approx(expected)


def test_a_measured_ratio_is_a_ratio():
    before = torch.get_rng_state()
    assert 0.001 < probe.bfloat16_speedup(torch.device("cpu")) < 1000
    assert torch.equal(torch.get_rng_state(), before)

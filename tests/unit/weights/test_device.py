"""Devices are chosen by name, and what is not there is said."""

import pytest
import torch

from anymask.errors import ConfigError
from anymask.weights.device import choose_device


@pytest.fixture
def machine(monkeypatch):
    """Pretend to have so many CUDA devices, and MPS or not."""

    def make(num_cuda: int, *, mps: bool = False, cuda_build: str | None = "12.8") -> None:
        monkeypatch.setattr(torch.version, "cuda", cuda_build)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: num_cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: num_cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return make


@pytest.mark.parametrize(
    ("name", "num_cuda", "mps", "device"),
    [
        ("auto", 0, False, "cpu"),
        ("auto", 0, True, "mps"),
        ("auto", 2, True, "cuda"),
        ("cpu", 2, True, "cpu"),
        ("cuda", 1, False, "cuda"),
        ("cuda:1", 2, False, "cuda:1"),
        ("mps", 0, True, "mps"),
    ],
)
def test_the_named_device_is_given(machine, name, num_cuda, mps, device):
    machine(num_cuda, mps=mps)
    assert choose_device(name) == torch.device(device)


@pytest.mark.parametrize(
    "name", ["gpu", "cpu:0", "mps:1", "cuda:", "cuda:-1", "", "CUDA", "cuda:0\n"]
)
def test_unknown_names_are_refused(name):
    with pytest.raises(ConfigError, match="device must be auto, cpu, cuda, cuda:<number> or mps"):
        choose_device(name)


def test_a_missing_build_is_named(machine):
    machine(0, cuda_build=None)
    with pytest.raises(ConfigError, match=r"device cuda needs a torch built for it, this one is"):
        choose_device("cuda")


def test_a_missing_gpu_is_named(machine):
    machine(0)
    with pytest.raises(ConfigError, match="device cuda:0 is not available: torch finds no usable"):
        choose_device("cuda:0")


def test_the_highest_number_is_offered(machine):
    machine(2)
    with pytest.raises(
        ConfigError, match=r"cuda:2 does not exist: this machine has 2, .* use cuda:1"
    ):
        choose_device("cuda:2")


def test_missing_mps_is_named(machine):
    machine(1)
    with pytest.raises(ConfigError, match="device mps is not available on this machine"):
        choose_device("mps")

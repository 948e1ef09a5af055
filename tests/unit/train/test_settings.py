"""Settings that cannot work are refused when they are made."""

import pytest

from anymask.configuration import from_mapping, to_mapping
from anymask.errors import ConfigError
from anymask.train.recipes import mae_pretrain, sa1b_from_scratch
from anymask.train.settings import OptimizerSettings, TrainSettings


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"minutes": 0.0}, "the run has no length; give minutes or steps above zero"),
        ({"minutes": float("nan")}, "the run has no length"),
        ({"steps": -1}, "the run has no length"),
        ({"batch": 0}, "batch must be 1 or more, got 0"),
        ({"drop_path": 1.0}, r"drop_path must be in \[0, 1\), got 1"),
        ({"phases": ()}, "phases is empty"),
        ({"workers": -1}, "workers must be 0 or more"),
    ],
)
def test_settings_out_of_range(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        TrainSettings(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rate": 0.0}, "optimizer.rate must be above 0, got 0; use 0.0002 to 0.002"),
        ({"rate": float("nan")}, "optimizer.rate must be above 0, got nan"),
        ({"layer_decay": 0.0}, r"optimizer.layer_decay must be in \(0, 1\], got 0"),
        ({"warmup_steps": 0}, "warmup_steps >= 1"),
    ],
)
def test_optimizer_out_of_range(changes: dict[str, float], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        OptimizerSettings(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "settings", [TrainSettings(), sa1b_from_scratch("vit_h").settings, mae_pretrain().settings]
)
def test_settings_survive_being_written(settings: TrainSettings) -> None:
    assert from_mapping(TrainSettings, to_mapping(settings)) == settings

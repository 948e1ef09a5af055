"""Settings changed by --set key=value."""

import pytest

from anymask.cli.train_settings import with_changes
from anymask.errors import ConfigError
from anymask.train.settings import TrainSettings


def test_changes_from_the_command_line() -> None:
    changed = with_changes(
        TrainSettings(),
        ["batch=8", "optimizer.rate=1e-3", "precision=bf16", "size=256", "set_weights.pets=2"],
    )
    assert (changed.batch, changed.optimizer.rate, changed.precision) == (8, 1e-3, "bf16")
    assert (changed.phases[0].sizes, len(changed.phases)) == ((256,), 1)
    assert changed.set_weights == {"pets": 2}
    assert changed.optimizer.clip == TrainSettings().optimizer.clip


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("batch", "--set must be key=value, got 'batch'"),
        ("bach=8", "unknown setting 'bach'; .*batch"),
        ("optimizer.rat=8", "unknown setting 'optimizer.rat'; .*rate"),
        ("batch.size=8", "--set batch.size: batch is no group of settings"),
        ("batch=many", "batch"),
        ("size=small", "--set size must be a whole number of pixels, got 'small'"),
        ("size=100", "multiples of 32"),
        ("precision=fp8", "precision"),
    ],
)
def test_changes_that_do_not_fit(change: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        with_changes(TrainSettings(), [change])

"""Speed is measured for as long as was said, and what is counted was done."""

import time
from dataclasses import replace

import pytest

from anymask.image.picture import Picture
from anymask.predict.speed import measure_speed
from anymask.weights.loaded import EncoderEngine
from tests.unit.predict import networks


@pytest.fixture
def slow(vit):
    """A model that takes 20 ms longer to encode, and how often it did."""
    calls = []

    def run(pixels):
        calls.append(len(pixels))
        time.sleep(0.02)
        return vit.loaded.sam.encode(pixels)

    encoder = EncoderEngine(name="torch", version="1", run=run)
    return replace(vit.loaded, encoder=encoder), calls


def test_both_are_measured_within_the_time(slow):
    loaded, calls = slow
    began = time.perf_counter()
    speed = measure_speed(loaded, Picture(pixels=networks.picture()), 0.4)
    assert 0.35 < time.perf_counter() - began < 5
    assert 0.02 <= speed.encode_seconds < 0.5
    assert 0 < speed.click_seconds < 0.5
    # The embedding that is clicked on and the first run do not count.
    assert calls == [1] * (speed.num_encodes + 2)
    assert speed.num_clicks >= 1


def test_however_short_the_time_each_is_measured_once(slow):
    loaded, _ = slow
    speed = measure_speed(loaded, Picture(pixels=networks.picture()), 0.0)
    assert (speed.num_encodes, speed.num_clicks) == (1, 1)
    assert speed.encode_seconds >= 0.02


def test_kept_embeddings_are_not_taken(slow, tmp_path, monkeypatch):
    monkeypatch.setenv("ANYMASK_CACHE", str(tmp_path))
    (tmp_path / "embeddings").mkdir()
    loaded, calls = slow
    measure_speed(loaded, Picture(pixels=networks.picture()), 0.0)
    assert len(calls) == 3

"""Real annotated pictures: the reader agrees with pycocotools, the default model with its card."""

import json
import tarfile

import numpy as np
import pytest
from pycocotools import mask as coco

from anymask.data.shards import read_shards
from anymask.evaluate.report import means_by_set
from anymask.evaluate.run import evaluate
from anymask.evaluate.selection import choose_questions
from anymask.weights.load import load_model


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools
def test_every_mask_of_a_real_shard_is_what_pycocotools_decodes(annotated_data):
    path = annotated_data / "eval" / "balloon.tar"
    pictures = {picture.name: picture for picture in read_shards([path], min_area_px=0)}
    assert len(pictures) == 30
    assert sum(len(picture.runs) for picture in pictures.values()) == 95
    with tarfile.open(path) as shard:
        for member in shard:
            if not member.name.endswith(".json"):
                continue
            file = shard.extractfile(member)
            assert file is not None
            record = json.load(file)
            picture = pictures[member.name.removesuffix(".json")]
            for index, annotation in enumerate(record["annotations"]):
                expected = coco.decode(annotation["segmentation"]).astype(bool)
                np.testing.assert_array_equal(picture.mask(index), expected)


@pytest.mark.parametrize("name", ["coco128", "pennfudan"])
def test_default_model_beats_classical_methods(annotated_data, name):
    pictures = read_shards([annotated_data / "eval" / f"{name}.tar"])
    questions = choose_questions(pictures, per_set=8, per_picture=3, seed=0)
    means = means_by_set(evaluate(load_model(device="cpu"), questions))[name]
    assert means["click"] > means["felzenszwalb"]
    assert means["box"] > means["grabcut"]
    assert means["oracle"] > means["click"] > 0.3

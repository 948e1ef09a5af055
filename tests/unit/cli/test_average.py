"""`anymask train average`."""

import json

import torch

from anymask.weights.load import load_model
from anymask.weights.save import save_model


def test_the_mean_of_two_equal_models_is_the_model(anymask, model_file, folder):
    same = load_model(model_file).sam
    save_model(same, folder / "same.safetensors", recipe={"steps": 7}, card="", half=False)
    ran = anymask("train", "average", model_file, "same.safetensors", "--out", "mean.safetensors")
    assert (ran.code, ran.err) == (0, "")
    assert "wrote mean.safetensors: the mean of 2 models" in ran.out
    before, after = (load_model(path) for path in (model_file, folder / "mean.safetensors"))
    for name, tensor in before.sam.state_dict().items():
        assert torch.equal(tensor, after.sam.state_dict()[name])
    story = json.loads(after.metadata["recipe"])
    assert (story["recipe"], len(story["of"])) == ("average", 2)


def test_wrong_use_is_one_sentence(anymask, model_file, folder):
    ran = anymask("train", "average", model_file, model_file, "--out", "mean.pt")
    assert ran.code == 2
    assert ran.err == "error: --out mean.pt: is not a .safetensors file\nhint: use that suffix\n"
    ran = anymask("train", "average", model_file, "--out", "mean.safetensors")
    assert ran.code == 2
    assert "a mean needs two models or more, got 1" in ran.err
    assert not (folder / "mean.safetensors").exists()

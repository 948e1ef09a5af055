"""What `import anymask` offers, exactly; a new name here is a promise."""

import subprocess
import sys

import anymask

PUBLIC = (
    "AnymaskError",
    "ImageEmbedding",
    "Mask",
    "Masks",
    "Model",
    "Prompt",
    "__version__",
    "load",
)


def test_the_public_names_are_these():
    assert sorted(vars(anymask)["__all__"]) == sorted(PUBLIC)


def test_every_public_name_leads_somewhere_documented():
    for name in PUBLIC:
        value = getattr(anymask, name)
        if name != "__version__":
            assert value.__doc__, name
            assert value.__module__.startswith("anymask."), name


def test_dir_lists_the_public_names():
    assert set(PUBLIC) <= set(dir(anymask))


def test_an_unknown_name_is_an_ordinary_attribute_error():
    program = "import anymask\ntry: anymask.laod\nexcept AttributeError as e: print(e)"
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "laod" in answer.stdout

import numpy as np
import pytest
from PIL import Image

from anymask.cli.question import prompts_for, read_question, refuse_flat_boxes
from anymask.errors import InputError, PromptError

SIZE_HW = (60, 90)


def prompt_of(*points, boxes=(), is_normalized=False):
    question = read_question(points, boxes, None, is_normalized=is_normalized)
    (prompt,), in_shares = prompts_for(question, SIZE_HW)
    return prompt, in_shares


@pytest.mark.parametrize(
    ("text", "point", "label"),
    [
        ("45,30", (45, 30), 1),
        ("45,30,+", (45, 30), 1),
        ("45,30,1", (45, 30), 1),
        (" 45 , 30 ", (45, 30), 1),
        ("4.5e1,.5", (45, 0.5), 1),
        ("-5,30", (-5, 30), 1),
    ],
)
def test_a_point_is_read(text, point, label):
    prompt, in_shares = prompt_of(text)
    assert (prompt.points, prompt.labels, in_shares) == ((point,), (label,), False)


@pytest.mark.parametrize("text", ["45,30,-", "45,30,0"])
def test_a_point_may_be_off_the_object(text):
    prompt, _ = prompt_of("1,2", text)
    assert prompt.points == ((1, 2), (45, 30))
    assert prompt.labels == (1, 0)


def test_percent_alone_stays_shares():
    """Tiny shares would look like a forgotten --normalized if they became pixels first."""
    prompt, in_shares = prompt_of("50%,0.1%")
    assert in_shares
    assert prompt.points[0] == pytest.approx((0.5, 0.001))


def test_percent_beside_pixels_becomes_pixels():
    prompt, in_shares = prompt_of("50%,30", "9,50%,-")
    assert not in_shares
    assert prompt.points == ((45, 30), (9, 30))


def test_percent_beside_normalized_numbers_stays_shares():
    prompt, in_shares = prompt_of("50%,0.25", is_normalized=True)
    assert in_shares
    assert prompt.points == ((0.5, 0.25),)


def test_a_box_is_read():
    prompt, _ = prompt_of(boxes=["10%,5,90%,50"])
    assert prompt.box == (9, 5, 81, 50)


def test_boxes_alone_are_one_object_each():
    question = read_question((), ["1,2,30,40", "5,6,70,50"], None)
    prompts, _ = prompts_for(question, SIZE_HW)
    assert question.num_objects == 2
    assert [prompt.box for prompt in prompts] == [(1, 2, 30, 40), (5, 6, 70, 50)]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("45", "--point 45: must be x,y or x,y,-, got 1 value;"),
        ("1,2,3,4", "--point 1,2,3,4: must be x,y or x,y,-, got 4 values;"),
        ("", "--point : must be x,y or x,y,-, got 1 value;"),
        ("x,30", "--point x,30: 'x' is not a number; write 320,240 or 50%,40%"),
        ("3j,30", "--point 3j,30: '3j' is not a number;"),
        ("1_0,30", "--point 1_0,30: '1_0' is not a number;"),
        ("nan,30", "--point nan,30: nan is not finite;"),
        ("45,-Infinity", "--point 45,-Infinity: -Infinity is not finite;"),
        ("45,1e999", "--point 45,1e999: 1e999 is not finite;"),
        ("45,30,7", "--point 45,30,7: ends in '7'; labels are + or 1 (add) and - or 0 (remove)."),
        ("120%,30", "--point 120%,30: 120% lies outside 0% to 100%;"),
        ("45,-1%", "--point 45,-1%: -1% lies outside 0% to 100%;"),
        ("4\n5,1", r"--point 4\n5,1: '4\\n5' is not a number;"),
    ],
)
def test_a_point_that_cannot_be_read_says_why(text, sentence):
    with pytest.raises(PromptError) as caught:
        read_question([text], (), None)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1,2,3", "--box 1,2,3: must be x0,y0,x1,y1, got 3 values; write left, top,"),
        ("1,2,3,b", "--box 1,2,3,b: 'b' is not a number;"),
        ("1,2,3,inf", "--box 1,2,3,inf: inf is not finite;"),
    ],
)
def test_a_box_that_cannot_be_read_says_why(text, sentence):
    with pytest.raises(PromptError) as caught:
        read_question((), [text], None)
    assert str(caught.value).startswith(sentence)


def test_a_long_value_is_shown_short():
    with pytest.raises(PromptError) as caught:
        read_question(["9" * 5000], (), None)
    assert len(caught.value.message) < 100


@pytest.mark.parametrize("points", [(), ("4,5,-",), ("4,5,-", "6,7,0")])
def test_nothing_to_look_for_is_refused(points):
    with pytest.raises(PromptError, match=r"^nothing to look for; give --point x,y on the object"):
        read_question(points, (), None)


@pytest.mark.parametrize(
    ("points", "sentence"),
    [
        (["4,5"], "2 boxes with a point: several boxes are several objects"),
        (["4,5", "6,7,-"], "2 boxes with 2 points: several boxes are several objects"),
    ],
)
def test_several_boxes_take_no_points(points, sentence):
    with pytest.raises(PromptError, match=sentence):
        read_question(points, ["1,2,3,4", "5,6,7,8"], None)


def save_mask(path, *, empty=False):
    array = np.zeros(SIZE_HW, np.uint8)
    if not empty:
        array[10:20, 30:50] = 255
    Image.fromarray(array).save(path)
    return path


def test_a_rough_mask_is_a_prompt(tmp_path):
    question = read_question((), (), str(save_mask(tmp_path / "rough.png")))
    (prompt,), _ = prompts_for(question, SIZE_HW)
    assert prompt.mask.sum() == 200
    assert prompt.mask[10, 30]
    assert not prompt.mask[9, 30]


def test_several_boxes_take_no_mask(tmp_path):
    with pytest.raises(PromptError, match="2 boxes with a mask"):
        read_question((), ["1,2,3,4", "5,6,7,8"], str(save_mask(tmp_path / "rough.png")))


def test_a_mask_of_another_size_names_both(tmp_path):
    question = read_question((), (), str(save_mask(tmp_path / "rough.png")))
    with pytest.raises(PromptError) as caught:
        prompts_for(question, (480, 640))
    assert caught.value.message.endswith("rough.png: mask is 90×60 for a picture of 640×480")


def test_an_empty_mask_is_refused(tmp_path):
    path = save_mask(tmp_path / "rough.png", empty=True)
    with pytest.raises(PromptError, match=r"rough.png: mask is empty, no pixel is set; draw where"):
        read_question((), (), str(path))


def test_a_mask_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"none.png: no such file"):
        read_question((), (), str(tmp_path / "none.png"))


@pytest.mark.parametrize(
    ("box", "sentence"),
    [
        ("30,10,20,40", r"box 0 has no area (x1 ≤ x0); boxes are x0, y0, x1, y1."),
        ("10,40,20,40", r"box 0 has no area (y1 ≤ y0); boxes are x0, y0, x1, y1."),
        ("90%,1,10%,4", r"box 0 has no area (x1 ≤ x0); boxes are x0, y0, x1, y1."),
    ],
)
def test_a_box_without_area_on_any_photo_is_refused(box, sentence):
    with pytest.raises(PromptError) as caught:
        refuse_flat_boxes(read_question((), [box], None))
    assert str(caught.value) == sentence


def test_a_box_that_depends_on_the_photo_passes():
    refuse_flat_boxes(read_question((), ["50%,10,40,20"], None))
    (prompt,), _ = prompts_for(read_question((), ["50%,10,40,20"], None), (100, 60))
    assert prompt.box == (30, 10, 40, 20)

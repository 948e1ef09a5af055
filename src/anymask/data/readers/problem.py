"""What is wrong with one record, as a row of the list of failures."""

from anymask.data.sample_record import BadSample
from anymask.masks.problem import Problem


def bad_row(problem: Problem, set_name: str, place: str) -> BadSample:
    """Give the row for `failures.jsonl`.

    Args:
        problem: What is wrong.
        set_name: Name of the data set.
        place: File, and record inside it; shown as it is.
    """
    return BadSample(
        set_name=set_name,
        input=place,
        code=problem.code,
        message=problem.message,
        hint=problem.hint,
    )

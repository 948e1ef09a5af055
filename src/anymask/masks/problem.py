"""What is wrong with one record of an annotation file, before anybody knows whose file it is."""

import json
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A reason not to use a record.

    Attributes:
        code: Short reason for programs, lower case with dashes.
        message: What is wrong, without a final stop.
        hint: What to do, imperative.
        place: Which record of the file: "line 3", "annotation 7"; "" for the whole file.
    """

    code: str
    message: str
    hint: str
    place: str = ""

    def within(self, place: str) -> "Problem":
        """Give the same problem, of this record of the file.

        Args:
            place: Which record; shown as it is.
        """
        return replace(self, place=place)


def json_problem(error: ValueError | RecursionError) -> Problem:
    """Say where a text stops being JSON.

    Args:
        error: What `json.loads` raised.
    """
    if isinstance(error, json.JSONDecodeError):
        where = f"line {error.lineno} column {error.colno}: {error.msg}"
    else:
        where = str(error).replace("\n", " ")
    return Problem(code="bad-json", message=f"is not whole JSON ({where})", hint="write it again")

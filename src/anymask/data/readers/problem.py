"""What is wrong with one record, before it is known whose record it is."""

from dataclasses import dataclass

from anymask.data.sample_record import BadSample


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A reason not to use a record.

    Attributes:
        code: Short reason for programs, lower case with dashes.
        message: What is wrong, without a final stop.
        hint: What to do, imperative.
    """

    code: str
    message: str
    hint: str

    def at(self, set_name: str, place: str) -> BadSample:
        """Give the row for `failures.jsonl`.

        Args:
            set_name: Name of the data set.
            place: File, and record inside it; shown as it is.
        """
        return BadSample(
            set_name=set_name,
            input=place,
            code=self.code,
            message=self.message,
            hint=self.hint,
        )

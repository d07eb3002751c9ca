"""What a transform makes of a batch, by columns."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from callboard import http
from callboard.columns import Column

if TYPE_CHECKING:
    from callboard.rows import Removed


class Output:
    """The written columns, a value for each row put out, and the rows that go no further.

        output = Output()
        output.drop(3, "too short")
        output["n_words"] = counts

    Put out is every row that was not removed, in order; or those that `origins` names.
    """

    def __init__(self) -> None:
        self.columns: dict[str, Sequence[Any] | Column] = {}
        self.origins: list[int] | None = None
        """For each row put out, the row of the batch whose other columns it carries: rows may be left out, repeated and
        reordered."""
        self.removed: dict[int, tuple[str, bool]] = {}

    def __setitem__(self, name: str, values: Iterable[Any]) -> None:
        self.columns[name] = values if isinstance(values, Sequence) else list(values)

    def drop(self, row: int, reason: str = "") -> None:
        """Leaves a row of the batch out, as the step is meant to."""
        self.removed[row] = (reason, False)

    def reject(self, row: int, reason: str) -> None:
        """Says that the step cannot handle a row of the batch."""
        self.removed[row] = (reason, True)

    def postpone(self, row: int, reason: str) -> None:
        """Says that the step cannot handle a row of the batch now, for a reason that passes, such as a server that is down: it
        counts as rejected, and the next run gives it to the step again."""
        http.try_again()
        self.reject(row, reason)

    def remove(self, row: int, removed: "Removed") -> None:
        """As `drop` or `reject`."""
        self.removed[row] = (removed.reason, removed.rejected)

    def removes(self, row: int) -> bool:
        """Whether the row is dropped or rejected."""
        return row in self.removed

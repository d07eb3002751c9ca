"""How a global step has its rows brought together, which the host does: on the disk where memory is not enough."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from callboard.errors import StepError


@dataclass(frozen=True)
class Order:
    """A column that rows are sorted by. Made by `ascending` and `descending`; a name alone is ascending."""

    column: str
    descending: bool = False
    nulls_first: bool = False


def ascending(column: str, *, nulls_first: bool = False) -> Order:
    """The smallest value first, rows without a value last."""
    return Order(column, False, nulls_first)


def descending(column: str, *, nulls_first: bool = False) -> Order:
    """The largest value first, rows without a value last. NaN is larger than any number."""
    return Order(column, True, nulls_first)


@dataclass(frozen=True)
class Gather:
    """How rows are brought together: made by `by_key`, `by_each` and `in_order`.

    `by_key("domain").sorted_by(descending("n_chars"))` gives the rows of each domain, the longest first.
    """

    kind: str = "all"
    columns: tuple[tuple[str, ...], ...] = ()
    orders: dict[int, tuple[Order, ...]] = field(default_factory=dict)
    written: bool | None = None

    def sorted_by(self, *orders: str | Order, input: int = 0) -> "Gather":
        """Sorts all rows of an input, or those of each group, by these columns; equal rows stay in the order of the input."""
        if bad := [order for order in orders if not isinstance(order, (str, Order))]:
            raise TypeError(f"rows are sorted by a column's name, `ascending(…)` or `descending(…)`, and not by {bad[0]!r:.60}")
        more = tuple(order if isinstance(order, Order) else Order(order) for order in orders)
        return replace(self, orders={**self.orders, input: self.orders.get(input, ()) + more})

    def others(self, *columns: str) -> "Gather":
        """What the columns of `by_key`, or the column of `by_each`, are called in the next input; where this is not said, as in
        the first."""
        return replace(self, columns=(*self.columns, columns))

    def as_written(self) -> "Gather":
        """Rows are put out in the order of the calls to the writer, group after group; otherwise as they stand in the input."""
        return replace(self, written=True)

    @property
    def is_grouped(self) -> bool:
        """Whether the step is given groups of rows."""
        return self.kind != "all"

    def columns_of(self, inputs: int) -> list[list[str]]:
        """The columns that rows of each input are grouped by."""
        named = [list(names) for names in self.columns[:inputs]]
        return named + [list(self.columns[0]) for _ in range(inputs - len(named))]

    def orders_of(self, inputs: int) -> list[Sequence[Order]]:
        """What the rows of each input are sorted by."""
        return [self.orders.get(input, ()) for input in range(inputs)]


def by_key(*columns: str) -> Gather:
    """Rows that agree in these columns are a group, and a group is given to one call, whole. Nulls agree, and NaNs agree."""
    _check(columns)
    return Gather("by-key", (columns,))


def by_each(column: str) -> Gather:
    """A row is in a group for each distinct item in the list of this column. Such a step keeps and removes no rows: it writes
    rows."""
    _check((column,))
    return Gather("by-each", ((column,),))


def in_order(*orders: str | Order) -> Gather:
    """All rows in one call, sorted by these columns."""
    return Gather().sorted_by(*orders)


def _check(columns: tuple[str, ...]) -> None:
    if not columns:
        raise StepError("`by_key` needs a column")
    if bad := [column for column in columns if not isinstance(column, str)]:
        raise TypeError(f"rows are grouped by names of columns, and not by {bad[0]!r:.60}")

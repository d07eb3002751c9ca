"""Work by rows: what may become of a row, and a batch's output made of that."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from callboard import http
from callboard.columns import Batch, Row
from callboard.errors import ConfigError, InputError, StepError, TransientError, explain
from callboard.output import Output
from callboard.types import Schema


@dataclass(frozen=True)
class Removed:
    """A row that goes no further, and why."""

    reason: str
    rejected: bool


Record = Mapping[str, Any]
"""The columns written for one row, by name. The row itself will do: of columns that are only read
it may hold what was given."""

Result = Record | Removed | None | Iterable[Record | Removed]
"""What `row` may return."""


def drop(reason: str = "") -> Removed:
    """Leaves the row out, as the step is meant to; rows are counted by reason in the report."""
    return Removed(reason, rejected=False)


def reject(reason: str) -> Removed:
    """Says that the step cannot handle the row; the pipeline decides what happens to it."""
    return Removed(reason, rejected=True)


def postpone(reason: str) -> Removed:
    """Says that the step cannot handle the row now, for a reason that passes, such as a server that is down: it counts as
    rejected, and the next run gives it to the step again."""
    http.try_again()
    return reject(reason)


def by_rows(row: Callable[[Row], Result], batch: Batch, writes: Schema) -> Output:
    """A batch's output, of what `row` makes of each."""
    records: list[Record] = []
    origins: list[int] = []
    output = Output()
    silent = repeated = 0
    number = 0
    try:
        for number, given in enumerate(batch.to_rows()):
            result = row(given)
            if type(result) is dict or isinstance(result, Mapping):  # The first alone is far quicker.
                records.append(result)
                origins.append(number)
            elif isinstance(result, Removed):
                output.remove(number, result)
            elif result is None:
                silent += 1
            else:
                several = _several(result, output, number)
                records += several
                origins += [number] * len(several)
                repeated += len(several) > 1
                silent += not several and not output.removes(number)
    except (ConfigError, InputError, TransientError):
        raise
    except Exception as error:
        explain(error, batch)
        error.add_note(f"at row {number + 1} of {batch.rows} in the batch")
        raise
    output.columns.update(gather(records, writes, lambda place: _given(batch, origins[place])))
    if silent or repeated:
        output.origins = origins
    return output


def _several(result: Any, output: Output, number: int) -> list[Record]:
    if isinstance(result, (str, bytes)) or not isinstance(result, Iterable):
        raise StepError(
            f"`row` returned {_short(result)}, which is no record, `drop(…)`, `reject(…)`, `None`, or several records"
        )
    records: list[Record] = []
    for part in result:
        if isinstance(part, Removed):
            output.remove(number, part)
        elif isinstance(part, Mapping):
            records.append(part)
        else:
            raise StepError(f"`row` gave {_short(part)} among several records")
    if records and output.removes(number):
        raise StepError("`row` gave records for a row, and removed it too")
    return records


def _given(batch: Batch, row: int) -> Record:
    return {name: column[row] for name, column in batch.items()}


def gather(records: Sequence[Record], writes: Schema, given: Callable[[int], Record] | None = None) -> dict[str, list[Any]]:
    """The records' values, column by column. `given` tells what the row of a record had, which it may hold unchanged."""
    width = len(writes)
    try:
        columns = {name: [record[name] for record in records] for name in writes}
    except KeyError as error:
        raise StepError(f"column `{error.args[0]}` is in `writes`, and a record has no such key") from None
    if set(map(len, records)) <= {width}:
        return columns
    for place, record in enumerate(records):
        if len(record) != width:
            for name in record.keys() - writes.keys():
                had = given(place) if given else {}
                if name not in had:
                    raise StepError(f"a record has the key `{name}`, which is not in `writes`")
                if record[name] is not had[name] and record[name] != had[name]:
                    raise StepError(f"a record changes `{name}`, which is not in `writes`")
    return columns


def _short(value: object) -> str:
    words = repr(value)
    return words if len(words) <= 60 else words[:60] + "…"


def chunks(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Rows in lists of this many, the last with what is left."""
    part: list[Any] = []
    for row in rows:
        part.append(row)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part

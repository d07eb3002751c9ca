"""The inputs of a global step, and its way out; rows cross many at a time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, repeat
from operator import itemgetter
from typing import Any, Protocol, overload

from callboard._build import written
from callboard._contract import Fate, Removal
from callboard._contract import columns as raw
from callboard._wire import assemble, batch_of
from callboard.columns import Batch, Row
from callboard.errors import StepError, clean
from callboard.rows import Record, gather
from callboard.types import Schema

CHUNK = 4096
"""Rows that are kept here before they are passed to the host."""
RECORDS = 1000
"""The same of rows with columns."""


class Run(Protocol):
    """The contract's run."""

    group: int
    rows: int


class Page(Protocol):
    """The contract's page."""

    @property
    def rows(self) -> raw.Batch: ...
    @property
    def groups(self) -> Sequence[Run]: ...


class Reader(Protocol):
    """The contract's reader."""

    def rows(self) -> int: ...
    def next(self) -> Page | None: ...
    def seek(self, row: int) -> None: ...
    def positions(self, first: int, count: int) -> list[int]: ...


class Sink(Protocol):
    """The contract's writer."""

    def keep(self, rows: list[int], columns: raw.Batch | None) -> None: ...
    def write(self, rows: raw.Batch, at: list[int]) -> None: ...
    def remove(self, rows: list[Removal]) -> None: ...


class Group:
    """The rows of a group, one after another: pairs of a row's number and the row. They are read as they are asked for, and once."""

    __slots__ = ("_rows", "number")

    def __init__(self, number: int, rows: Iterator[tuple[int, Row]]) -> None:
        self.number = number
        """The number of the group in this call: the same for every input, and another in the next call."""
        self._rows = rows

    def __iter__(self) -> Iterator[tuple[int, Row]]:
        return self._rows


class Input:
    """The rows of an input that a call is given: all of them, or whole groups. Iterating reads them from the first, as often as it
    is done; `rows[7]` reads one."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._length = reader.rows()
        self._at = 0
        self._near: tuple[Batch, list[Row]] = Batch(0, {}), []

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Row]:
        for batch in self.batches():
            yield from batch.to_rows()

    def groups(self) -> Iterator[Group]:
        """The rows group by group, where the step has them grouped: as `itertools.groupby`, so a group's rows are read before the
        next group is asked for, or passed over."""
        for number, members in groupby(self._members(), itemgetter(0)):
            yield Group(number, map(itemgetter(1, 2), members))

    def _members(self) -> Iterator[tuple[int, int, Row]]:
        """The rows, each with its group and its number."""
        for batch in self.batches():
            if batch.rows and not batch.groups:
                raise StepError("rows are not grouped: `gather = by_key(…)` groups them")
            rows = batch.to_rows()
            for group, places in batch.groups:
                numbers = range(batch.first + places.start, batch.first + places.stop)
                yield from zip(repeat(group), numbers, rows[places.start : places.stop])

    def positions(self, first: int = 0, count: int | None = None) -> list[int]:
        """Where rows stand in the whole input, from 0: of `count` rows from number `first` on, at most 1,048,576 at a time. That
        is the same whatever rows a call is given."""
        if not 0 <= first <= self._length or (count is not None and not 0 <= count <= self._length - first):
            raise IndexError(f"there are no {count} rows from {first} on: the input has {self._length}")
        return self._reader.positions(first, self._length - first if count is None else count)

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """The rows from `start` on, a batch at a time; `batch.first` is the number of its first row."""
        while (batch := self._next(start)) is not None:
            yield batch
            start += batch.rows

    @overload
    def __getitem__(self, row: int) -> Row: ...
    @overload
    def __getitem__(self, row: slice) -> list[Row]: ...
    def __getitem__(self, row: int | slice) -> Row | list[Row]:
        if isinstance(row, slice):
            return [self[place] for place in range(*row.indices(self._length))]
        place = row + self._length if row < 0 else row
        if not 0 <= place < self._length:
            raise IndexError(f"there is no row {row}: the input has {self._length}")
        near, rows = self._near
        if not near.first <= place < near.first + near.rows:
            if (found := self._next(place)) is not None:
                near, rows = found, found.to_rows()
                self._near = near, rows
        return rows[place - near.first]

    def _next(self, start: int) -> Batch | None:
        if start >= self._length:
            return None
        if self._at != start:
            self._reader.seek(start)
        crossed = self._reader.next()
        if crossed is None:
            return None
        self._at = start + crossed.rows.rows
        return batch_of(crossed.rows, start, [(run.group, run.rows) for run in crossed.groups])


class Removals:
    """Rows that go no further, by their reasons."""

    def __init__(self) -> None:
        self._rows: dict[tuple[bool, str], list[int]] = {}
        self.count = 0

    def add(self, rows: Iterable[int], rejected: bool, reason: object) -> None:
        """Adds rows of one reason."""
        of = self._rows.setdefault((rejected, clean(reason)), [])
        before = len(of)
        of += rows
        self.count += len(of) - before

    def take(self) -> list[Removal]:
        """All that were added, and forgets them."""
        taken, self._rows, self.count = self._rows, {}, 0
        return [
            Removal(rows, Fate.REJECTED if rejected else Fate.DROPPED, reason)
            for (rejected, reason), rows in taken.items()
            if rows
        ]


class Writer:
    """The way out of a global step: rows of the first input that are kept or removed, and rows that are new."""

    def __init__(self, sink: Sink, writes: Schema, rows: int, grouped: bool = False) -> None:
        self._sink = sink
        self._writes = writes
        self._rows = rows
        self._grouped = grouped
        self._kept: list[int] = []
        self._records: list[Record] = []
        self._written: list[Record] = []
        self._places: list[int] = []
        self._removed = Removals()

    def keep(self, rows: int | Iterable[int], columns: Record | Mapping[str, Sequence[Any]] | None = None) -> None:
        """Puts out a row of the first input, with all its other columns and the written ones given; or many, and `columns` has a
        list for each column then. In the order of the calls, and as often as a row is named."""
        if isinstance(rows, int):
            if self._written:
                self._flush()
            self._kept.append(rows)
            if self._writes:
                self._records.append(columns or {})
            if len(self._kept) >= (RECORDS if self._writes else CHUNK):
                self._flush()
            return
        self._flush()
        many = list(rows)
        columns = columns or {}
        for start in range(0, len(many), CHUNK):
            part = slice(start, start + CHUNK)
            self._keep(many[part], {name: values[part] for name, values in columns.items()})

    def write(self, records: Record | Iterable[Record], at: int | Iterable[int] | None = None) -> None:
        """Puts out a row, or several, that come from no one row of the input. The step must carry none of its columns. Where rows are
        grouped, `at` is a row of the first input, in whose place a row is put out: one for all, or one for each."""
        if isinstance(records, Mapping):
            records = (records,)
        if self._grouped != (at is not None):
            raise StepError(
                "rows are grouped: `write(…, at=7)` names the row of the first input in whose place a row is put out"
                if self._grouped
                else "`at` goes with rows that are grouped, by `by_key` or `by_each`"
            )
        if self._kept:
            self._flush()
        places = repeat(at) if at is None or isinstance(at, int) else iter(at)
        for record in records:
            if self._grouped:
                place = next(places, None)
                if place is None:
                    raise StepError("`at` is to have a row of the first input for each record, and has fewer")
                self._places.append(place)
            self._written.append(record)
            if len(self._written) >= RECORDS:
                self._flush()

    def drop(self, rows: int | Iterable[int], reason: str = "") -> None:
        """Leaves out a row, or several, of the first input. One that is neither kept nor removed is dropped without a reason."""
        self._remove(rows, False, reason)

    def reject(self, rows: int | Iterable[int], reason: str) -> None:
        """Says that the step cannot handle a row, or several, of the first input."""
        self._remove(rows, True, reason)

    def _remove(self, rows: int | Iterable[int], rejected: bool, reason: str) -> None:
        self._removed.add((rows,) if isinstance(rows, int) else rows, rejected, reason)
        if self._removed.count >= CHUNK:
            self._flush_removed()

    def _check(self, rows: Sequence[Any]) -> None:
        for row in rows:
            if not isinstance(row, int) or not 0 <= row < self._rows:
                raise StepError(f"the first input has no row {row!r}: its rows are numbered from 0 to {self._rows - 1}")

    def finish(self) -> None:
        """Tells the host what is left."""
        self._flush()
        self._flush_removed()

    def _flush_removed(self) -> None:
        removed = self._removed.take()
        for removal in removed:
            self._check(removal.rows)
        if removed:
            self._sink.remove(removed)

    def _flush(self) -> None:
        kept, self._kept = self._kept, []
        records, self._records = self._records, []
        if kept:
            self._keep(kept, gather(records, self._writes))
        made, self._written = self._written, []
        places, self._places = self._places, []
        if made:
            self._check(places)
            columns = written(self._writes, gather(made, self._writes), len(made))
            self._sink.write(assemble(len(made), columns), places)

    def _keep(self, rows: list[int], columns: Mapping[str, Sequence[Any]]) -> None:
        self._check(rows)
        made = written(self._writes, columns, len(rows))
        self._sink.keep(rows, assemble(len(rows), made) if made else None)

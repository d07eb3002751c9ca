"""The inputs of a global step, and its way out; rows cross many at a time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
"""Rows that are kept here before they are told to the host."""
RECORDS = 1000
"""The same of rows with columns."""


class Reader(Protocol):
    """The contract's reader."""

    def rows(self) -> int: ...
    def next(self) -> raw.Batch | None: ...
    def seek(self, row: int) -> None: ...


class Sink(Protocol):
    """The contract's writer."""

    def keep(self, rows: list[int], columns: raw.Batch | None) -> None: ...
    def write(self, rows: raw.Batch) -> None: ...
    def remove(self, rows: list[Removal]) -> None: ...


class Input:
    """All rows of an input. Iterating reads them from the first, as often as it is done; `rows[7]` reads one."""

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

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """The rows from `start` on, a batch at a time; `batch.first` is the number of its first row."""
        while batch := self._next(start):
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
            near = self._next(place) or near
            rows = near.to_rows()
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
        self._at = start + crossed.rows
        return batch_of(crossed, start)


class Writer:
    """The way out of a global step: rows of the first input that are kept or removed, and rows that are new."""

    def __init__(self, sink: Sink, writes: Schema, rows: int) -> None:
        self._sink = sink
        self._writes = writes
        self._rows = rows
        self._kept: list[int] = []
        self._records: list[Record] = []
        self._written: list[Record] = []
        self._removed: list[Removal] = []

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

    def write(self, records: Record | Iterable[Record]) -> None:
        """Puts out a row, or several, that come from no one row of the input. The step must carry none of its columns."""
        if isinstance(records, Mapping):
            records = (records,)
        if self._kept:
            self._flush()
        for record in records:
            self._written.append(record)
            if len(self._written) >= RECORDS:
                self._flush()

    def drop(self, rows: int | Iterable[int], reason: str = "") -> None:
        """Leaves out a row, or several, of the first input. One that is neither kept nor removed is dropped without a reason."""
        self._remove(rows, Fate.DROPPED, reason)

    def reject(self, rows: int | Iterable[int], reason: str) -> None:
        """Says that the step cannot handle a row, or several, of the first input."""
        self._remove(rows, Fate.REJECTED, reason)

    def _remove(self, rows: int | Iterable[int], fate: Fate, reason: str) -> None:
        self._removed += [Removal(row, fate, clean(reason)) for row in ([rows] if isinstance(rows, int) else rows)]
        if len(self._removed) >= CHUNK:
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
        removed, self._removed = self._removed, []
        self._check([removal.row for removal in removed])
        if removed:
            self._sink.remove(removed)

    def _flush(self) -> None:
        kept, self._kept = self._kept, []
        records, self._records = self._records, []
        if kept:
            self._keep(kept, gather(records, self._writes))
        made, self._written = self._written, []
        if made:
            columns = written(self._writes, gather(made, self._writes), len(made))
            self._sink.write(assemble(len(made), columns))

    def _keep(self, rows: list[int], columns: Mapping[str, Sequence[Any]]) -> None:
        self._check(rows)
        made = written(self._writes, columns, len(rows))
        self._sink.keep(rows, assemble(len(rows), made) if made else None)

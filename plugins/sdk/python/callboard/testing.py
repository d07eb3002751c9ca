"""Runs a step over rows in a test, without the host and as the host would.

    from callboard import testing
    from step import WordCount

    def test_counts_words():
        outcome = testing.run(WordCount, [{"text": "a b"}, {"text": None}], config={"min": 2})
        assert outcome.rows == [{"text": "a b", "n_words": 2}]
        assert outcome.rejected == [(1, "no text")]

What the step raises is raised, with its own trace. What breaks the contract fails the test: putting out something else when the same
rows come in smaller batches, say.
"""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from operator import itemgetter
from typing import Any

from callboard import _gathered, log
from callboard._build import build
from callboard._calls import GlobalCalls, SourceCalls, TransformCalls
from callboard._contract import Arrangement, Fate, Removal
from callboard._contract import columns as raw
from callboard._records import Page, Run
from callboard._replies import play
from callboard._step import Global, Source, Step, Transform
from callboard._wire import assemble, batch_of, schema_of
from callboard.columns import Row
from callboard.types import Schema, Type, binary, boolean, float64, int64, list_of, null, struct, utf8

replies = play


@dataclass
class Table:
    """Rows with the types of their columns, where those matter; `run` takes plain rows, too, and infers them."""

    schema: Schema
    rows: Sequence[Mapping[str, Any]]


@dataclass
class Outcome:
    """What came of the rows."""

    rows: list[Row] = field(default_factory=list)
    """Those put out, with all their columns."""
    dropped: list[tuple[int, str]] = field(default_factory=list)
    """Those of the (first) input that the step dropped, by number, and why."""
    rejected: list[tuple[int, str]] = field(default_factory=list)
    """Those that it could not handle."""
    counters: dict[str, int] = field(default_factory=dict, compare=False)
    """What it counted."""


def run(step: type[Step], *inputs: Table | Sequence[Mapping[str, Any]], config: Mapping[str, Any] | None = None) -> Outcome:
    """Runs a step over the rows of its input, or inputs; a source has none."""
    text = json.dumps(config or {})
    tables = [each if isinstance(each, Table) else table(each) for each in inputs]
    if issubclass(step, Transform):
        (rows,) = tables
        whole = _transform(step, text, rows, max(len(rows.rows), 1))
        _assert_same(whole, _transform(step, text, rows, 1), "when rows come one at a time")
    elif issubclass(step, Global):
        whole = _global(step, text, tables, max(1, *(len(each.rows) for each in tables)), False)
        when = "when rows come two at a time, and each group in a call of its own"
        _assert_same(whole, _global(step, text, tables, 2, True), when)
    elif issubclass(step, Source):
        whole = _source(step, text)
    else:
        raise TypeError(f"`{step.__name__}` is no step")
    return whole


def table(rows: Sequence[Mapping[str, Any]], types: Schema | None = None) -> Table:
    """Rows, and the types of their columns; of those not given, what their values suggest. A key that a row lacks is null."""
    names = dict.fromkeys([*(types or {}), *itertools.chain.from_iterable(rows)])
    given = types or {}
    schema = {name: given[name] if name in given else _infer([row.get(name) for row in rows]) for name in names}
    return Table(schema, rows)


def _infer(values: Sequence[Any]) -> Type:
    there = [value for value in values if value is not None]
    if not there:
        return null
    made = _infer_there(there)
    return made | None if len(there) < len(values) else made


def _infer_there(values: list[Any]) -> Type:
    classes = set(map(type, values))
    for among, made in (({bool}, boolean), ({int}, int64), ({int, float}, float64), ({str}, utf8), ({bytes}, binary)):
        if classes <= among:
            return made
    if classes <= {list, tuple}:
        return list_of(_infer(list(itertools.chain.from_iterable(values))))
    if all(isinstance(value, Mapping) for value in values):
        names = dict.fromkeys(itertools.chain.from_iterable(values))
        return struct({name: _infer([value.get(name) for value in values]) for name in names})
    raise TypeError(f"no type has all of {', '.join(sorted(each.__name__ for each in classes))}; give the column's with `table`")


def _batch(source: Table, names: Sequence[str], start: int, end: int) -> raw.Batch:
    rows = source.rows[start:end]
    columns = {name: build(source.schema[name], [row.get(name) for row in rows]) for name in names}
    return assemble(len(rows), columns)


def _batches(source: Table, names: Sequence[str], size: int) -> Iterator[tuple[int, raw.Batch]]:
    for start in range(0, len(source.rows), size):
        yield start, _batch(source, names, start, start + size)


def _empty(source: Table, names: Sequence[str]) -> raw.Batch:
    return _batch(source, names, 0, 0)


class _Outcome:
    """An outcome in the making: the host's side of what a step puts out."""

    def __init__(self, source: Table, writes: Schema, drops: Sequence[str]) -> None:
        self.source, self.made = source, Outcome()
        carried = [name for name in source.schema if name not in drops]
        self.names = list(dict.fromkeys([*carried, *writes]))
        self.gone: set[int] = set()
        self.kept: set[int] = set()
        log.counted.clear()

    def keep(self, rows: Sequence[int], columns: raw.Batch | None) -> None:
        self.made.rows += self.kept_rows(rows, columns)

    def kept_rows(self, rows: Sequence[int], columns: raw.Batch | None) -> list[Row]:
        written = batch_of(columns).to_rows() if columns and columns.columns else [{} for _ in rows]
        assert len(written) == len(rows), f"{len(written)} rows are written, and {len(rows)} kept"
        made = []
        for number, new in zip(rows, written):
            assert 0 <= number < len(self.source.rows), f"there is no row {number} to keep"
            old = self.source.rows[number]
            made.append({name: new[name] if name in new else old.get(name) for name in self.names})
        self.kept.update(rows)
        return made

    def remove(self, removals: Sequence[Removal], place: Callable[[int], int]) -> None:
        for removal, row in ((one, row) for one in removals for row in one.rows):
            number = place(row)
            assert number < len(self.source.rows), f"there is no row {number} to remove"
            assert number not in self.gone, f"row {number} is removed twice"
            self.gone.add(number)
            to = self.made.dropped if removal.fate == Fate.DROPPED else self.made.rejected
            to.append((number, removal.reason))

    def finish(self) -> Outcome:
        assert not (both := self.kept & self.gone), f"row {min(both)} is both kept and removed"
        self.made.dropped.sort()
        self.made.rejected.sort()
        self.made.counters = dict(log.counted)
        return self.made


def _transform(step: type[Transform], config: str, source: Table, size: int) -> Outcome:
    shape = TransformCalls(step).declare(config, _empty(source, list(source.schema)))
    outcome = _Outcome(source, schema_of(shape.writes), shape.drops)
    calls = TransformCalls(step)
    calls.open(config, _empty(source, shape.reads))
    for first, batch in _batches(source, shape.reads, size):
        output = calls.process(batch)
        gone = {row for removal in output.removed for row in removal.rows}
        origins = [row for row in range(batch.rows) if row not in gone] if output.origins is None else output.origins
        outcome.keep([first + row for row in origins], output.columns)
        outcome.remove(output.removed, partial(int.__add__, first))
    return outcome.finish()


class _Reader:
    """The host's side of an input: the rows that a call is given, each with its group."""

    def __init__(self, source: Table, names: Sequence[str], size: int, given: Sequence[tuple[int, int]], grouped: bool) -> None:
        self._source = Table(source.schema, [source.rows[row] for _, row in given])
        self._names, self._size, self._at, self._given, self._grouped = names, size, 0, given, grouped

    def rows(self) -> int:
        return len(self._given)

    def next(self) -> Page | None:
        start, self._at = self._at, min(self._at + self._size, self.rows())
        if start == self._at:
            return None
        groups = itertools.groupby(group for group, _ in self._given[start : self._at])
        runs = [Run(group, len(list(rows))) for group, rows in groups] if self._grouped else []
        return Page(_batch(self._source, self._names, start, self._at), runs)

    def seek(self, row: int) -> None:
        assert 0 <= row <= self.rows(), f"there is no row {row} to seek"
        self._at = row

    def positions(self, first: int, count: int) -> list[int]:
        assert first + count <= self.rows(), f"there are no {count} rows from {first} on"
        return [row for _, row in self._given[first : first + count]]


class _Call:
    """The host's side of a call's way out. A row is put out in the place of one of the input: where it stood, or, as it is written,
    where the first row of its group did."""

    def __init__(self, outcome: _Outcome, given: Sequence[tuple[int, int]], grouped: bool, as_written: bool) -> None:
        self.outcome, self._given, self._grouped, self._as_written = outcome, given, grouped, as_written
        self._first: dict[int, int] = {}
        for group, row in given:
            self._first[group] = min(row, self._first.get(group, row))
        self.put_out: list[tuple[int, Row]] = []

    def _place(self, row: int) -> int:
        group, place = self._given[row]
        if self._as_written:
            return self._first[group] if self._grouped else 0
        return place

    def keep(self, rows: Sequence[int], columns: raw.Batch | None) -> None:
        kept = self.outcome.kept_rows([self._given[row][1] for row in rows], columns)
        self.put_out += zip(map(self._place, rows), kept)

    def write(self, rows: raw.Batch, at: Sequence[int]) -> None:
        assert len(at) == (rows.rows if self._grouped else 0), f"{rows.rows} rows are written, in the places of {len(at)}"
        self.put_out += zip(map(self._place, at) if self._grouped else itertools.repeat(0), batch_of(rows).to_rows())

    def remove(self, removals: Sequence[Removal]) -> None:
        self.outcome.remove(removals, lambda row: self._given[row][1])


def _global(step: type[Global], config: str, tables: Sequence[Table], size: int, each: bool) -> Outcome:
    shape = GlobalCalls(step).declare(config, [_empty(table, list(table.schema)) for table in tables])
    outcome = _Outcome(tables[0], schema_of(shape.writes), shape.drops)
    calls = GlobalCalls(step)
    calls.open(config, [_empty(table, names) for table, names in zip(tables, shape.reads)])
    grouped, as_written = _gathered.is_grouped(shape), shape.arrangement == Arrangement.WRITTEN
    put_out: list[tuple[int, Row]] = []
    for part in _gathered.calls(shape, [table.rows for table in tables], each):
        call = _Call(outcome, part[0], grouped, as_written)
        given = zip(tables, shape.reads, part)
        calls.run([_Reader(table, names, size, rows, grouped) for table, names, rows in given], call)
        put_out += call.put_out
    put_out.sort(key=itemgetter(0))
    outcome.made.rows = [row for _, row in put_out]
    return outcome.finish()


def _source(step: type[Source], config: str) -> Outcome:
    log.counted.clear()
    writes = schema_of(SourceCalls(step).declare(config))
    pages = _pages(step, config, None)
    outcome = Outcome([row for rows, _ in pages for row in rows], counters=dict(log.counted))
    made = 0
    for rows, cursor in pages:
        made += len(rows)
        again = [row for rows, _ in _pages(step, config, cursor) for row in rows]
        assert again == outcome.rows[made:], f"other rows are made after row {made} when the source goes on from there"
    assert all(row.keys() == writes.keys() for row in outcome.rows)
    return outcome


def _pages(step: type[Source], config: str, cursor: bytes | None) -> list[tuple[list[Row], bytes]]:
    calls = SourceCalls(step)
    calls.open(config, cursor)
    pages = []
    while page := calls.next():
        pages.append((batch_of(page[0]).to_rows(), page[1]))
    return pages


def _assert_same(whole: Outcome, parts: Outcome, when: str) -> None:
    # In words, since a NaN is not equal to itself.
    assert repr(replace(whole, counters={})) == repr(replace(parts, counters={})), (
        f"something else is put out {when}: {parts}, and not {whole}"
    )

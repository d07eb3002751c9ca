"""What a call of the host does, for each kind of step; the same in a component and in a test."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeVar

from callboard._build import written
from callboard._contract import Arrangement, Gathering_All, Gathering_ByEach, Gathering_ByKey, Removal
from callboard._contract import columns as raw
from callboard._step import Bound, Global, Rows, Source, Step, Transform
from callboard._wire import assemble, batch_of, schema_of, schema_record
from callboard.columns import Batch
from callboard.errors import InputError, StepError, explain
from callboard.exchange import Input, Reader, Removals, Sink, Writer
from callboard.gather import Gather, Order
from callboard.output import Output
from callboard.rows import gather
from callboard.types import Schema

S = TypeVar("S", bound=Step)


@dataclass
class Processed:
    """The contract's `output`."""

    origins: list[int] | None
    columns: raw.Batch
    removed: list[Removal]


@dataclass
class ShapeRecord:
    """A transform's `shape`."""

    reads: list[str]
    writes: raw.Batch
    drops: list[str]


@dataclass
class GlobalShapeRecord:
    """A global step's."""

    reads: list[list[str]]
    writes: raw.Batch
    drops: list[str]
    gathering: Gathering_All | Gathering_ByKey | Gathering_ByEach
    sorted: list[list[Order]]
    arrangement: Arrangement


def step_of(module: ModuleType, kind: type[S]) -> type[S]:
    """The step that a module has: its one class of this kind."""
    classes = [each for each in vars(module).values() if isinstance(each, type) and each.__module__ == module.__name__]
    steps = [each for each in classes if issubclass(each, kind) and not each.__subclasses__()]
    if len(steps) == 1:
        return steps[0]
    others = [each for each in classes if issubclass(each, Step)]
    found = ", ".join(f"`{each.__name__}`" for each in steps or others) or "none"
    raise TypeError(f"`{module.__name__}.py` is to have one class that extends `{kind.__name__}`, and has {found}")


def _configured(step: type[S], config: str) -> S:
    made = step()
    made.config = step.parser().parse(config)
    return made


def bind_transform(step: type[Transform], config: str, schema: Schema) -> Transform:
    """A step with its configuration and shape."""
    made = _configured(step, config)
    made._bound = made._shape(made.declare(schema), [schema])
    return made


class TransformCalls:
    """The functions of a transform."""

    def __init__(self, step: type[Transform]) -> None:
        self._class = step
        self._step: Transform | None = None

    def declare(self, config: str, input: raw.Batch) -> ShapeRecord:
        bound = bind_transform(self._class, config, schema_of(input))._bound
        return ShapeRecord(bound.reads[0], schema_record(bound.writes), bound.drops)

    def open(self, config: str, input: raw.Batch) -> None:
        self._step = bind_transform(self._class, config, schema_of(input))
        self._step.open()

    def process(self, input: raw.Batch) -> Processed:
        step = _opened(self._step)
        batch = batch_of(input)
        output: Any = step.process(batch)
        if not isinstance(output, Output):
            raise StepError(f"`process` is to return an `Output`, and returned {output!r:.60}")
        return _processed(output, batch.rows, step._bound)


def _processed(output: Output, rows: int, bound: Bound) -> Processed:
    for row in output.origins or ():
        if not isinstance(row, int) or not 0 <= row < rows:
            raise StepError(f"`origins` names row {row!r}, of {rows} in the batch")
    for row in output.removed:
        if not isinstance(row, int) or not 0 <= row < rows:
            raise StepError(f"row {row!r} was dropped or rejected, of {rows} in the batch")
    count = rows - len(output.removed) if output.origins is None else len(output.origins)
    columns = assemble(count, written(bound.writes, output.columns, count))
    removals = Removals()
    for row, (reason, rejected) in output.removed.items():
        removals.add((row,), rejected, reason)
    return Processed(output.origins, columns, removals.take())


class GlobalCalls:
    """The functions of a global step."""

    def __init__(self, step: type[Global]) -> None:
        self._class = step
        self._step: tuple[Global, Bound] | None = None

    def _bind(self, config: str, inputs: list[raw.Batch]) -> tuple[Global, Bound]:
        made, schemas = _configured(self._class, config), [schema_of(input) for input in inputs]
        made._check_inputs(len(inputs))
        return made, made._shape(made.declare(*schemas), schemas)

    def declare(self, config: str, inputs: list[raw.Batch]) -> GlobalShapeRecord:
        _, bound = self._bind(config, inputs)
        gather, count = bound.gather, len(inputs)
        for names, schema in zip([*_named(gather, count)], map(schema_of, inputs)):
            if absent := [name for name in names if name not in schema]:
                raise InputError(f"there is no column `{absent[0]}`")
        gathering: Gathering_All | Gathering_ByKey | Gathering_ByEach = Gathering_All()
        if gather.kind == "by-key":
            gathering = Gathering_ByKey(gather.columns_of(count))
        elif gather.kind == "by-each":
            gathering = Gathering_ByEach([names[0] for names in gather.columns_of(count)])
        as_written = not gather.is_grouped if gather.written is None else gather.written
        arrangement = Arrangement.WRITTEN if as_written else Arrangement.INPUT
        orders = [list(orders) for orders in gather.orders_of(count)]
        return GlobalShapeRecord(bound.reads, schema_record(bound.writes), bound.drops, gathering, orders, arrangement)

    def open(self, config: str, inputs: list[raw.Batch]) -> None:
        self._step = self._bind(config, inputs)
        self._step[0].open()

    def run(self, inputs: list[Reader], output: Sink) -> None:
        step, bound = _opened(self._step)
        readers = [Input(reader) for reader in inputs]
        writer = Writer(output, bound.writes, len(readers[0]), bound.gather.is_grouped)
        try:
            step.run(*readers, output=writer)
        except KeyError as error:
            explain(error, dict.fromkeys(name for names in bound.reads for name in names))
            raise
        writer.finish()


def _named(gather: Gather, inputs: int) -> Iterator[list[str]]:
    """The columns of each input that rows are grouped or sorted by."""
    grouped = gather.columns_of(inputs) if gather.is_grouped else [[]] * inputs
    for names, orders in zip(grouped, gather.orders_of(inputs)):
        yield [*names, *(order.column for order in orders)]


class SourceCalls:
    """The functions of a source."""

    def __init__(self, step: type[Source]) -> None:
        self._class = step
        self._pages: Iterator[tuple[Rows, bytes]] | None = None
        self._writes: Schema = {}

    def declare(self, config: str) -> raw.Batch:
        return schema_record(_configured(self._class, config).declare())

    def open(self, config: str, cursor: bytes | None) -> None:
        step = _configured(self._class, config)
        self._writes = step.declare()
        step.open()
        self._pages = iter(step.pages(cursor))

    def next(self) -> tuple[raw.Batch, bytes] | None:
        page = next(_opened(self._pages), None)
        if page is None:
            return None
        rows, cursor = page
        if not isinstance(cursor, bytes):
            raise StepError(f"a cursor is `bytes`, and `pages` gave {cursor!r:.60}")
        return page_of(rows, self._writes), cursor


def page_of(rows: Rows | Batch, writes: Schema) -> raw.Batch:
    """A batch of new rows, given as records or as columns."""
    columns: dict[str, list[Any]] | dict[str, Any]
    if isinstance(rows, list):
        columns, count = gather(rows, writes), len(rows)
    else:
        columns = dict(rows)  # type: ignore[arg-type]
        count = len(next(iter(columns.values()), ()))
    return assemble(count, written(writes, columns, count))


G = TypeVar("G")


def _opened(step: G | None) -> G:
    if step is None:
        raise StepError("the host called the step before it was opened")
    return step

"""The three kinds of step, as an author writes them."""

import inspect
import re
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from callboard.columns import Batch, Row
from callboard.config import Empty, Parser, columns_of
from callboard.errors import ConfigError, InputError
from callboard.gather import Gather
from callboard.output import Output
from callboard.rows import Record, Result, by_rows, chunks
from callboard.types import Schema

PAGE = 1000
"""Rows in a source's batch."""


@dataclass
class Shape:
    """What a step does to the columns of its input.

    Put out are the input's columns without `drops`, replaced in place where `writes` has one of the same name, then the
    others of `writes`.
    """

    reads: Sequence[str] | Sequence[Sequence[str]] = ()
    """Columns the step is given. For a global step with several inputs: the same from each, or a list for each."""
    writes: Schema | None = None
    """Columns the step puts out itself; those of the class if not given."""
    drops: Sequence[str] = ()
    """Columns that go no further."""
    gather: Gather | None = None
    """For a global step, how its rows are brought together; as the class says if not given."""


class Step:
    """What the kinds have in common. A class's docstring is the step's summary."""

    name: ClassVar[str]
    """As `word-count`; made from the class's name if not given."""
    version: ClassVar[str] = "0.1.0"
    config: Any
    """The configuration. Annotate it with a dataclass: `config: Config`."""
    writes: Schema = {}
    """The columns that are written, and their types."""

    _parser: ClassVar[Parser]

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if "name" not in cls.__dict__:
            cls.name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", cls.__name__).lower()

    @classmethod
    def parser(cls) -> Parser:
        """The class's configuration, looked at once."""
        if "_parser" not in cls.__dict__:
            config = typing.get_type_hints(cls)["config"]
            cls._parser = Parser(Empty if config is Any else config)
        return cls._parser

    @classmethod
    def summary(cls) -> str:
        """The first line of the class's docstring."""
        words = (cls.__doc__ or "").strip() if cls.__doc__ not in (Transform.__doc__, Global.__doc__, Source.__doc__) else ""
        return words.split("\n\n")[0].replace("\n    ", " ")

    def open(self) -> None:
        """Called once, before the first row and not when a pipeline is only checked: the place to load a model or to build
        a table. `self.config` is there."""


class _OfInputs(Step):
    reads: Sequence[str] = ()
    """The columns that the step is given, besides those that options with `column` name."""
    drops: Sequence[str] = ()
    """The columns that go no further."""

    def _shape(self, shape: Shape, schemas: Sequence[Schema]) -> "Bound":
        named = list(columns_of(self.config))
        for at, name, type in named:
            for schema in schemas:
                if name not in schema:
                    raise ConfigError(f"there is no column `{name}`", at)
                if type is not None and not schema[name].fits(type):
                    raise ConfigError(f"column `{name}` is no {type}", at)
        wanted: list[list[str]]
        if all(isinstance(name, str) for name in shape.reads):
            wanted = [[str(name) for name in shape.reads] for _ in schemas]
        elif len(shape.reads) == len(schemas):
            wanted = [list(names) for names in shape.reads]
        else:
            raise InputError(f"the step reads from {len(shape.reads)} inputs, and {len(schemas)} are connected")
        for names, schema in zip(wanted, schemas):
            if absent := [name for name in names if name not in schema]:
                raise InputError(f"there is no column `{absent[0]}`")
        reads = [list(dict.fromkeys([*(name for _, name, _ in named), *names])) for names in wanted]
        gather = getattr(self, "gather", Gather()) if shape.gather is None else shape.gather
        return Bound(reads, self.writes if shape.writes is None else shape.writes, list(shape.drops), gather)


@dataclass
class Bound:
    """A shape with everything in its place: `reads` for each input."""

    reads: list[list[str]]
    writes: Schema
    drops: list[str]
    gather: Gather


class Transform(_OfInputs):
    """A step that works on one batch at a time. Write `row`, or `process` to work by columns.

    What is put out has to depend on the configuration and the rows of the batch alone: batches may be cut anywhere, and
    several instances may work side by side.
    """

    def declare(self, schema: Schema) -> Shape:
        """What the step does to rows of this schema, where that is not the same always. Called when a pipeline is checked, and
        again in each instance that will run, with the columns that are read alone."""
        return Shape(self.reads, self.writes, self.drops)

    def row(self, row: Row) -> Result:
        """The columns written for this row; or `drop(reason)`, `reject(reason)`, `None` to drop it without a reason, or
        several of these (`yield` them), each of which carries the row's other columns."""
        raise NotImplementedError(f"`{type(self).__name__}` has neither `row` nor `process`")

    def process(self, batch: Batch) -> Output:
        """The written columns of all rows of a batch."""
        return by_rows(self.row, batch, self._bound.writes)

    _bound: Bound


class Global(_OfInputs):
    """A step that needs rows of the whole input together before it puts out the first. Write `run`."""

    gather: Gather = Gather()
    """How rows are brought together: all in one call, unless it says `by_key(…)`, `by_each(…)` or `in_order(…)`."""

    def declare(self, *schemas: Schema) -> Shape:
        """As a transform's, with a schema for each input."""
        return Shape(self.reads, self.writes, self.drops)

    def run(self, *args: Any, **kwargs: Any) -> None:
        """Reads the inputs and puts rows out: `def run(self, rows: Input, output: Writer)`, with a parameter for each input that
        may be connected and `output` after them (`*, output` where an input has a default). Called once, or, where rows are
        grouped, any number of times in any number of instances, each time with other groups: what comes of a group depends on the
        configuration and its rows alone."""
        raise NotImplementedError(f"`{type(self).__name__}` has no `run`")

    def _check_inputs(self, count: int) -> None:
        try:
            inspect.signature(self.run).bind(*[None] * count, output=None)
        except TypeError:
            takes = [name for name in inspect.signature(self.run).parameters if name != "output"]
            raise InputError(
                f"the step takes {len(takes)} input{'s' * (len(takes) != 1)} ({', '.join(takes)}), and {count} are connected"
            ) from None


Rows = Sequence[Record] | Mapping[str, Sequence[Any]]
"""Several records, or their columns."""


class Source(Step):
    """A step that makes rows from nothing but its configuration. Write `rows`, or `pages` to keep a cursor of your own."""

    def declare(self) -> Schema:
        """The columns that are made, where they depend on the configuration."""
        return self.writes

    def rows(self, skip: int) -> Iterable[Record]:
        """Yields the records after the first `skip`, which an interrupted run made already."""
        raise NotImplementedError(f"`{type(self).__name__}` has neither `rows` nor `pages`")

    def pages(self, cursor: bytes | None) -> Iterator[tuple[Rows, bytes]]:
        """Yields batches, each with a cursor that says where to go on after it: that of the last batch of an interrupted run is
        what this is given then."""
        made = int.from_bytes(cursor or b"", "little")
        for records in chunks(self.rows(made), PAGE):
            made += len(records)
            yield records, made.to_bytes(8, "little")

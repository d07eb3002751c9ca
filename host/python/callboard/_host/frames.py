"""Rows as they come out of steps and runs, for whatever library wants them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from callboard import _native

if TYPE_CHECKING:
    from collections.abc import Iterator

    import datasets
    import pandas
    import polars
    import pyarrow


@runtime_checkable
class ArrowStream(Protocol):
    """Rows of any library that follows the Arrow PyCapsule protocol."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


class Frame:
    """Rows in Arrow's layout: of a step that was called, or of a file that is read when it is asked for.

    Any library that follows the Arrow PyCapsule protocol takes it as it is: `pyarrow.table(frame)`, `polars.DataFrame(frame)`,
    `duckdb.from_arrow(frame)`. The methods `to_…` do that.
    """

    __slots__ = ("_native",)

    def __init__(self, rows: Any) -> None:
        """Takes the rows of any object that follows the protocol."""
        held = isinstance(rows, (_native.Batches, _native.Files))
        self._native: _native.Batches | _native.Files = rows if held else _native.Batches(rows)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._native.__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        return self._native.__arrow_c_schema__()

    @property
    def columns(self) -> dict[str, str]:
        """The type of each column, by name, in the words of a pipeline."""
        return dict(self._native.columns)

    def to_arrow(self) -> pyarrow.Table:
        """A table of PyArrow."""
        import pyarrow

        return pyarrow.table(self._native)

    def to_polars(self) -> polars.DataFrame:
        """A data frame of Polars."""
        import polars

        return polars.DataFrame(self._native)

    def to_pandas(self) -> pandas.DataFrame:
        """A data frame of pandas, by way of PyArrow."""
        made: pandas.DataFrame = self.to_arrow().to_pandas()
        return made

    def to_dataset(self) -> datasets.Dataset:
        """A dataset of Hugging Face `datasets`."""
        import datasets

        return datasets.Dataset(self.to_arrow())

    def to_list(self) -> list[dict[str, Any]]:
        """A dict for each row, by way of PyArrow."""
        rows: list[dict[str, Any]] = self.to_arrow().to_pylist()
        return rows

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.to_list())

    def __len__(self) -> int:
        if isinstance(self._native, _native.Batches):
            return self._native.num_rows
        return int(self.to_arrow().num_rows)

    def __repr__(self) -> str:
        columns = ", ".join(f"{name}: {type}" for name, type in self._native.columns)
        if isinstance(self._native, _native.Batches):
            return f"<Frame of {self._native.num_rows} rows ({columns})>"
        return f"<Frame of {', '.join(map(str, self._native.paths))} ({columns})>"

    def _repr_html_(self) -> str:
        from callboard._host import html

        return html.frame(self)


def like(rows: object, frame: Frame) -> Any:
    """The rows of `frame` in the kind of object that `rows` is."""
    held = frame._native
    if isinstance(rows, Frame):
        return frame
    if isinstance(rows, Mapping):
        return frame.to_arrow().to_pydict()
    library = type(rows).__module__.partition(".")[0]
    if library == "pyarrow":
        import pyarrow

        if isinstance(rows, pyarrow.RecordBatch) and isinstance(held, _native.Batches):
            return pyarrow.record_batch(held)
        return pyarrow.table(held)
    if library == "polars":
        import polars

        made = polars.DataFrame(held)
        return made.lazy() if isinstance(rows, polars.LazyFrame) else made
    if library == "pandas":
        return frame.to_pandas()
    return frame


def rows_of(rows: object) -> object:
    """An object with the Arrow protocol that has the same rows: dicts of lists and lazy frames have none of their own."""
    if isinstance(rows, Frame):
        return rows._native
    if isinstance(rows, Mapping):
        import pyarrow

        return pyarrow.table({name: rows[name] for name in rows})
    library = type(rows).__module__.partition(".")[0]
    if library == "polars":
        import polars

        return rows.collect() if isinstance(rows, polars.LazyFrame) else rows
    if library == "pandas" and "pyarrow" in sys.modules:
        import pyarrow

        # Without the index, which is no column of the rows.
        return pyarrow.Table.from_pandas(rows, preserve_index=False)
    return rows

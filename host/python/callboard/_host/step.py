"""One step, called on rows: in its sandbox, under its limits, without a pipeline."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from callboard import _native
from callboard._host.command import command
from callboard._host.errors import PipelineError
from callboard._host.frames import Frame, like, rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Rows = TypeVar("Rows")


class RemovedRow:
    """A row that a step left out."""

    __slots__ = ("row", "rejected", "reason")

    def __init__(self, row: int, rejected: bool, reason: str) -> None:
        self.row = row
        """Its number in the rows that the step was called on, from 0."""
        self.rejected = rejected
        """Whether the step could not handle it; otherwise it is left out, as the step is meant to."""
        self.reason = reason
        """Why; empty where the step said nothing."""

    def __repr__(self) -> str:
        return f"RemovedRow(row={self.row}, rejected={self.rejected}, reason={self.reason!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemovedRow) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash((self.row, self.rejected, self.reason))


class Called(Generic[Rows]):
    """What a step made of rows."""

    __slots__ = ("rows", "removed")

    def __init__(self, rows: Rows, removed: list[RemovedRow]) -> None:
        self.rows = rows
        """The rows that it put out, in the kind of object that it was given."""
        self.removed = removed
        """The rows that it left out."""


def step_table(
    use: str,
    config: Mapping[str, Any] | None,
    *,
    name: str | None = None,
    limits: Mapping[str, Any] | None = None,
    grants: Mapping[str, Any] | None = None,
    columns: Mapping[str, str] | None = None,
    on_error: str | None = None,
    retries: int | None = None,
) -> dict[str, Any]:
    """A step as a pipeline file has it."""
    given = {
        "name": name,
        "use": use,
        "config": dict(config) if config else None,
        "limits": dict(limits) if limits else None,
        "grant": dict(grants) if grants else None,
        "columns": dict(columns) if columns else None,
        "on_error": on_error,
        "retries": retries,
    }
    return {key: value for key, value in given.items() if value is not None}


class Step:
    """A step that is called as a function on rows, in its sandbox.

        label = callboard.Step("./label.wasm", config={"column": "text"}, limits={"memory": "128MiB"})
        table = label(table)

    Rows are a table or record batch of PyArrow, Polars, pandas or any other library that follows the Arrow PyCapsule
    protocol, or a dict of lists; what comes back is of the same kind. A transform works batch by batch. A global step takes all rows
    it is called on as a whole, and may take several inputs: `step(rows, others)`. A source is called with none.

    The component is compiled once, by the command, and kept in the user's cache. A `Step` may be pickled, copied to other
    processes, and called from several threads, one after another.
    """

    def __init__(
        self,
        use: str | os.PathLike[str],
        config: Mapping[str, Any] | None = None,
        *,
        limits: Mapping[str, Any] | None = None,
        grants: Mapping[str, Any] | None = None,
        columns: Mapping[str, str] | None = None,
        on_error: str = "fail",
        retries: int | None = None,
        name: str | None = None,
    ) -> None:
        """Finds the step and compiles it.

        `use` is the path of a component, or the name of a bundled step. `config` is its configuration. `limits` and `grants` are
        what `limits` and `grant` are in a pipeline file: `{"memory": "128MiB", "time": "10s"}`, `{"files": ["words.txt"]}`.
        `columns` gives columns the names that the step knows them by. `on_error="reject"` leaves out rows that the step cannot handle,
        and `call` lists them; `"fail"` raises `DataError`.
        """
        text = os.fspath(use)
        if text.endswith(".wasm") or "/" in text or os.sep in text:
            text = os.path.abspath(text)
        self._base = os.getcwd()
        self._table = step_table(
            text, config, name=name, limits=limits, grants=grants, columns=columns, on_error=on_error, retries=retries
        )
        self._made: dict[int, _native.Step] = {}
        self._process = os.getpid()
        self._of(1)

    def _of(self, inputs: int) -> _native.Step:
        if self._process != os.getpid():
            # Forked: the threads of a step stay in the process that made it.
            self._made = {}
            self._process = os.getpid()
        found = self._made.get(inputs)
        if found is None:
            found = _native.Step(json.dumps(self._table), inputs, self._base, command())
            self._made[inputs] = found
        return found

    @property
    def kind(self) -> str:
        """`transform`, `global` or `source`; `pipeline` for a bundled step that is a pipeline of several."""
        return self._of(1).kind

    def describe(self) -> dict[str, Any]:
        """How the component describes itself: `name`, `version`, `summary` and `config_schema`, a JSON Schema."""
        described: dict[str, Any] = dict(self._of(1).describe())
        described["config_schema"] = json.loads(described["config_schema"] or "{}")
        return described

    def __call__(self, rows: Rows = None, *others: Any) -> Rows:  # type: ignore[assignment]
        """Calls the step on rows: those that it puts out, in the same kind of object."""
        return self._called(rows, others, None, listed=False).rows

    def call(self, rows: Rows = None, *others: Any, limit: int | None = None) -> Called[Rows]:  # type: ignore[assignment]
        """Calls the step on rows: those that it puts out, and those that it left out.

        A source is called without rows, and at most `limit` of its rows are read.
        """
        return self._called(rows, others, limit, listed=True)

    def _called(self, rows: Rows, others: Sequence[Any], limit: int | None, *, listed: bool) -> Called[Rows]:
        """Calls the step; the rows that a step of several leaves out are listed only where they are wanted."""
        step = self._of(1 + len(others))
        kind = step.kind
        if kind == "source" and (rows is not None or others):
            raise TypeError("a source makes rows, and is called with none")
        if kind != "source" and rows is None:
            raise TypeError(f"this step is a {kind}, and is called with rows")
        if kind == "pipeline":
            frame, removed_rows = self._as_pipeline([rows, *others], listed)
            return Called(like(rows, frame), removed_rows)
        try:
            if kind == "source":
                made, removed = step.source(limit)
            elif kind == "transform":
                made, removed = step.transform(rows_of(rows))
            else:
                made, removed = step.whole([rows_of(rows), *map(rows_of, others)])
        finally:
            for level, line in step.logged():
                _log(self._table, level, line)
        return Called(like(rows, Frame(made)), [RemovedRow(*row) for row in removed])

    def _as_pipeline(self, inputs: Sequence[Any], listed: bool) -> tuple[Frame, list[RemovedRow]]:
        """Calls a step that is a pipeline of several, as a run in a folder of its own."""
        import tempfile

        from callboard._host.pipeline import Pipeline

        with tempfile.TemporaryDirectory(prefix="callboard-step-") as folder:
            names = [f"input_{number}" for number in range(len(inputs))]
            for name, rows in zip(names, inputs, strict=True):
                _native.Batches(rows_of(rows)).write(os.path.join(folder, f"{name}.arrow"))
            table = {**self._table, "from": names[0] if len(names) == 1 else {name: name for name in names}}
            text: dict[str, Any] = {
                "callboard": 1,
                "name": "step",
                "inputs": {name: {"path": os.path.join(folder, f"{name}.arrow")} for name in names},
                "steps": [table],
                "outputs": {"rows": {"path": os.path.join(folder, "rows.arrow")}},
            }
            doors = self._doors(text) if listed else []
            for door in doors:
                _read(text, door, os.path.join(folder, f"{door}.jsonl"))
            pipeline = Pipeline(json.dumps(text), name="step", base=self._base)
            run = pipeline.run(folder=os.path.join(folder, "run"), resumable=False, fresh=True)
            removed = [row for door in doors for row in _removed(os.path.join(folder, f"{door}.jsonl"), door)]
            return Frame(_native.Batches(run.output("rows"))), sorted(removed, key=lambda row: row.row)

    def _doors(self, text: Mapping[str, Any]) -> list[str]:
        """By which side doors rows leave this step of several: those that it gives."""
        from callboard._host.pipeline import Pipeline

        found = []
        for door in ("dropped", "rejected"):
            tried: dict[str, Any] = json.loads(json.dumps(text))
            _read(tried, door, f"{door}.jsonl")
            try:
                Pipeline(json.dumps(tried), name="step", base=self._base).plan()
            except PipelineError:
                continue
            found.append(door)
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return (_again, (self._table, self._base))

    def __repr__(self) -> str:
        return f"Step({self._table['use']!r}, config={self._table.get('config', {})!r})"


def _read(text: dict[str, Any], door: str, path: str) -> None:
    """Writes why rows leave the first step by a side door, and their numbers, to a file."""
    step = text["steps"][0]
    name = step.setdefault("name", "step")
    why = {"name": f"_{door}", "use": "select", "from": f"{name}.{door}", "config": {"keep": ["_line", "_reason"]}}
    text["steps"].append(why)
    text["outputs"][door] = {"path": path, "from": why["name"]}
    text["outputs"]["rows"]["from"] = name


def _removed(path: str, door: str) -> list[RemovedRow]:
    with open(path, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [RemovedRow(row["_line"] - 1, door == "rejected", row["_reason"] or "") for row in rows]


def _again(table: dict[str, Any], base: str) -> Step:
    step = Step.__new__(Step)
    step._base, step._table, step._made, step._process = base, table, {}, os.getpid()
    return step


def _log(table: Mapping[str, Any], level: str, line: str) -> None:
    import logging

    levels = {"trace": logging.DEBUG, "debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING}
    logging.getLogger("callboard.step").log(levels.get(level, logging.ERROR), "%s: %s", table.get("name") or table["use"], line)

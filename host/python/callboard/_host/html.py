"""What a notebook shows. Names and reasons come from strangers, so everything is escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from callboard._host.frames import Frame
    from callboard._host.pipeline import Pipeline
    from callboard._host.run import Report


def text(words: str) -> str:
    """Text as it stands."""
    return f"<pre>{escape(words)}</pre>"


def table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A table; numbers stand to the right."""

    def cell(value: object) -> str:
        if isinstance(value, (int, float)):
            return f'<td style="text-align: right">{value:,}</td>'
        return f'<td style="text-align: left">{escape(str(value))}</td>'

    head = "".join(f'<th style="text-align: left">{escape(name)}</th>' for name in heads)
    body = "".join(f"<tr>{''.join(map(cell, row))}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def frame(rows: Frame) -> str:
    """The columns of rows."""
    return table(("column", "type"), rows.columns.items())


def pipeline(of: Pipeline) -> str:
    """What is read, done and written."""
    from callboard._host.errors import Failure

    try:
        rows = [("input", name, ", ".join(paths)) for name, paths in of.inputs.items()]
        rows += [("step", name, use) for name, use in of.steps.items()]
        rows += [("output", name, path) for name, path in of.outputs.items()]
        return f"<b>{escape(of.name)}</b>{table(('', 'name', 'uses'), rows)}"
    except Failure as error:
        return text(str(error))


def report(of: Report) -> str:
    """What happened in a run."""
    steps = [
        (step.name, step.use, step.rows_in, step.rows_out, step.rows_dropped, step.rows_rejected, round(step.seconds, 3))
        for step in of.steps.values()
    ]
    heads = ("step", "uses", "rows in", "rows out", "dropped", "rejected", "seconds")
    outputs = "; ".join(f"{escape(name)}: {rows:,} rows" for name, rows in of.outputs.items())
    notes = "".join(f"<li>{escape(note)}</li>" for note in of.notes)
    title = f"<b>{escape(of.name)}</b>: {escape(of.status)} in {of.seconds:.2f} s. {outputs}"
    return title + table(heads, steps) + (f"<ul>{notes}</ul>" if notes else "")

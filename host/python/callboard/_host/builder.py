"""Pipelines in Python: `read(…) | step(…) | write(…)`."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Union

from callboard._host.pipeline import Pipeline
from callboard._host.step import step_table

if TYPE_CHECKING:
    from collections.abc import Sequence

Path_ = Union[str, "os.PathLike[str]"]


class Node:
    """An input, a step or an output, and the line of Python that made it."""

    def __init__(self, section: str, table: dict[str, Any], default: str) -> None:
        self.section = section
        self.table = {key: value for key, value in table.items() if value is not None}
        self.default = default
        self.sources: list[Flow] | dict[str, list[Flow]] | None = None
        self.place = _caller()


class Flow:
    """Rows on their way: of an input, of a step, or what leaves a step by a side door. `flow | step(…)` is where they go."""

    def __init__(self, node: Node, door: str | None = None) -> None:
        self._node = node
        self._door = door

    @property
    def dropped(self) -> Flow:
        """The rows that the step drops."""
        return Flow(self._node, "dropped")

    @property
    def rejected(self) -> Flow:
        """The rows that the step rejects; it needs `on_error="reject"`."""
        return Flow(self._node, "rejected")

    def __add__(self, other: Flow | Flows) -> Flows:
        """The rows of both, one behind the other."""
        return Flows([self]) + other

    def __or__(self, other: StepSpec | Writing) -> Any:
        return Flows([self]) | other

    def __repr__(self) -> str:
        return f"<rows of {self._node.default}{'.' + self._door if self._door else ''}>"


class Flows:
    """The rows of several, one behind the other."""

    def __init__(self, flows: list[Flow]) -> None:
        self._flows = flows

    def __add__(self, other: Flow | Flows) -> Flows:
        return Flows(self._flows + (other._flows if isinstance(other, Flows) else [other]))

    def __or__(self, other: StepSpec | Writing) -> Any:
        if isinstance(other, StepSpec):
            return other._after(list(self._flows))
        if isinstance(other, Writing):
            return other._after(list(self._flows))
        return NotImplemented


class WrongConfiguration:
    """What a type checker makes of a bundled step whose configuration is not right. At run time there is none."""


class StepSpec(WrongConfiguration):
    """A step that is not in a pipeline yet: `rows | step(…)` puts it there, `step(…)(rows, others)` with several inputs."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def _after(self, sources: list[Flow] | dict[str, list[Flow]]) -> Flow:
        node = Node("steps", dict(self._node.table), self._node.default)
        node.place, node.sources = self._node.place, sources
        return Flow(node)

    def __call__(self, *inputs: Flow | Flows, **named: Flow | Flows) -> Flow:
        """The step with its inputs: the rows of the first go on, the others are only read. A source has none."""

        def flows(of: Flow | Flows) -> list[Flow]:
            return of._flows if isinstance(of, Flows) else [of]

        if len(inputs) == 1 and not named:
            return self._after(flows(inputs[0]))
        return self._after(
            {f"input_{number}": flows(of) for number, of in enumerate(inputs, 1)} | {k: flows(v) for k, v in named.items()}
        )

    def __or__(self, other: StepSpec | Writing) -> Any:
        """A source, whose rows go on."""
        return self._after([]) | other

    def __repr__(self) -> str:
        return f"step({self._node.table['use']!r})"


class Writing:
    """An output that is not in a pipeline yet."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def _after(self, sources: list[Flow]) -> Pipeline:
        node = Node("outputs", dict(self._node.table), self._node.default)
        node.place, node.sources = self._node.place, sources
        return pipeline(_Outputs((node,)))


class _Outputs:
    def __init__(self, nodes: tuple[Node, ...]) -> None:
        self._nodes = nodes


def read(
    path: Path_ | Sequence[Path_],
    *,
    name: str | None = None,
    format: str | None = None,
    types: Mapping[str, str] | None = None,
    delimiter: str | None = None,
    limits: Mapping[str, Any] | None = None,
    **keys: Any,
) -> Flow:
    """An input: files by their paths and patterns (`data/*.parquet`), which start from the current folder.

    `types` are types of columns, where files do not say them; `format` is `jsonl`, `csv`, `parquet` or another, by
    default what the extension says. Any other key of an input in a pipeline file is taken as well: `rows=1000`.
    """
    paths = [path] if isinstance(path, (str, os.PathLike)) else list(path)
    table = {
        "path": [os.fspath(one) for one in paths],
        "format": format,
        "types": dict(types) if types else None,
        "delimiter": delimiter,
        "limits": dict(limits) if limits else None,
        **keys,
    }
    default = _stem(os.fspath(paths[0])) if len(paths) == 1 else "input"
    return Flow(Node("inputs", table, name or default or "input"))


def step_spec(
    use: Path_,
    config: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    limits: Mapping[str, Any] | None = None,
    grants: Mapping[str, Any] | None = None,
    columns: Mapping[str, str] | None = None,
    on_error: str | None = None,
    retries: int | None = None,
    replicas: int | None = None,
    needs: Mapping[str, Any] | None = None,
    max_rejects: int | str | None = None,
    stats: bool | None = None,
) -> StepSpec:
    """A step: the path of a component or of a pipeline file, or the name of a bundled step.

    `config` is its configuration, which editors complete for a bundled step. `limits`, `grants`, `columns`, `on_error`, `retries`,
    `replicas`, `needs`, `max_rejects` and `stats` are the keys of a pipeline file (`grants` is `grant`): `limits={"memory": "128MiB"}`.
    """
    table = step_table(os.fspath(use), config, limits=limits, grants=grants, columns=columns, on_error=on_error, retries=retries)
    table |= {"replicas": replicas, "needs": dict(needs) if needs else None, "max_rejects": max_rejects, "stats": stats}
    return StepSpec(Node("steps", table, name or _stem(os.fspath(use)) or "step"))


def write(
    path: Path_,
    *,
    name: str | None = None,
    format: str | None = None,
    columns: Sequence[str] | Mapping[str, str] | None = None,
    max_rows: int | None = None,
    max_bytes: str | int | None = None,
    max_partitions: int | None = None,
    append: bool | None = None,
    **keys: Any,
) -> Writing:
    """An output: a file, whose extension names the format unless `format` does.

    `columns` are the columns to write, in that order; a dict gives them other names.

    A path like `"out/{language}/part-{n}.parquet"` makes several files: one for each value of the column `language`, and a further
    one, numbered `{n}`, whenever one has `max_rows` rows or `max_bytes` of rows in memory (`"256MiB"`). There are at most
    `max_partitions` different values. `append` adds files to a folder and leaves those that are there.

    Any other key of an output in a pipeline file is taken as well.
    """
    chosen = columns if columns is None else dict(columns) if isinstance(columns, Mapping) else list(columns)
    parts = {"max_rows": max_rows, "max_bytes": max_bytes, "max_partitions": max_partitions, "append": append}
    table = {"path": os.fspath(path), "format": format, "columns": chosen, **parts, **keys}
    return Writing(Node("outputs", table, name or _stem(os.fspath(path)) or "output"))


def pipeline(
    *outputs: Pipeline | _Outputs,
    name: str = "pipeline",
    params: Mapping[str, Any] | None = None,
    run: Mapping[str, Any] | None = None,
) -> Pipeline:
    """One pipeline of several that were built, which may share inputs and steps: `pipeline(rows | write("a.jsonl"), rows | write("b.csv"))`.

    `run` is the section `[run]` of a pipeline file: `{"batch_rows": 1000}`.
    """
    nodes: list[Node] = []
    seen: set[int] = set()

    def visit(node: Node) -> None:
        if id(node) in seen:
            return
        seen.add(id(node))
        groups = node.sources.values() if isinstance(node.sources, dict) else [node.sources or []]
        for group in groups:
            for flow in group:
                visit(flow._node)
        nodes.append(node)

    ends = tuple(node for output in outputs for node in output._nodes)
    if not ends:
        raise TypeError("a pipeline is made of pipelines that end in `write(…)`")
    for node in ends:
        visit(node)
    names = _names(nodes)

    def feed(flow: Flow) -> str:
        return names[id(flow._node)] + (f".{flow._door}" if flow._door else "")

    def one(group: list[Flow]) -> Any:
        feeds = [feed(flow) for flow in group]
        return feeds[0] if len(feeds) == 1 else feeds

    def table(node: Node) -> dict[str, Any]:
        made = dict(node.table)
        if isinstance(node.sources, dict):
            made["from"] = {name: one(group) for name, group in node.sources.items()}
        elif node.sources:
            made["from"] = one(node.sources)
        return made

    # A node stands on a line of its own, so that what is wrong with it leads back to the line that made it.
    lines = ["{"]
    places: dict[int, tuple[str, int]] = {}

    def add(node: Node, text: str, last: bool) -> None:
        lines.append(text + ("" if last else ","))
        places[len(lines)] = node.place

    lines += [f'"callboard": 1, "name": {json.dumps(name)},']
    for key, values in (("params", params), ("run", run)):
        if values:
            lines.append(f"{json.dumps(key)}: {json.dumps(dict(values))},")
    for section in ("inputs", "steps", "outputs"):
        of = [node for node in nodes if node.section == section]
        opened, closed = ("[", "]") if section == "steps" else ("{", "}")
        lines.append(f"{json.dumps(section)}: {opened}")
        for node in of:
            text = json.dumps(table(node) if section != "steps" else {"name": names[id(node)], **table(node)})
            add(node, text if section == "steps" else f"{json.dumps(names[id(node)])}: {text}", node is of[-1])
        lines.append(closed + ("" if section == "outputs" else ","))
    lines.append("}")
    return Pipeline("\n".join(lines), _places=places, _nodes=ends)


def _names(nodes: list[Node]) -> dict[int, str]:
    """A name for each: unique."""
    taken: set[str] = set()
    names = {}
    for node in nodes:
        name, number = node.default, 1
        while name in taken:
            number += 1
            name = f"{node.default}_{number}"
        taken.add(name)
        names[id(node)] = name
    return names


def _stem(path: str) -> str:
    """A name as pipelines take it, of a path, or of the folder of several files; empty for a pattern."""
    if "{" in path:
        path = path.partition("{")[0].rpartition("/")[0]
    stem = os.path.basename(path.rstrip("/")).partition(".")[0]
    return "" if re.search(r"[*?\[]", stem) else re.sub(r"[^A-Za-z0-9_-]", "-", stem)


def _caller() -> tuple[str, int]:
    """The file and line outside of this package that runs now."""
    own = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    frame: Any = sys._getframe(1)
    while frame.f_back is not None and os.path.abspath(frame.f_code.co_filename).startswith(own + os.sep):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno

"""Pipelines: loaded from a file or built, planned, checked and run."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from callboard import _native
from callboard._host.command import command
from callboard._host.errors import Failure, PipelineError, Problem, RunWaiting
from callboard._host.run import Run, followed, open_run, resume

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from callboard._host.builder import Node

Path_ = Union[str, "os.PathLike[str]"]
Progress = Union[bool, "Callable[[list[dict[str, Any]]], object]"]


class Plan:
    """The stages of a pipeline: which steps are in memory together, and how rows get from one to the next."""

    def __init__(self, data: dict[str, Any], text: str, mermaid: str) -> None:
        self.data = data
        """The plan as `callboard plan --format json` prints it."""
        self.text = text
        """The plan for people."""
        self.mermaid = mermaid
        """The plan as a diagram in Mermaid."""

    @property
    def stages(self) -> list[list[str]]:
        """The names of the steps of each stage, in order."""
        return [list(stage["steps"]) for stage in self.data["stages"]]

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Plan of {len(self.data['stages'])} stages>\n{self.text}"

    def _repr_html_(self) -> str:
        from callboard._host import html

        return html.text(self.text)


class Pipeline:
    """A pipeline: what is read, which steps rows go through, and what is written.

        pipeline = callboard.Pipeline.load("curate.toml")
        run = pipeline.run(progress=True)

    Its text and components are read again for each question, so a step's file that has changed counts as it is now.
    """

    def __init__(
        self,
        text: str | bytes,
        *,
        name: str = "<python>",
        base: Path_ | None = None,
        file: Path_ | None = None,
        _places: Mapping[int, tuple[str, int]] | None = None,
        _nodes: tuple[Node, ...] = (),
    ) -> None:
        """A pipeline of this text, TOML or JSON. Paths in it start from `base`, by default the current folder.

        `name` is what errors call the text.
        """
        self._text = text.encode() if isinstance(text, str) else bytes(text)
        self._name = name
        self._base = os.getcwd() if base is None else os.fspath(base)
        self._file = None if file is None else os.path.abspath(file)
        self._places = dict(_places or {})
        self._nodes = _nodes

    @classmethod
    def load(cls, file: Path_) -> Pipeline:
        """The pipeline of a file, TOML or JSON. What is wrong with its text is found by `check`, `plan` and `run`."""
        path = Path(file)
        try:
            text = path.read_bytes()
        except OSError as error:
            reason = error.strerror or str(error)
            raise PipelineError(f"cannot read the pipeline file `{path}`: {reason}", file=str(path)) from None
        return cls(text, name=str(path), base=path.parent, file=path)

    def _source(
        self,
        params: Mapping[str, Any] | None = None,
        set: Mapping[str, Any] | None = None,
        budget: str | int | None = None,
        replicas: int | None = None,
        load: str = "staged",
        max_pipeline: int | None = None,
    ) -> _native.Source:
        values = {f"params.{key}": value for key, value in (params or {}).items()} | dict(set or {})
        if isinstance(budget, str) and budget != "none":
            values["run.budget"] = budget
        return _native.Source(
            self._name,
            self._text,
            self._base,
            self._file,
            [f"{key}={_toml(value)}" for key, value in values.items()],
            load,
            budget if isinstance(budget, int) else None,
            budget == "none",
            replicas,
            max_pipeline,
        )

    def _names(self) -> dict[str, Any]:
        try:
            return self._source().names()
        except Failure as error:
            raise self._placed(error) from None

    def _placed(self, error: Failure) -> BaseException:
        """The error, with the lines of Python that built the pipeline in place of those of its text."""
        if self._places:
            wrong: list[Failure | Problem] = [error, *error.problems]
            for problem in wrong:
                if problem.file == self._name:
                    problem.file, problem.line = self._places.get(problem.line or 0, (None, None))
                    problem.column = None
        return error

    @property
    def name(self) -> str:
        """What runs and reports are called."""
        return str(self._names()["name"])

    @property
    def params(self) -> dict[str, Any]:
        """The params, with their defaults."""
        return dict(self._names()["params"])

    @property
    def steps(self) -> dict[str, str]:
        """What each step uses, by the steps' names."""
        return dict(self._names()["steps"])

    @property
    def inputs(self) -> dict[str, list[str]]:
        """The paths of each input, by name."""
        return dict(self._names()["inputs"])

    @property
    def outputs(self) -> dict[str, str]:
        """The path of each output, by name."""
        return dict(self._names()["outputs"])

    @property
    def text(self) -> str:
        """The text of the pipeline: a built one is JSON, which `callboard run` takes as well."""
        return self._text.decode("utf-8", "replace")

    def save(self, file: Path_) -> None:
        """Writes the text to a new file. Paths in it start from that file's folder."""
        with open(file, "xb") as opened:
            opened.write(self._text)

    def plan(
        self,
        *,
        params: Mapping[str, Any] | None = None,
        set: Mapping[str, Any] | None = None,
        budget: str | int | None = None,
        replicas: int | None = None,
        load: str = "staged",
    ) -> Plan:
        """Plans the pipeline, without opening its data. The arguments are those of `run`."""
        try:
            return Plan(*self._source(params, set, budget, replicas, load).plan(100))
        except Failure as error:
            raise self._placed(error) from None

    def check(
        self,
        *,
        params: Mapping[str, Any] | None = None,
        set: Mapping[str, Any] | None = None,
        budget: str | int | None = None,
        replicas: int | None = None,
    ) -> list[Problem]:
        """Checks the pipeline against its files and components, from the inputs to the outputs, without running it.

        What is wrong, each with its place and what fixes it; an empty list if nothing is. What the system refuses is raised.
        """
        try:
            self.columns(params=params, set=set, budget=budget, replicas=replicas)
        except PipelineError as error:
            return error.problems or [_problem(error)]
        except Failure as error:
            from callboard._host.errors import DataError, LimitError

            if isinstance(error, (DataError, LimitError)):
                return [_problem(error)]
            raise
        return []

    def columns(
        self,
        *,
        params: Mapping[str, Any] | None = None,
        set: Mapping[str, Any] | None = None,
        budget: str | int | None = None,
        replicas: int | None = None,
    ) -> dict[str, str]:
        """The columns of what each input and step puts out, and of each output, as phrases, by name. It checks all that `check` does."""
        try:
            return dict(self._source(params, set, budget, replicas).check(new_folder("check"), command()))
        except Failure as error:
            raise self._placed(error) from None

    def run(
        self,
        *,
        params: Mapping[str, Any] | None = None,
        set: Mapping[str, Any] | None = None,
        budget: str | int | None = None,
        replicas: int | None = None,
        load: str = "staged",
        folder: Path_ | None = None,
        overwrite: bool = False,
        limit: int | None = None,
        resumable: bool = True,
        fresh: bool = False,
        wait: bool = False,
        max_spill: int | None = None,
        landlock: bool = True,
        progress: Progress = False,
    ) -> Run:
        """Runs the pipeline, in this process.

        - `params` are values of the pipeline's params, `set` those of any other key: `{"steps.filter.config.min": 5}`.
        - `budget` is the most memory that a stage may take (`"1GiB"`, or a number of bytes; `"none"` for none), `replicas` the
          number of instances of each transform, `load` when components are in memory: `"staged"`, `"eager"` or `"step"`.
        - `folder` is the run's own folder, new or empty; by default one in `.callboard/runs`.
        - `overwrite` lets outputs replace files; `limit` is the most rows of each input.
        - `resumable=False` keeps nothing to resume the run from. `fresh` takes nothing over from earlier runs, and asks servers again.
        - `wait=True` waits for offline batches; otherwise a run that has submitted some ends with `RunWaiting`.
        - `progress=True` shows a bar, in a terminal or a notebook; a function is called with a list of events, each a dict.
        - `landlock=False` does without the second wall around what the run may write.

        Ctrl-C interrupts the run within seconds, as `RunInterrupted`; `callboard.resume(error.folder)` continues it.
        """
        source = self._source(params, set, budget, replicas, load)
        try:
            path = os.path.abspath(new_folder(source.names()["name"]) if folder is None else folder)
        except Failure as error:
            raise self._placed(error) from None
        earlier = None if fresh or not resumable else os.path.dirname(path)
        with followed(progress) as tick:
            try:
                done = _native.run(
                    source, command(), path, overwrite, limit, resumable, earlier, fresh, max_spill, landlock, tick
                )
            except RunWaiting as error:
                error.folder = path
                if not (wait and error.resumable):
                    raise
                done = None
            except Failure as error:
                error.folder = path
                raise self._placed(error) from None
        if done is None:
            return resume(path, overwrite=overwrite, max_spill=max_spill, wait=True, landlock=landlock, progress=progress)
        return Run(Path(path), done["report"], {name: (path_, format) for name, path_, format in done["outputs"]}, self._base)

    def submit(
        self,
        *,
        on: str,
        work: Path_,
        follow: bool = False,
        params: Mapping[str, Any] | None = None,
        set: Mapping[str, Any] | None = None,
        budget: str | int | None = None,
        replicas: int | None = None,
        overwrite: bool = False,
    ) -> Run | None:
        """Runs the pipeline in several processes, by `callboard submit`.

        `on` is what starts them: `"ray=http://HEAD:8265"`, `"slurm"`, or `"local=4"` for this machine alone. `work` is a new folder that all of
        them reach under this name, or an address in a store, such as `"s3://bucket/runs/one"`. `follow` waits for the end and returns what `run`
        does; without it, Ray and Slurm work on, and `callboard.open_run(work)` has the run when it has ended. With an address it
        returns nothing: `callboard runs show` has the report. The other arguments are those of `run`.
        """
        from callboard._host.submit import submit

        values = {f"params.{key}": value for key, value in (params or {}).items()} | dict(set or {})
        is_far = "://" in os.fspath(work)
        path = os.fspath(work) if is_far else os.path.abspath(work)
        arguments = ["--on", on, "--work", path, *(f"--set={key}={_toml(value)}" for key, value in values.items())]
        arguments += [] if budget is None else ["--budget", f"{budget}B" if isinstance(budget, int) else budget]
        arguments += [] if replicas is None else ["--replicas", str(replicas)]
        arguments += ["--overwrite"] * overwrite + ["--follow"] * follow
        submit(self._file, self._text, self._base, arguments)
        return open_run(path) if follow and not is_far else None

    def __repr__(self) -> str:
        try:
            names = self._names()
        except Failure:
            return f"<Pipeline {self._name}, which is not right: see check()>"
        steps = " | ".join(use for _, use in names["steps"])
        return f"<Pipeline {names['name']}: {steps or 'no steps'}>"

    def _repr_html_(self) -> str:
        from callboard._host import html

        return html.pipeline(self)


def _problem(error: Failure) -> Problem:
    parts = [f"step `{error.step}`" if error.step else "", f"input `{error.input}`" if error.input else ""]
    place = ", ".join(part for part in parts if part)
    message = f"{place}: {error.message}" if place else error.message
    return Problem(message, error.file, error.line, error.column, error.help)


def new_folder(name: str) -> str:
    """`.callboard/runs/NAME-TIME`, the time in milliseconds and base 36."""
    moment, digits = time.time_ns() // 1_000_000, ""
    while moment:
        moment, digit = divmod(moment, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return os.path.join(".callboard", "runs", f"{name}-{digits}")


def _toml(value: Any) -> str:
    """A value as the command's `--set` takes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(str(key))} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_toml, value)) + "]"
    raise TypeError(f"a pipeline has texts, numbers, booleans, lists and dicts, and not {type(value).__name__}")

"""Runs: what one left, and following one while it works."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from callboard import _native
from callboard._host.command import command
from callboard._host.errors import Failure, PipelineError, RunWaiting
from callboard._host.frames import Frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Path_ = Union[str, "os.PathLike[str]"]


class StepReport:
    """What a step did, in figures; `data` has all of them."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self.name: str = data["name"]
        self.use: str = data["use"]
        self.kind: str = data["kind"]
        self.rows_in: int = data["rows_in"]
        self.rows_out: int = data["rows_out"]
        self.rows_dropped: int = data["rows_dropped"]
        self.rows_rejected: int = data["rows_rejected"]
        self.rows_reused: int = data["rows_reused"]
        self.seconds: float = data["guest_ms"] / 1000
        self.counters: dict[str, int] = data["counters"]
        self.dropped: dict[str, int] = data["dropped"]
        self.rejected: dict[str, int] = data["rejected"]

    def __repr__(self) -> str:
        return f"StepReport({self.name!r}, {self.rows_in} rows in, {self.rows_out} out)"


class Report:
    """What happened in a run, in figures; `data` is the report as `--report` writes it."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self.status: str = data["status"]
        self.name: str = data["name"]
        self.seconds: float = data["wall_ms"] / 1000
        self.peak_memory: int = data["peak_resident_bytes"]
        """The most memory of this process that was resident at one moment, bytes."""
        self.steps = {step["name"]: StepReport(step) for stage in data["stages"] for step in stage["steps"]}
        """What each step did, by name, in the order in which rows reached them."""
        self.inputs: dict[str, int] = {name: read["rows"] for name, read in data["inputs"].items()}
        """Rows of each input."""
        self.outputs: dict[str, int] = {name: written["rows"] for name, written in data["outputs"].items()}
        """Rows of each output."""
        self.rejected: int = data["rejects"]["rows"]
        self.notes: list[str] = data["notes"]

    def __repr__(self) -> str:
        lines = [f"{self.name}: {self.status} in {self.seconds:.2f} s"]
        lines += [f"  {step.name}: {step.rows_in:,} rows in, {step.rows_out:,} out" for step in self.steps.values()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from callboard._host import html

        return html.report(self)


class Run:
    """A run that has ended well: its folder, its report and its outputs."""

    def __init__(
        self,
        folder: Path,
        report: Mapping[str, Any],
        outputs: Mapping[str, tuple[str, str | None]] | None = None,
        base: Path_ | None = None,
    ) -> None:
        self.folder = folder
        """The run's own folder."""
        self.report = Report(report)
        """What happened, in figures."""
        self._written = dict(outputs) if outputs else _written(folder)
        self._cwd = os.getcwd()
        self._base = self._cwd if base is None else os.fspath(base)

    @property
    def outputs(self) -> dict[str, Path | str]:
        """The file of each output, by name: the manifest of one that is made of several, the address of one in a store."""
        written = self.report.data["outputs"]
        return {name: _place(self._cwd, output["path"]) for name, output in written.items()}

    def output(self, name: str | None = None) -> Frame:
        """The rows of an output, read from its file when they are asked for; the name may be left out if there is one output.

        For an output of several files, all files that its manifest names are read, in the order of their paths; folders called
        `NAME=VALUE` are columns of text. A store is reached as the environment says.
        """
        outputs = self.outputs
        if name is None and len(outputs) == 1:
            (name,) = outputs
        if name is None or name not in outputs:
            named = ", ".join(f"`{known}`" for known in outputs)
            raise PipelineError(f"the run has no output `{name}`", help=f"its outputs: {named}")
        template, format = self._written.get(name, ("", None))
        return Frame(_native.Files([_escaped(str(outputs[name]))], self._base, format, None, "={" in template))

    def rejects(self) -> Frame:
        """The rows that steps could not handle: each with its step, its reason and where it came from."""
        path = Path(os.path.join(self._cwd, self.report.data["rejects"]["path"]))
        if path.exists() and path.stat().st_size > 0:
            return Frame(_native.Files([_escaped(str(path))], self._base, "jsonl", None))
        return Frame(_native.Batches.empty())

    def __repr__(self) -> str:
        return f"<Run in {str(self.folder)!r}>\n{self.report!r}"

    def _repr_html_(self) -> str:
        from callboard._host import html

        return html.report(self.report)


def _written(folder: Path) -> dict[str, tuple[str, str | None]]:
    """The path that a run's plan gives each output, and its format where the path does not say it."""
    import json

    try:
        plan = json.loads((folder / "plan.json").read_bytes())
        return {output["name"]: (output["path"], output.get("format")) for output in plan["outputs"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _place(folder: str, path: str) -> Path | str:
    """The absolute path of a file, or an address as it is."""
    return path if "://" in path else Path(os.path.abspath(os.path.join(folder, path)))


def _escaped(path: str) -> str:
    """A path as a pattern that matches it alone."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in path)


def resume(
    folder: Path_,
    *,
    base: Path_ | None = None,
    overwrite: bool = False,
    budget: int | None = None,
    max_spill: int | None = None,
    trust: str | None = None,
    wait: bool = False,
    landlock: bool = True,
    progress: bool | Callable[[list[dict[str, Any]]], object] = False,
    on: str | None = None,
) -> Run:
    """Resumes the run in a folder, which was interrupted, was killed, failed or waits. If the run has finished, it returns the result.

    `base` is the folder that the pipeline's paths start from, if it has moved; `trust` is what an error asks for when nothing proves that you began the
    run. A run that was submitted goes on where it was submitted to, or `on` another engine, such as `"local=2"`; its end is waited for, without
    progress. The other arguments are those of `Pipeline.run`.
    """
    path = os.path.abspath(folder)
    if on is not None or os.path.exists(os.path.join(path, "work.json")):
        from callboard._host.submit import asked

        # The command refuses those that are for runs of one process.
        named = {
            "on": on,
            "base": base,
            "budget": budget and f"{budget}B",
            "max-spill": max_spill and f"{max_spill}B",
            "trust": trust,
        }
        arguments = [f"--{name}={value}" for name, value in named.items() if value is not None]
        arguments += ["--overwrite"] * overwrite + ["--wait"] * wait + ["--no-landlock"] * (not landlock)
        asked(["resume", path, "--follow", *arguments])
        return open_run(path)
    with followed(progress) as tick:
        try:
            while True:
                try:
                    done = _native.resume(command(), path, base, overwrite, max_spill, budget, trust, wait, landlock, tick)
                    break
                except RunWaiting:
                    # It waited, and has asked for something new since.
                    if not wait:
                        raise
        except Failure as error:
            error.folder = path
            raise
    return Run(Path(path), done["report"], {name: (path_, format) for name, path_, format in done["outputs"]}, base)


def open_run(folder: Path_) -> Run:
    """The run in a folder that has ended well."""
    report = _native.report(os.path.abspath(folder))
    if report is None or report["status"] != "finished":
        state = "has no report" if report is None else f"has {report['status']}"
        raise PipelineError(
            f"the run in `{os.fspath(folder)}` {state}", help="callboard.runs() lists runs, callboard.resume() continues one"
        )
    return Run(Path(os.path.abspath(folder)), report)


def runs(folder: Path_ = ".callboard/runs") -> list[dict[str, Any]]:
    """The runs whose folders lie in a folder, the latest first: their `folder`, `name`, `state` and more, as `callboard runs list --json`."""
    return _native.runs(folder)


@contextmanager
def followed(
    progress: bool | Callable[[list[dict[str, Any]]], object],
) -> Iterator[Callable[[list[dict[str, Any]]], object] | None]:
    """What is called with a run's events."""
    if callable(progress):
        yield progress
    elif progress:
        from callboard._host.progress import shown

        with shown() as tick:
            yield tick
    else:
        yield None

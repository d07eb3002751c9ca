"""What can go wrong, as exceptions with fields. The native module makes them; nothing is parsed from text."""

from __future__ import annotations

from typing import Any


class Problem:
    """One thing that is wrong with a pipeline: where, what, and how to fix it."""

    __slots__ = ("message", "file", "line", "column", "help")

    def __init__(
        self,
        message: str,
        file: str | None = None,
        line: int | None = None,
        column: int | None = None,
        help: str | None = None,
    ) -> None:
        self.message = message
        self.file = file
        self.line = line
        self.column = column
        self.help = help

    @property
    def place(self) -> str:
        """`file:line:column`, as far as it is known."""
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)

    def __str__(self) -> str:
        place = f"{self.place}: " if self.place else ""
        return harmless(f"{place}{self.message}{_helped(self.help)}")

    def __repr__(self) -> str:
        return f"Problem({self.place!r}, {self.message!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Problem) and all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    def __hash__(self) -> int:
        return hash((self.message, self.place))


class Failure(BaseException):
    """The fields that every exception of this package has."""

    message: str
    """What went wrong: a lower-case phrase."""
    help: str | None
    """What fixes it, with text that can be pasted."""
    problems: list[Problem]
    """Everything that is wrong with the pipeline, where that is the reason."""
    file: str | None
    """The file to change, with `line` and `column`, where one is known."""
    line: int | None
    column: int | None
    stage: int | None
    """The stage of the run, from 1."""
    step: str | None
    """The step's name."""
    config: str | None
    """The key of the step's configuration, as a JSON pointer."""
    input: str | None
    output: str | None
    batch: int | None
    """The batch that the step was given, from 1."""
    row: int | None
    """The row, from 0, in the rows that the step was called on."""
    where: str | None
    """The row in words, with its file and line, where the run knows them."""
    report: dict[str, Any] | None
    """What the run did until then."""
    folder: str | None
    """The run's folder."""
    resumable: bool
    """Whether `callboard.resume(error.folder)` continues the run."""

    def __init__(self, message: str, **fields: Any) -> None:
        super().__init__(message)
        self.message = message
        self.problems = [Problem(**problem) for problem in fields.pop("problems", None) or []]
        self.resumable = bool(fields.pop("resumable", False))
        for name in _FIELDS:
            setattr(self, name, fields.get(name))

    def __str__(self) -> str:
        return harmless(self._text())

    def _text(self) -> str:
        if len(self.problems) > 1:
            return "\n".join(str(problem) for problem in self.problems)
        file = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        named = [
            f"stage {self.stage}" if self.stage is not None else "",
            f"step `{self.step}`" if self.step else "",
            f"config `{self.config.strip('/').replace('/', '.')}`" if self.config else "",
            f"input `{self.input}`" if self.input else "",
            f"output `{self.output}`" if self.output else "",
            f"batch {self.batch}" if self.batch is not None else "",
            self.where or "",
        ]
        place = ": ".join(part for part in (file, ", ".join(part for part in named if part)) if part)
        resume = f"\n  to continue it: callboard.resume({self.folder!r})" if self.resumable and self.folder else ""
        return f"{place}: {self.message}{_helped(self.help)}{resume}" if place else f"{self.message}{_helped(self.help)}{resume}"

    def __reduce__(self) -> tuple[Any, ...]:
        fields = {name: getattr(self, name) for name in (*_FIELDS, "resumable")}
        problems = [{name: getattr(problem, name) for name in Problem.__slots__} for problem in self.problems]
        return (_again, (type(self), self.message, {**fields, "problems": problems}))


_FIELDS = (
    "help", "file", "line", "column", "stage", "step", "config", "input", "output", "batch", "row", "where", "report", "folder",
)  # fmt: skip


class CallboardError(Failure, Exception):
    """Anything that goes wrong in Callboard."""


class PipelineError(CallboardError):
    """The pipeline asks for what cannot be: `problems` lists everything that is wrong with its text."""


class DataError(CallboardError):
    """A step failed, or the rows are not what they should be."""


class LimitError(CallboardError):
    """A step ran into one of its limits, or a run into its budget."""


class HostError(CallboardError):
    """The system refused: a full disk, a missing permission. The same call may succeed later."""


class RunWaiting(CallboardError):
    """A run waits for offline batches, which have not ended: `callboard.resume(error.folder, wait=True)` continues it when they have."""


class InternalError(CallboardError):
    """A fault of Callboard's own."""


class RunInterrupted(Failure, KeyboardInterrupt):
    """A run was interrupted, by Ctrl-C for instance. What is done is kept: `callboard.resume(error.folder)` continues."""


_KINDS: dict[str, type[CallboardError] | type[RunInterrupted]] = {
    "pipeline": PipelineError,
    "data": DataError,
    "limit": LimitError,
    "system": HostError,
    "interrupted": RunInterrupted,
    "waiting": RunWaiting,
    "bug": InternalError,
}


def made(kind: str, fields: dict[str, Any]) -> BaseException:
    """The exception of a kind. The native module calls it."""
    return _KINDS[kind](fields.pop("message", None) or "something went wrong", **fields)


def _again(kind: type[Failure], message: str, fields: dict[str, Any]) -> Failure:
    return kind(message, **fields)


def harmless(text: str) -> str:
    """Text for a terminal: what steps say may hold characters that would move its cursor."""
    return text if text.isprintable() else "".join(letter if letter.isprintable() or letter == "\n" else "·" for letter in text)


def _helped(help: str | None) -> str:
    return "\n  help: " + help.replace("\n", "\n        ") if help else ""

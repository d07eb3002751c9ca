"""The errors of a step: those that an author raises, and how any other one is reported to the host."""

import linecache
import os
import sys
import traceback
from collections.abc import Iterable
from itertools import groupby

_HERE = os.path.dirname(os.path.abspath(__file__))


class StepError(Exception):
    """What a step says has failed, in its own words. Its subclasses say what kind of failure it is."""

    kind = "failed"
    at: str | None = None


class ConfigError(StepError):
    """The configuration is wrong; `at` is the place in it, as a JSON pointer: `/min`."""

    kind = "config"

    def __init__(self, message: str, at: str = "") -> None:
        super().__init__(message)
        self.at = at


class InputError(StepError):
    """The step cannot work on these rows: a column is missing, or is of another type."""

    kind = "input"


class TransientError(StepError):
    """The same call may succeed later: a server did not answer."""

    kind = "transient"


def remember_sources(folder: str) -> None:
    """Keeps the lines of the modules under `folder`: a component has no files, and a trace is to show its lines."""
    for module in list(sys.modules.values()):
        name = getattr(module, "__file__", None)
        if name and name.startswith(os.path.join(folder, "")) and (lines := linecache.getlines(name)):
            linecache.cache[name] = (sum(map(len, lines)), None, lines, name)


def explain(error: BaseException, reads: Iterable[str]) -> None:
    """Adds to a missing key which there are, where it may be that of a column that is not read."""
    names = list(reads)
    if isinstance(error, KeyError) and error.args and isinstance(error.args[0], str) and error.args[0] not in names:
        error.add_note(f"the step reads {', '.join(f'`{name}`' for name in names) or 'no column'}")


def clean(words: object) -> str:
    """Words as they may cross: halves of surrogate pairs, which are no Unicode, are spelled out."""
    return str(words).encode("utf-8", "backslashreplace").decode()


def told(error: BaseException) -> str:
    """An error in words: the author's own, or those of the exception and where in the author's code it was raised."""
    words = [str(error)] if isinstance(error, StepError) else [_headline(error), *_frames(error)]
    words += getattr(error, "__notes__", [])
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and not isinstance(error, StepError):
        words += ["caused by " + told(cause)]
    return "\n".join(words)


def _headline(error: BaseException) -> str:
    return (
        "".join(traceback.format_exception_only(type(error), error))
        .strip()
        .removesuffix("\n" + "\n".join(getattr(error, "__notes__", [])))
    )


def _frames(error: BaseException) -> list[str]:
    """The frames of the step's own code, the one that raised last; of a long recursion one of those that are alike."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_ours(frame.filename)]
    lines = (f"  {_short(frame.filename)}:{frame.lineno} in {frame.name}: {frame.line}".rstrip(": ") for frame in frames)
    alike = ((line, len(list(times))) for line, times in groupby(lines))
    return [f"{line} ({times} times)" if times > 1 else line for line, times in alike][-10:]


def _is_ours(filename: str) -> bool:
    return filename.startswith(os.path.join(_HERE, ""))


def _short(filename: str) -> str:
    """A file's path without the folder that modules are found in."""
    folders = [folder for folder in sys.path if folder and filename.startswith(os.path.join(folder, ""))]
    return os.path.relpath(filename, max(folders, key=len)) if folders else filename

"""What reaches the host of errors and of the log."""

import logging
import sys
import types
from collections.abc import Iterator
from enum import Enum

import pytest

from callboard import ConfigError, Result, Row, Transform, log, testing
from callboard._calls import step_of
from callboard.errors import told


def fail() -> None:
    raise ValueError("bad thing")


def test_an_exception_has_the_line_of_the_authors_code() -> None:
    try:
        fail()
    except ValueError as error:
        first, *frames = told(error).split("\n")
    assert first == "ValueError: bad thing"
    line = fail.__code__.co_firstlineno + 1
    assert frames[-1].endswith(f'test_told.py:{line} in fail: raise ValueError("bad thing")')


def test_causes_notes_and_recursion_are_told() -> None:
    def deep(left: int) -> None:
        deep(left - 1) if left else fail()

    try:
        try:
            deep(30)
        except ValueError as error:
            raise RuntimeError("cannot") from error
    except RuntimeError as error:
        error.add_note("at row 3")
        words = told(error)
    assert words.startswith("RuntimeError: cannot\n")
    assert "\nat row 3\ncaused by ValueError: bad thing\n" in words
    assert "deep(left - 1) if left else fail() (31 times)" in words


def test_the_sdks_own_frames_are_left_out() -> None:
    class Failing(Transform):
        def row(self, row: Row) -> Result:
            fail()
            return row

    with pytest.raises(ValueError, match="bad thing") as raised:
        testing.run(Failing, [{}])
    words = told(raised.value)
    assert " in row: fail()" in words and "rows.py" not in words and "_calls.py" not in words
    assert words.endswith("at row 1 of 1 in the batch")


def test_an_authors_own_words_stand_alone() -> None:
    assert told(ConfigError("mode is odd", "/mode")) == "mode is odd"


def test_words_are_made_unicode(said: list[tuple[str, str]]) -> None:
    log.begin()
    print("half \ud800 pair")
    assert said == [("INFO", "half \\ud800 pair")]


class Level(Enum):
    TRACE = 0
    DEBUG = 1
    INFO = 2
    WARN = 3
    ERROR = 4


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str]]]:
    """What the host's log is given."""
    lines: list[tuple[str, str]] = []
    host = types.SimpleNamespace(Level=Level, write=lambda level, line: lines.append((level.name, line)))
    monkeypatch.setattr(log, "_host", host)
    root = logging.getLogger()
    streams, handlers, level = (sys.stdout, sys.stderr), root.handlers, root.level
    yield lines
    sys.stdout, sys.stderr = streams
    root.handlers = handlers
    root.setLevel(level)
    log._printed.clear()


def test_logging_and_printing_reach_the_log(said: list[tuple[str, str]]) -> None:
    log.begin()
    print("one\ntwo", 3)
    print("no end", end="")
    print("trouble", file=sys.stderr)
    logging.debug("debug")
    logging.getLogger("mine").info("info %d", 4)
    logging.warning("warning")
    logging.getLogger("mine").error("error")
    log.end()
    assert said == [
        ("INFO", "one"), ("INFO", "two 3"), ("WARN", "trouble"), ("INFO", "info 4"), ("WARN", "warning"), ("ERROR", "error"),
        ("INFO", "no end"),
    ]  # fmt: skip


def test_a_level_of_the_steps_own_stays(said: list[tuple[str, str]]) -> None:
    logging.getLogger().setLevel(logging.DEBUG)
    log.begin()
    logging.debug("debug")
    logging.log(5, "finer")
    logging.getLogger().setLevel(5)
    logging.log(5, "finest")
    assert said == [("DEBUG", "debug"), ("TRACE", "finest")]


def test_a_caught_exception_has_its_trace(said: list[tuple[str, str]]) -> None:
    log.begin()
    try:
        fail()
    except ValueError:
        logging.exception("caught")
    ((level, words),) = said
    assert level == "ERROR" and words.startswith("caught\nTraceback") and words.endswith("ValueError: bad thing")


def test_a_module_has_one_step_of_its_kind() -> None:
    module = types.ModuleType("step")
    with pytest.raises(TypeError, match="`step.py` is to have one class that extends `Transform`, and has none"):
        step_of(module, Transform)
    base = type("Base", (Transform,), {"__module__": "step"})
    module.__dict__.update(Base=base, Leaf=type("HTMLToText", (base,), {"__module__": "step"}))
    assert step_of(module, Transform).name == "html-to-text"
    module.__dict__["Other"] = type("Other", (Transform,), {"__module__": "step"})
    with pytest.raises(TypeError, match="has `HTMLToText`, `Other`"):
        step_of(module, Transform)

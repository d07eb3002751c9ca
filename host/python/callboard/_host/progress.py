"""Progress of a run: a line that moves in a terminal, a bar in a notebook, plain lines elsewhere."""

from __future__ import annotations

import html
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from callboard._host.errors import harmless

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REDRAWN = 0.1
"""Seconds between two looks of a line."""


class Shown:
    """What is known of a run so far."""

    def __init__(self) -> None:
        self.stage = 0
        self.stages = 0
        self.doing = "checking"
        self.rows: dict[str, tuple[int, int]] = {}
        self.lines: list[str] = []

    def take(self, events: list[dict[str, Any]]) -> None:
        """Takes events in; what is to stay on the screen goes to `lines`."""
        for event in events:
            kind = event["event"]
            if kind == "compiling":
                self.doing = f"compiling {event['step']}"
            elif kind == "intake":
                self.doing = f"reading {event['input']}"
            elif kind == "loaded":
                self.stage, self.stages = event["stage"], event["stages"]
                self.doing = f"stage {self.stage} of {self.stages}: {', '.join(event['steps'])}"
            elif kind == "rows":
                rows_in, rows_out = self.rows.get(event["step"], (0, 0))
                self.rows[event["step"]] = (rows_in + event["rows_in"], rows_out + event["rows_out"])
            elif kind == "ended":
                self.lines.append(f"stage {event['stage']} of {self.stages} done in {event['seconds']:.2f} s")
            elif kind == "note":
                self.lines.append(event["message"])
            elif kind == "retrying":
                self.lines.append(f"{event['step']}: {event['message']}; tried again in {event['seconds']:.1f} s")
            elif kind == "log" and event["level"] in ("warn", "error"):
                self.lines.append(f"{event['step']}: {event['message']}")

    @property
    def line(self) -> str:
        """All of it on one line."""
        rows = "  ".join(f"{step} {rows_in:,} → {rows_out:,}" for step, (rows_in, rows_out) in list(self.rows.items())[-3:])
        return f"{self.doing}  {rows}".rstrip()

    @property
    def html(self) -> str:
        """All of it as a bar."""
        text = html.escape(self.line)
        return f'<progress value="{max(self.stage - 1, 0)}" max="{max(self.stages, 1)}"></progress> <code>{text}</code>'


@contextmanager
def shown() -> Iterator[Callable[[list[dict[str, Any]]], object]]:
    """Shows the progress of a run that gives its events to the function."""
    state = Shown()
    display = _notebook()
    if display is not None:
        handle = display(_Html(state.html), display_id=True)

        def in_notebook(events: list[dict[str, Any]]) -> None:
            state.take(events)
            handle.update(_Html(state.html))

        try:
            yield in_notebook
        finally:
            state.stage = state.stages + 1
            handle.update(_Html(state.html))
        return
    moving, drawn = sys.stderr.isatty(), 0.0

    def in_terminal(events: list[dict[str, Any]]) -> None:
        nonlocal drawn
        state.take(events)
        for line in state.lines:
            print(("\r\x1b[K" if moving else "") + harmless(line), file=sys.stderr, flush=True)
        state.lines.clear()
        if moving and time.monotonic() - drawn > REDRAWN:
            drawn = time.monotonic()
            print("\r\x1b[K" + harmless(state.line)[: _width()], end="", file=sys.stderr, flush=True)

    try:
        yield in_terminal
    finally:
        if moving:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


class _Html:
    def __init__(self, text: str) -> None:
        self.text = text

    def _repr_html_(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text


def _notebook() -> Any:
    """IPython's `display`, where a kernel of a notebook runs this."""
    shell = sys.modules.get("IPython")
    if shell is None or type(shell.get_ipython()).__name__ != "ZMQInteractiveShell":
        return None
    from IPython.display import display

    return display


def _width() -> int:
    import shutil

    return max(shutil.get_terminal_size().columns - 1, 20)

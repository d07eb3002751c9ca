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
        self.calls: dict[str, dict[str, Any]] = {}
        self.left: float | None = None
        self.of = ""
        self.part = 0.0
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
            elif kind == "calls":
                self.calls, self.left, self.of = event["servers"], event["left"], ""
            elif kind == "going":
                self.part = event["part"] or 0.0
                if not self.calls:
                    of_run, of_stage = event["run_left"], event["left"]
                    self.left, self.of = (of_stage, " in this stage") if of_run is None else (of_run, "")
            elif kind == "ended":
                self.calls, self.left, self.part = {}, None, 0.0
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
        calls = "".join(f"  {server} {_calls(now)}" for server, now in self.calls.items())
        left = "" if self.left is None else f", {self.left:.0f} s left{self.of}"
        return f"{self.doing}  {rows}{calls}{left}".rstrip()

    @property
    def html(self) -> str:
        """All of it as a bar."""
        text = html.escape(self.line)
        return f'<progress value="{max(self.stage - 1, 0) + self.part:g}" max="{max(self.stages, 1)}"></progress> <code>{text}</code>'


def _calls(now: dict[str, Any]) -> str:
    """How far the requests to a server are."""
    said = [f"{now['replies'] + now['known']:,} replies", f"{now['in_flight']:,} in flight"]
    if now["waiting"]:
        said.append(f"{sum(now['waiting'].values()):,} wait ({', '.join(now['waiting'])})")
    if now["cost"]:
        said.append(f"cost {now['cost']:.4f}")
    return ", ".join(said)


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

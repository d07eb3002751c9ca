"""How long a step takes as a function, and a run beside the command: `python tests/python/figures.py [PIPELINE.toml]`.

Figures for docs/python.md; no test depends on them.
"""

from __future__ import annotations

import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import callboard as cb
import pyarrow as pa

GUESTS = Path(__file__).resolve().parents[2] / "target" / "guests"


def best(call: Callable[[], object], times: int = 500) -> str:
    """The shortest and the middle of many calls, in microseconds."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append((time.perf_counter() - began) * 1e6)
    return f"{min(taken):.0f} µs at best, {statistics.median(taken):.0f} in the middle"


def texts(rows: int, characters: int) -> pa.RecordBatch:
    random.seed(7)
    words = ["".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=random.randint(2, 9))) for _ in range(5000)]
    made = [" ".join(random.choices(words, k=characters // 3))[:characters] for _ in range(rows)]
    return pa.record_batch({"text": made})


def step() -> None:
    echo = cb.Step(GUESTS / "echo.wasm")
    for rows, characters in ((1000, 400), (8192, 20)):
        batch = texts(rows, characters)
        native = echo._of(1)
        print(f"echo, {rows} × {characters}: {best(lambda: echo(batch))}")  # noqa: B023
        print(f"  without the way back to PyArrow: {best(lambda: native.transform(batch))}")  # noqa: B023
        frame = cb.Frame(batch)
        print(f"  the way in and out alone: {best(lambda: pa.record_batch(cb.Frame(frame)._native))}")  # noqa: B023


def importing(times: int = 15) -> None:
    def cost(code: str) -> float:
        """Processor time, which other programs on the machine do not change."""
        taken = []
        for _ in range(times):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "-c", code], check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        return statistics.median(taken) * 1000

    print(f"import callboard: {cost('import callboard') - cost('pass'):.0f} ms of processor time")


def beside_the_command(file: str, pairs: int = 7) -> None:
    folder = Path(tempfile.mkdtemp(prefix="callboard-figures-"))
    pipeline = cb.Pipeline.load(file)
    ratios = []
    for number in range(pairs + 1):
        began = time.perf_counter()
        line = [cb.command(), "run", file, "--overwrite", "--fresh", "--quiet", "--run-dir", str(folder / f"command-{number}")]
        subprocess.run(line, check=True)
        command = time.perf_counter() - began
        began = time.perf_counter()
        pipeline.run(overwrite=True, fresh=True, folder=folder / f"python-{number}")
        python = time.perf_counter() - began
        if number > 0:
            ratios.append(python / command)
            print(f"command {command:.3f} s, run() {python:.3f} s")
    shutil.rmtree(folder)
    print(f"run() beside the command: {statistics.median(ratios):.3f} × in the middle, {min(ratios):.3f} to {max(ratios):.3f}")


if __name__ == "__main__":
    importing()
    step()
    if len(sys.argv) > 1:
        beside_the_command(sys.argv[1])

"""Pipelines that run on other machines: `callboard submit`, asked for from Python."""

from __future__ import annotations

import subprocess

from callboard._host.command import command
from callboard._host.errors import made

# The exit codes of the command, and what each is as an exception.
_KINDS = {2: "pipeline", 3: "data", 4: "limit", 5: "system", 130: "interrupted"}


def submit(file: str | None, text: bytes, base: str, arguments: list[str]) -> None:
    """Submits a pipeline, from its file or as a text whose paths start from `base`. What the command says is the exception that it fails with."""
    read = ["-"] if file is None else [file]
    ended = subprocess.run(
        [command(), "submit", *read, *arguments],
        input=text if file is None else b"",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=None if file else base,
        check=False,
    )
    if ended.returncode == 0:
        return
    said = ended.stderr.decode("utf-8", "replace").strip()
    message = said.rpartition("error: ")[2] or f"`callboard submit` ended with {ended.returncode}"
    raise made(_KINDS.get(ended.returncode, "bug"), {"message": message})

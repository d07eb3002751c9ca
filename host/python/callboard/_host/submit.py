"""Pipelines that run on other machines: `callboard submit` and `callboard resume`, asked for from Python."""

from __future__ import annotations

import subprocess

from callboard._host.command import command
from callboard._host.errors import made

# The exit codes of the command, and what each is as an exception.
_KINDS = {2: "pipeline", 3: "data", 4: "limit", 5: "system", 130: "interrupted"}


def submit(file: str | None, text: bytes, base: str, arguments: list[str]) -> None:
    """Submits a pipeline, from its file or as a text whose paths start from `base`. What the command says is the exception that it fails with."""
    read = ["-"] if file is None else [file]
    asked(["submit", *read, *arguments], text if file is None else b"", None if file else base)


def asked(arguments: list[str], text: bytes = b"", folder: str | None = None) -> None:
    """Asks the command, in a folder. What it says is the exception that it fails with."""
    ended = subprocess.run(
        [command(), *arguments], input=text, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=folder, check=False
    )
    if ended.returncode == 0:
        return
    said = ended.stderr.decode("utf-8", "replace").strip()
    message = said.rpartition("error: ")[2] or f"`callboard {arguments[0]}` ended with {ended.returncode}"
    raise made(_KINDS.get(ended.returncode, "bug"), {"message": message})

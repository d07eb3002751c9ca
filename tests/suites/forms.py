"""Pipelines and components: what has another form is refused with its place, and never ends in a panic."""

import re

from command import broken

# What is said of TOML that is no pipeline, once it was read.
UNDERSTOOD = ("the version of the file's format is missing", "unknown key", "the pipeline is empty")
PLACE = re.compile(r"\[[^\]]*:\d+:\d+\]")


def toml_files(root):
    listed = (root / "tests/files-toml-1.1.0").read_text().split()
    return [root / "tests" / name for name in listed if name.endswith(".toml")]


def toml_fault(command, path):
    """TOML is read, so that something else is wrong with it as a pipeline; what is none has a place."""
    code, words = command.words("plan", str(path))
    if (wrong := broken(code, words, (2,))) is not None:
        return wrong
    if PLACE.search(words) is None:
        return f"no place: {words}"
    if "invalid" in path.parts:
        return f"read: {words}" if UNDERSTOOD[0] in words else None
    return None if any(part in words for part in UNDERSTOOD) else f"refused: {words}"


def component_files(root):
    return sorted(root.rglob("*.wasm"))


def component_fault(command, path):
    """A component that somebody else wrote, right or wrong, is looked at."""
    return broken(*command.words("step", "inspect", str(path)))

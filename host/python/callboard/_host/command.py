"""The command `callboard`, which comes with this package."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from callboard._host.errors import HostError

_NAME = "callboard.exe" if os.name == "nt" else "callboard"


def command() -> str:
    """The path of the command `callboard`.

    It is found where this package was installed: in the scripts folder of the environment, of the user, or beside a
    folder that packages were installed into (`pip install --target`). The environment variable `CALLBOARD` names another.
    """
    if named := os.environ.get("CALLBOARD"):
        return named
    for folder in _folders():
        path = folder / _NAME
        if path.is_file() and not _is_launcher(path):
            return str(path)
    raise HostError(
        "the command `callboard` was not found beside this package",
        help="install the package again: pip install --force-reinstall callboard\nor name the command: CALLBOARD=/path/to/callboard",
    )


def _folders() -> list[Path]:
    import sysconfig

    package = Path(__file__).resolve().parent.parent
    found = [Path(sysconfig.get_path("scripts"))]
    user = f"{os.name}_user"
    if user in sysconfig.get_scheme_names():
        found.append(Path(sysconfig.get_path("scripts", scheme=user)))
    found.append(package.parent / "bin")  # pip install --target
    found.append(package.parent.parent.parent.parent / "bin")  # PREFIX/lib/pythonX.Y/site-packages
    found.append(Path(sys.prefix) / "bin")
    found.append(package / "bin")
    return found


def _is_launcher(path: Path) -> bool:
    """Whether it is a script that would call this module again."""
    with path.open("rb") as file:
        return file.read(2) == b"#!"


def main() -> None:
    """Becomes the command: `python -m callboard …`."""
    path = command()
    if os.name == "nt":
        import subprocess

        raise SystemExit(subprocess.call([path, *sys.argv[1:]]))
    os.execv(path, [path, *sys.argv[1:]])

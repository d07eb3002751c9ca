"""Dataset pipelines whose steps are WebAssembly components: the command `callboard`, and where it is."""

import os
import sysconfig


def command() -> str:
    """The path of the command `callboard` that was installed with this package."""
    schemes = [None, f"{os.name}_user"]
    paths = [sysconfig.get_path("scripts", scheme) if scheme else sysconfig.get_path("scripts") for scheme in schemes]
    # `pip install --target` has no scheme: the command is beside the package.
    paths.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bin"))
    for path in paths:
        found = os.path.join(path, "callboard")
        if os.path.isfile(found):
            return found
    raise FileNotFoundError(f"the command `callboard` is not in {', '.join(paths)}: install the package again")

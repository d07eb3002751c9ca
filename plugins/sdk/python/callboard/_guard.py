"""Where the host's calls come in: what is raised becomes the contract's error, and what was said reaches the log."""

import functools
import json
import os
from collections.abc import Callable
from types import ModuleType
from typing import Any, ParamSpec, TypeVar

from componentize_py_types import Err
from wit_world.exports.manifest import Manifest
from wit_world.imports.types import Error, ErrorKind

from callboard import _ahead, errors, log  # noqa: F401
from callboard._step import Step

P = ParamSpec("P")
R = TypeVar("R")

_KINDS = {
    "config": ErrorKind.CONFIG,
    "input": ErrorKind.INPUT,
    "transient": ErrorKind.TRANSIENT,
    "failed": ErrorKind.FAILED,
}


def guarded(call: Callable[P, R]) -> Callable[P, R]:
    """The call, with every exception turned into the contract's error: any other would be a trap."""

    @functools.wraps(call)
    def within(*args: P.args, **kwargs: P.kwargs) -> R:
        log.begin()
        try:
            return call(*args, **kwargs)
        except BaseException as error:
            if isinstance(error, ModuleNotFoundError) or error.args[:1] and "unknown encoding" in str(error.args[0]):
                error.add_note(
                    "a component has the modules that were imported when it was built: import them at the top of `step.py`"
                )
            kind, at = (error.kind, error.at) if isinstance(error, errors.StepError) else ("failed", None)
            raise Err(Error(_KINDS[kind], errors.clean(errors.told(error)), at)) from None
        finally:
            log.end()

    return within


def manifest_of(step: type[Step], module: ModuleType) -> type[Any]:
    """The class that describes a step; all of it is made now, while the component is built."""
    schema = json.dumps(step.parser().schema, ensure_ascii=False)
    described = Manifest(step.name, step.version, step.summary(), schema)
    errors.remember_sources(os.path.dirname(module.__file__ or ""))

    class Describing:
        def describe(self) -> Manifest:
            return described

    return Describing

"""A component of the source in `step.py`."""

import step
from wit_world.exports.source import Page

from callboard import Source as Kind
from callboard._calls import SourceCalls, step_of
from callboard._guard import guarded, manifest_of

_STEP = step_of(step, Kind)
_CALLS = SourceCalls(_STEP)
Manifest = manifest_of(_STEP, step)


def _next() -> Page | None:
    page = _CALLS.next()
    return None if page is None else Page(*page)


class Source:
    declare = staticmethod(guarded(_CALLS.declare))
    open = staticmethod(guarded(_CALLS.open))
    next = staticmethod(guarded(_next))

"""A component of the global step in `step.py`."""

import step

from callboard import Global as Kind
from callboard._calls import GlobalCalls, step_of
from callboard._guard import guarded, manifest_of

_STEP = step_of(step, Kind)
_CALLS = GlobalCalls(_STEP)
Manifest = manifest_of(_STEP, step)


class Global:
    declare = staticmethod(guarded(_CALLS.declare))
    open = staticmethod(guarded(_CALLS.open))
    run = staticmethod(guarded(_CALLS.run))

"""A component of the transform in `step.py`."""

import step

from callboard import Transform as Kind
from callboard._calls import TransformCalls, step_of
from callboard._guard import guarded, manifest_of

_STEP = step_of(step, Kind)
_CALLS = TransformCalls(_STEP)
Manifest = manifest_of(_STEP, step)


class Transform:
    declare = staticmethod(guarded(_CALLS.declare))
    open = staticmethod(guarded(_CALLS.open))
    process = staticmethod(guarded(_CALLS.process))

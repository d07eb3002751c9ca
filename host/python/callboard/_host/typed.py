"""The functions of `callboard` that name a step. Their types, with the configurations of the bundled steps, are in `typed.pyi`."""

from callboard._host.builder import step_spec as step
from callboard._host.step import Step

__all__ = ["Step", "step"]

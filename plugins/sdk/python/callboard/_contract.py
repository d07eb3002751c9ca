"""The records that cross to the host: in a component the generated classes, anywhere else (a test) the same ones of our own."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from callboard import _records as columns
    from callboard._records import Fate, Removal
else:
    try:
        from wit_world.imports import columns
        from wit_world.imports.types import Fate, Removal
    except ModuleNotFoundError:
        from callboard import _records as columns
        from callboard._records import Fate, Removal

__all__ = ["Fate", "Removal", "columns"]

"""The records that cross to the host: in a component the generated classes, anywhere else (a test) the same ones of our own."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from callboard import _records as columns
    from callboard._records import Arrangement, Fate, Gathering_All, Gathering_ByEach, Gathering_ByKey, Removal
else:
    try:
        from wit_world.imports import columns
        from wit_world.imports.types import Fate, Removal
    except ModuleNotFoundError:
        from callboard import _records as columns
        from callboard._records import Fate, Removal
    try:  # A component of another kind than a global step lacks these.
        from wit_world.exports.global_ import Arrangement, Gathering_All, Gathering_ByEach, Gathering_ByKey
    except ModuleNotFoundError:
        from callboard._records import Arrangement, Gathering_All, Gathering_ByEach, Gathering_ByKey

__all__ = ["Arrangement", "Fate", "Gathering_All", "Gathering_ByEach", "Gathering_ByKey", "Removal", "columns"]

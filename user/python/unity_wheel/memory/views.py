# SPDX-License-Identifier: LGPL-2.1-or-later
"""Memory at an address, as Python and numpy look at it. Whatever is derived from a view keeps it,
and what is to happen when nobody looks any more happens then."""

from __future__ import annotations

import ctypes
import weakref
from typing import Any, Callable, Dict

from .arrays import FORMATS, Layout, find_numpy


class Memory:
    """For numpy: __array_interface__, version 3."""

    __slots__ = ("__array_interface__", "__weakref__")

    def __init__(self, address: int, layout: Layout, typestr: str, writable: bool) -> None:
        self.__array_interface__: Dict[str, Any] = {
            "version": 3, "shape": layout.shape, "typestr": typestr,
            "data": (address, not writable)}


def _when_unused(anchor: Any, ends: Callable[[], object]) -> None:
    weakref.finalize(anchor, ends).atexit = False  # the process's end ends it too


def view_bytes(address: int, size: int, writable: bool, ends: Callable[[], object]) -> memoryview:
    anchor = (ctypes.c_char * size).from_address(address)
    _when_unused(anchor, ends)
    view = memoryview(anchor).cast("B")
    return view if writable else view.toreadonly()


def view_array(address: int, layout: Layout, writable: bool, ends: Callable[[], object]) -> Any:
    """A numpy array, or without numpy a memoryview of that shape."""
    numpy = find_numpy()
    if not numpy:
        flat: Any = view_bytes(address, layout.nbytes, writable, ends)
        return flat.cast(FORMATS[layout.dtype], layout.shape or (1,))
    anchor = Memory(address, layout, numpy.dtype(layout.dtype).str, writable)
    _when_unused(anchor, ends)
    return numpy.asarray(anchor)

# SPDX-License-Identifier: LGPL-2.1-or-later
"""Leases that end with a ``with`` block. Each is an object with two methods and no generator: that
costs half of what contextlib's would."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Callable, Generic, Iterable, List, Optional, Tuple, Type, TypeVar, Union

from .allocation import Allocation, TensorAllocation
from .arguments import Priority, priority_of, size_bytes, tags_of, text_of
from .arrays import Shape, layout_of
from .manager import Number, UnifiedMemoryManager, get_memory_manager

_Yielded = TypeVar("_Yielded")


class Scope(Generic[_Yielded]):
    """Has the lease from enter to exit, and may be entered again. What was revoked meanwhile ends
    without a word."""

    __slots__ = ("_ask", "_held")

    def __init__(self, ask: Callable[[UnifiedMemoryManager], _Yielded]) -> None:
        self._ask = ask
        self._held: List[Tuple[UnifiedMemoryManager, Allocation]] = []

    def __enter__(self) -> _Yielded:
        manager = get_memory_manager()
        result: Any = self._ask(manager)
        self._held.append((manager, result[0] if type(result) is tuple else result))
        return result  # type: ignore[no-any-return]

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        manager, allocation = self._held.pop()
        manager.release(allocation)


def _scope(component: str, size_mb: Number, description: str, priority: Optional[Priority],
           tags: Iterable[str]) -> Scope[Allocation]:
    size_bytes(size_mb)
    text_of(description, "description")
    priority_of(priority)
    words = tags_of(tags)
    return Scope(lambda manager: manager.allocate(component, size_mb, description, priority, words))


def allocate_for_trading(size_mb: Number, description: str = "",
                         priority: Optional[Priority] = None,
                         tags: Iterable[str] = ()) -> Scope[Allocation]:
    """``with allocate_for_trading(100, "SPY options") as alloc_id:`` - a lease of ``trading_data``.
    MemoryError on entering, when there is no room."""
    return _scope("trading_data", size_mb, description, priority, tags)


def allocate_for_ml(size_mb: Number, description: str = "", priority: Optional[Priority] = None,
                    tags: Iterable[str] = ()) -> Scope[Allocation]:
    """The same of ``ml_models``."""
    return _scope("ml_models", size_mb, description, priority, tags)


def allocate_for_database(size_mb: Number, description: str = "",
                          priority: Optional[Priority] = None,
                          tags: Iterable[str] = ()) -> Scope[Allocation]:
    """The same of ``database``."""
    return _scope("database", size_mb, description, priority, tags)


def allocate_for_cache(size_mb: Number, description: str = "",
                       priority: Optional[Priority] = None,
                       tags: Iterable[str] = ()) -> Scope[Allocation]:
    """The same of ``cache``."""
    return _scope("cache", size_mb, description, priority, tags)


def allocate_tensor_memory(shape: Shape, dtype: Any = "float32", description: str = "", *,
                           component: str = "ml_models") -> Scope[TensorAllocation]:
    """A lease of what an array of that shape and type takes; ``alloc_id.tensor()`` is the array."""
    layout = layout_of(shape, dtype)
    text_of(description, "description")
    return Scope(lambda manager: manager.allocate_tensor(layout, description, component))


def allocate_adaptive_memory(size_mb: Number, description: str = "", *,
                             component: Optional[str] = None, min_mb: Optional[Number] = None
                             ) -> Scope[Tuple[Allocation, int]]:
    """``as (alloc_id, mb)``: as much of ``size_mb`` as leaves a third of the free memory to others,
    in whole MB, and at least ``min_mb``, a tenth if not given. ``component``: the one that this
    process runs in, or else the first that it may use."""
    size_bytes(size_mb)
    return Scope(lambda manager: manager.allocate_adaptive(size_mb, description,
                                                           component=component, min_mb=min_mb))


def allocate_with_fallback(primary_mb: Number, fallback_mb: Number, description: str = "", *,
                           component: Optional[str] = None
                           ) -> Scope[Tuple[Allocation, Union[int, float]]]:
    """``as (alloc_id, mb)``: a lease of ``primary_mb``, or else of ``fallback_mb``; ``mb`` is the
    one that it was."""
    size_bytes(primary_mb, "primary_mb")
    size_bytes(fallback_mb, "fallback_mb")
    return Scope(lambda manager: manager.allocate_first(primary_mb, fallback_mb, description,
                                                        component=component))

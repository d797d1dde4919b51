# SPDX-License-Identifier: LGPL-2.1-or-later
"""Objects that are used again instead of made anew."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import Callable, Dict, Generic, Iterator, List, Optional, TypeVar

from .arguments import count_of

_Item = TypeVar("_Item")


class ObjectPool(Generic[_Item]):
    """Keeps up to ``max_size`` objects of ``factory`` for the next who needs one, and lets go of
    what comes back beyond that. ``reset`` has an object made clean as it comes back; one that it
    fails on is not kept. From any thread."""

    def __init__(self, factory: Callable[[], _Item], max_size: int,
                 reset: Optional[Callable[[_Item], object]] = None) -> None:
        if not callable(factory) or not (reset is None or callable(reset)):
            raise TypeError("factory and reset must be callable")
        self._factory = factory
        self._reset = reset
        self._max_size = count_of(max_size, "max_size")
        self._lock = threading.Lock()
        self._idle: List[_Item] = []
        self._out: Dict[int, _Item] = {}  # by id(), which stays while it is here
        self._made = self._reused = 0

    def get(self) -> _Item:
        """One that has come back, the last first, or a new one."""
        with self._lock:
            if self._idle:
                item = self._idle.pop()
                self._reused += 1
                self._out[id(item)] = item
                return item
        item = self._factory()
        with self._lock:
            self._made += 1
            self._out[id(item)] = item
        return item

    def put(self, item: _Item) -> None:
        """It is not to be used any more. ValueError for what is not out: put twice, or another's.
        """
        with self._lock:
            if id(item) not in self._out:
                raise ValueError(f"{type(item).__name__} is not out of this pool")
            del self._out[id(item)]
        if self._reset:
            self._reset(item)
        with self._lock:
            if len(self._idle) < self._max_size:
                self._idle.append(item)

    @contextmanager
    def item(self) -> Iterator[_Item]:
        """``with pool.item() as it:``"""
        item = self.get()
        try:
            yield item
        finally:
            self.put(item)

    def stats(self) -> Dict[str, int]:
        with self._lock:
            return {"idle": len(self._idle), "out": len(self._out), "made": self._made,
                    "reused": self._reused}

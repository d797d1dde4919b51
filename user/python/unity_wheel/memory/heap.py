# SPDX-License-Identifier: LGPL-2.1-or-later
"""What pools allocate from: libuw's allocator over memory that can be shared, or where there is no
libuw one in Python. All sizes here are bytes, an id is an int, and KeyError says that there is
nothing under it any more."""

from __future__ import annotations

import abc
from typing import Any, Callable, Dict, Tuple

from .arrays import Layout

EvictCallback = Callable[[int, memoryview], object]


class HeapFull(MemoryError):
    """No room in a pool, whose lease is of a fixed size. Sizes are in MB."""

    def __init__(self, asked: float, free: float, largest: float) -> None:
        super().__init__(asked, free, largest)
        self.asked, self.free, self.largest = asked, free, largest

    def __str__(self) -> str:
        return (f"the pool is full: {self.asked:.10g} MB asked, {self.free:.10g} MB free, "
                f"{self.largest:.10g} MB in one piece")


class Heap(abc.ABC):
    """Ends when nobody refers to it any more: a view of its memory does."""

    @abc.abstractmethod
    def on_evict(self, fn: Callable[[int, int, int], None]) -> None:
        """Once, before anything is evictable: fn(id, address, bytes) of what is going."""

    @abc.abstractmethod
    def alloc(self, size: int, evictable: bool) -> int:
        """Pinned once where it is evictable. HeapFull."""

    @abc.abstractmethod
    def pin(self, ident: int) -> Tuple[int, int]:
        """Address and size; it stays, also when it is freed, until it is unpinned as often."""

    @abc.abstractmethod
    def unpin(self, ident: int) -> None:
        """Whether or not it is there."""

    @abc.abstractmethod
    def free(self, ident: int) -> bool:
        """False when it was freed or evicted before."""

    @abc.abstractmethod
    def trim(self, keep: int) -> int:
        """Evicts what is beyond so many used bytes, gives back what is free; how much that was."""

    @abc.abstractmethod
    def stats(self) -> Dict[str, Any]:
        """As struct uw_pool_stats."""

    # ---- tensors ----

    @abc.abstractmethod
    def alloc_tensor(self, layout: Layout) -> int:
        """HeapFull."""

    @abc.abstractmethod
    def tensor(self, ident: int) -> Tuple[int, Layout]:
        """Its address; to be pinned before it is touched, where this is its owner."""

# SPDX-License-Identifier: LGPL-2.1-or-later
"""An allocator in Python, first fit over one mapping, for where there is no libuw. It is exact and
slow; its memory is this process's alone."""

from __future__ import annotations

import bisect
import ctypes
import itertools
import mmap
import threading
from collections import OrderedDict
from typing import Any, Callable, Dict, List, Optional, Tuple

from .arguments import MB
from .arrays import Layout
from .heap import Heap, HeapFull

ALIGN = 64


class _Block:
    __slots__ = ("offset", "size", "pins", "evictable", "freed", "layout")

    def __init__(self, offset: int, size: int, evictable: bool) -> None:
        self.offset = offset
        self.size = size
        self.pins = 1 if evictable else 0
        self.evictable = evictable
        self.freed = False
        self.layout: Optional[Layout] = None


class LocalHeap(Heap):
    def __init__(self, size: int) -> None:
        self._size = -(-size // ALIGN) * ALIGN
        self._map = mmap.mmap(-1, self._size)
        self._base = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        self._lock = threading.RLock()  # the callback allocates and frees
        self._free: List[Tuple[int, int]] = [(0, self._size)]  # offset and size, by offset
        self._block: Dict[int, _Block] = {}
        self._oldest: OrderedDict[int, None] = OrderedDict()  # evictable and not pinned
        self._numbers = itertools.count(1)
        self._evict: Callable[[int, int, int], None] = lambda ident, address, size: None
        self._counts = {"allocations": 0, "frees": 0, "evictions": 0}
        self._evicts = False

    def on_evict(self, fn: Callable[[int, int, int], None]) -> None:
        self._evict = fn

    # ---- the lock is held ----

    def _find(self, ident: int) -> _Block:
        block = self._block.get(ident)
        if block is None or block.freed:
            raise KeyError(ident)
        return block

    def _take(self, size: int) -> Optional[int]:
        for at, (offset, room) in enumerate(self._free):
            if room >= size:
                if room == size:
                    del self._free[at]
                else:
                    self._free[at] = (offset + size, room - size)
                return offset
        return None

    def _give(self, offset: int, size: int) -> None:
        """Joined with its neighbours."""
        at = bisect.bisect(self._free, (offset, 0))
        if at < len(self._free) and offset + size == self._free[at][0]:
            size += self._free.pop(at)[1]
        if at and sum(self._free[at - 1]) == offset:
            offset, size = self._free[at - 1][0], self._free[at - 1][1] + size
            del self._free[at - 1]
            at -= 1
        self._free.insert(at, (offset, size))

    def _drop(self, ident: int, block: _Block) -> None:
        self._oldest.pop(ident, None)
        block.freed = True
        if not block.pins:
            del self._block[ident]
            self._give(block.offset, block.size)

    def _evict_oldest(self) -> bool:
        if self._evicts or not self._oldest:
            return False
        ident = next(iter(self._oldest))
        block = self._block[ident]
        block.freed = True  # as the id is stale for the callback
        self._evicts = True
        try:
            self._evict(ident, self._base + block.offset, block.size)
        finally:
            self._evicts = False
            self._drop(ident, block)
            self._counts["evictions"] += 1
        return True

    def _full(self, size: int) -> HeapFull:
        rooms = [room for _, room in self._free]
        return HeapFull(size / MB, sum(rooms) / MB, max(rooms, default=0) / MB)

    # ---- what others call ----

    def alloc(self, size: int, evictable: bool) -> int:
        size = -(-size // ALIGN) * ALIGN
        with self._lock:
            offset = self._take(size)
            while offset is None:
                if not self._evict_oldest():
                    raise self._full(size)
                offset = self._take(size)
            ident = next(self._numbers)
            self._block[ident] = _Block(offset, size, evictable)
            self._counts["allocations"] += 1
            return ident

    def pin(self, ident: int) -> Tuple[int, int]:
        with self._lock:
            block = self._find(ident)
            block.pins += 1
            self._oldest.pop(ident, None)
            return self._base + block.offset, block.size

    def unpin(self, ident: int) -> None:
        with self._lock:
            block = self._block.get(ident)
            if block is None or not block.pins:
                return
            block.pins -= 1
            if block.pins:
                return
            if block.freed:
                self._drop(ident, block)
            elif block.evictable:
                self._oldest[ident] = None

    def free(self, ident: int) -> bool:
        with self._lock:
            try:
                self._drop(ident, self._find(ident))
            except KeyError:
                return False
            self._counts["frees"] += 1
            return True

    def _used(self) -> int:
        return sum(block.size for block in self._block.values())

    def trim(self, keep: int) -> int:
        """There are no pages to give back one by one."""
        with self._lock:
            before = self._used()
            while self._used() > keep and self._evict_oldest():
                pass
            return before - self._used()

    def stats(self) -> Dict[str, Any]:
        with self._lock:
            rooms = [room for _, room in self._free]
            free, largest = sum(rooms), max(rooms, default=0)
            blocks = self._block.values()
            return {"fragmentation_permyriad": int(1e4 * (1 - largest / free)) if free else 0,
                    "bytes": self._size, "used_bytes": self._used(),
                    "zombie_bytes": sum(block.size for block in blocks if block.freed),
                    "evictable_bytes": sum(self._block[each].size for each in self._oldest),
                    "committed_bytes": self._used(), "free_bytes": free, "largest_bytes": largest,
                    "tensors": sum(block.layout is not None and not block.freed
                                   for block in blocks), **self._counts}

    def alloc_tensor(self, layout: Layout) -> int:
        with self._lock:
            ident = self.alloc(layout.nbytes, False)
            self._block[ident].layout = layout
            return ident

    def tensor(self, ident: int) -> Tuple[int, Layout]:
        with self._lock:
            block = self._find(ident)
            if block.layout is None:
                raise KeyError(ident)
            return self._base + block.offset, block.layout

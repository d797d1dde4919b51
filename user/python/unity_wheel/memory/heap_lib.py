# SPDX-License-Identifier: LGPL-2.1-or-later
"""A pool of libuw, owned or another process's."""

from __future__ import annotations

import ctypes
import errno
from typing import Any, Callable, Dict, Optional, Tuple, Union

from . import binding
from .arguments import MB
from .arrays import Layout
from .heap import Heap, HeapFull
from .manager import UnifiedMemoryManager
from .sharing import Shared, name_for
from .uwd import fail

# By numpy's names, as DLPack numbers them: enum uw_type, and bits.
TYPES = {"bool": (6, 8), "complex64": (5, 64), "complex128": (5, 128),
         **{f"int{bits}": (0, bits) for bits in (8, 16, 32, 64)},
         **{f"uint{bits}": (1, bits) for bits in (8, 16, 32, 64)},
         **{f"float{bits}": (2, bits) for bits in (16, 32, 64)}}
BYTES_MIN = 64 << 10  # of a pool

_NAMES = {code: name for name, code in TYPES.items()}
_TYPESTRS = {"<c8": "complex64", "<c16": "complex128"}


class LibHeap(Shared, Heap):
    kind = "uw_pool"

    def __init__(self, pool: ctypes.c_void_p) -> None:
        super().__init__(pool)
        self._pool = pool
        self._owned = False
        self._evict: Any = None  # the callback, which ctypes does not keep

    @classmethod
    def create(cls, handle: Optional[binding.Handle], component: str, name: str,
               size: int) -> LibHeap:
        """On the component, by the handle's uwd; without a handle this process's. MemoryError."""
        options = binding.PoolOptions(size=ctypes.sizeof(binding.PoolOptions),
                                      component=component.encode(),
                                      name=name_for(handle, name),
                                      bytes=max(size, BYTES_MIN))
        pool = ctypes.c_void_p()
        rc = binding.library().uw_pool_create(handle, ctypes.byref(options), ctypes.byref(pool))
        if rc == -errno.ENOMEM:
            raise MemoryError(f"no pool of {size / MB:.10g} MB for {component}")
        if rc:
            fail(rc, component)
        made = cls(pool)
        made._owned = True
        return made

    @classmethod
    def attach(cls, manager: UnifiedMemoryManager, where: Union[int, str],
               writable: bool) -> LibHeap:
        return cls(cls.find(manager, where, writable))

    def __del__(self) -> None:
        pool, self._pool = getattr(self, "_pool", None), ctypes.c_void_p()
        if pool:
            self._call.uw_pool_close(pool)

    def is_orphan(self) -> bool:
        return binding.has("uw_pool_is_orphan") and bool(self._call.uw_pool_is_orphan(self._pool))

    def pin_cuda(self) -> None:
        rc = self._call.uw_pool_pin_cuda(self._pool)
        if rc:
            fail(rc)

    def on_evict(self, fn: Callable[[int, int, int], None]) -> None:
        self._evict = binding.EVICT_FN(lambda _, ident, memory, size: fn(ident, memory, size))
        self._call.uw_pool_on_evict(self._pool, self._evict, None)

    def _check(self, rc: int, ident: int) -> None:
        if rc == binding.STALE:
            raise KeyError(ident)
        if rc:
            fail(rc)

    def _full(self, size: int) -> HeapFull:
        found = self.stats()
        return HeapFull(size / MB, found["free_bytes"] / MB, found["largest_bytes"] / MB)

    def alloc(self, size: int, evictable: bool) -> int:
        ident = ctypes.c_uint64()
        rc = self._call.uw_pool_alloc(self._pool, size, int(evictable), ctypes.byref(ident), None)
        if rc in (binding.FULL, -errno.ENOMEM):
            raise self._full(size)
        if rc:
            fail(rc)
        return ident.value

    def pin(self, ident: int) -> Tuple[int, int]:
        memory, size = ctypes.c_void_p(), ctypes.c_uint64()
        self._check(self._call.uw_pool_pin(self._pool, ident, ctypes.byref(memory)), ident)
        rc = self._call.uw_pool_get(self._pool, ident, None, ctypes.byref(size))
        if rc:
            self._call.uw_pool_unpin(self._pool, ident)
            self._check(rc, ident)
        return memory.value or 0, size.value

    def unpin(self, ident: int) -> None:
        if self._owned:
            self._call.uw_pool_unpin(self._pool, ident)

    def free(self, ident: int) -> bool:
        rc = self._call.uw_pool_free(self._pool, ident)
        if rc < 0:
            fail(rc)
        return not rc

    def trim(self, keep: int) -> int:
        size = ctypes.c_uint64()
        rc = self._call.uw_pool_trim(self._pool, keep, ctypes.byref(size))
        if rc:
            fail(rc)
        return size.value

    def stats(self) -> Dict[str, Any]:
        stats = binding.PoolStats(size=ctypes.sizeof(binding.PoolStats))
        rc = self._call.uw_pool_stats(self._pool, ctypes.byref(stats))
        if rc:
            fail(rc)
        return {name: getattr(stats, name) for name, *_ in binding.PoolStats._fields_[1:]}

    # ---- tensors ----

    def alloc_tensor(self, layout: Layout) -> int:
        code = TYPES.get(_TYPESTRS.get(layout.dtype, layout.dtype))
        if code is None or len(layout.shape) > binding.TENSOR_DIMENSIONS:
            raise TypeError(f"no tensor of {layout.dtype} with {len(layout.shape)} dimensions can "
                            f"be shared; up to {binding.TENSOR_DIMENSIONS}, of {', '.join(TYPES)}")
        tensor = binding.Tensor(size=ctypes.sizeof(binding.Tensor), type=code[0], bits=code[1],
                                dimensions=len(layout.shape))
        tensor.shape[:len(layout.shape)] = layout.shape
        ident = ctypes.c_uint64()
        rc = self._call.uw_tensor_alloc(self._pool, ctypes.byref(tensor), 0, ctypes.byref(ident),
                                        None)
        if rc in (binding.FULL, -errno.ENOMEM):
            raise self._full(layout.nbytes)
        if rc:
            fail(rc)
        return ident.value

    def tensor(self, ident: int) -> Tuple[int, Layout]:
        tensor = binding.Tensor(size=ctypes.sizeof(binding.Tensor))
        self._check(self._call.uw_tensor_get(self._pool, ident, ctypes.byref(tensor)), ident)
        layout = Layout(tuple(tensor.shape[:tensor.dimensions]), _NAMES[tensor.type, tensor.bits],
                        tensor.bits // 8)
        return tensor.memory or 0, layout

    def dlpack(self, ident: int, versioned: bool) -> Any:
        """A capsule, which whoever asked for it takes over at once."""
        managed = ctypes.c_void_p()
        self._check(self._call.uw_tensor_dlpack(self._pool, ident, int(versioned),
                                                ctypes.byref(managed)), ident)
        return binding.capsule(managed, b"dltensor_versioned" if versioned else b"dltensor")

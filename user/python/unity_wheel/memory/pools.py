# SPDX-License-Identifier: LGPL-2.1-or-later
"""Memory of a fixed size that a program allocates from. It stands on a component, whoever touches it,
and other processes can map it; without uwd it is this process's, and where there is no libuw its own
alone."""

from __future__ import annotations

import functools
import logging
import os
import warnings
from types import TracebackType
from typing import Any, Callable, Dict, List, Optional, Type, TypeVar, Union

from . import binding
from .allocation import Allocation
from .arguments import MB, count_of, size_bytes, text_of
from .arrays import Shape, layout_of
from .errors import UwNotRunning
from .heap import EvictCallback, Heap
from .heap_local import LocalHeap
from .manager import Number, UnifiedMemoryManager, get_memory_manager
from .sharing import uwd_handle
from .views import view_array, view_bytes

log = logging.getLogger("unity_wheel.memory")

_Pool = TypeVar("_Pool", bound="Pool")


def has_library(function: str) -> bool:
    """Whether libuw is there, and knows that."""
    try:
        return binding.has(function)
    except UwNotRunning:
        return False


def explain_denial(manager: UnifiedMemoryManager, component: str, size_mb: Number) -> None:
    """libuw says no more than that there was no memory: LeaseDenied where that was uwd's word."""
    manager.release(manager.allocate(component, size_mb))


class Pool:
    """What all pools of memory have in common: they end with close(), with a ``with`` block, or
    when nobody refers to them; views that are still there keep the memory until they go.

    ``name`` is what uwd knows the pool by, this user's only one of it: 1 to 31 of a-z, 0-9, _ and -;
    FileExistsError. Without one uwd is given one that nobody has."""

    def __init__(self, size_mb: Number, component: str, name: str = "") -> None:
        size = size_bytes(size_mb)
        text_of(component, "component")
        text_of(name, "name")
        self.component = component
        self.size_mb = size / MB
        self._manager = get_memory_manager()
        self._lease: Optional[Allocation] = None
        self._heap: Optional[Heap] = self._open(size, name)
        self._fresh: Dict[int, Optional[bool]] = {}  # made evictable, and not looked at yet

    def _open(self, size: int, name: str) -> Heap:
        handle = uwd_handle(self._manager)
        if not has_library("uw_pool_create"):
            self._lease = self._manager.allocate(self.component, self.size_mb,
                                                 name or self.component)
            return LocalHeap(size)
        from .heap_lib import LibHeap

        if handle is None:
            self._lease = self._manager.allocate(self.component, self.size_mb,
                                                 name or self.component)
        try:
            return LibHeap.create(handle, self.component, name, size)
        except MemoryError:
            if handle is not None:
                explain_denial(self._manager, self.component, self.size_mb)
            raise

    def _there(self) -> Heap:
        if self._heap is None:
            raise ValueError("the pool is closed")
        return self._heap

    # ---- its end ----

    def close(self) -> None:
        """Its lease ends; what is viewed still is there until the last view goes."""
        self._heap = None
        lease, self._lease = self._lease, None
        if lease is not None:
            self._manager.release(lease)

    def __enter__(self: _Pool) -> _Pool:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_lease", None) is not None:
            self.close()

    # ---- what it holds ----

    def _was_fresh(self, alloc_id: int) -> bool:
        """It is not any more. Of several threads one is told."""
        return self._fresh.pop(alloc_id, False) is None

    def deallocate(self, alloc_id: int) -> bool:
        """True; False and a ResourceWarning when it was freed or evicted before."""
        heap = self._there()
        if self._was_fresh(alloc_id):
            heap.unpin(alloc_id)
        if heap.free(alloc_id):
            return True
        warnings.warn(f"{alloc_id} of the pool was freed or evicted before", ResourceWarning,
                      stacklevel=2)
        return False

    def trim(self, keep_mb: Optional[Number] = None) -> float:
        """Gives free memory back to the machine, and evicts what is beyond ``keep_mb`` in use; how
        many MB went."""
        keep = size_bytes(keep_mb, "keep_mb") if keep_mb is not None else (1 << 64) - 1
        return self._there().trim(keep) / MB

    def stats(self) -> Dict[str, Any]:
        """Sizes in MB, fragmentation from 0.0 (all that is free is in one piece) to 1.0, counts."""
        found = self._there().stats()
        sizes = {name.replace("_bytes", "_mb") if name != "bytes" else "size_mb": value / MB
                 for name, value in found.items() if name.endswith("bytes")}
        return {**sizes, "fragmentation": found["fragmentation_permyriad"] / 1e4,
                **{name: found[name] for name in ("allocations", "frees", "evictions", "tensors")}}


class MemoryPool(Pool):
    """Pieces of memory of any size. What is evictable goes when there is no room for more, the
    least recently used first, but for what is being looked at."""

    def __init__(self, size_mb: Number, component: str = "trading_data", *, name: str = "") -> None:
        super().__init__(size_mb, component, name)
        self._callbacks: List[EvictCallback] = []
        self._there().on_evict(functools.partial(_tell_evicted, self._callbacks))

    def allocate(self, size_mb: Optional[Number] = None, description: str = "", *,
                 nbytes: Optional[int] = None, evictable: bool = True) -> int:
        """An id. The size is in MB, or in bytes with ``nbytes``; what is there is not cleared. It
        is not evicted before ``get`` has given it out once. MemoryError when there is no room."""
        text_of(description, "description")
        if (size_mb is None) == (nbytes is None):
            raise TypeError("one of size_mb and nbytes is to be given")
        size = size_bytes(size_mb) if nbytes is None else count_of(nbytes, "nbytes")
        ident = self._there().alloc(size, bool(evictable))
        if evictable:
            self._fresh[ident] = None
        return ident

    def get(self, alloc_id: int) -> memoryview:
        """Its memory, writable, which stays as long as anything looks at it. It counts as used now.
        KeyError when it was freed or evicted."""
        heap = self._there()
        address, size = heap.pin(alloc_id)
        if self._was_fresh(alloc_id):
            heap.unpin(alloc_id)
        return view_bytes(address, size, True, functools.partial(heap.unpin, alloc_id))

    def on_evict(self, callback: EvictCallback) -> EvictCallback:
        """Has ``callback(alloc_id, view)`` called in the thread that makes room, of what is going;
        the view ends with the call. Returns the callback."""
        if not callable(callback):
            raise TypeError(f"a callback must be callable, not {type(callback).__name__}")
        self._callbacks.append(callback)
        return callback


def _tell_evicted(callbacks: List[EvictCallback], ident: int, address: int, size: int) -> None:
    for callback in list(callbacks):
        try:
            with view_bytes(address, size, True, _nothing) as view:
                callback(ident, view)
        except Exception:
            log.exception("a callback for what is evicted failed")


def _nothing() -> None:
    pass


class TensorExport:
    """What ``torch.from_dlpack`` and the like take."""

    def __init__(self, heap: Any, ident: int) -> None:
        self._heap = heap
        self._ident = ident

    def __dlpack__(self, *, stream: Any = None, max_version: Any = None, dl_device: Any = None,
                   copy: Optional[bool] = None) -> Any:
        if copy:
            raise BufferError("a tensor of a pool is not copied")
        return self._heap.dlpack(self._ident, bool(max_version) and max_version >= (1, 0))

    @staticmethod
    def __dlpack_device__() -> Any:
        return (1, 0)  # kDLCPU


class SharedTensorPool(Pool):
    """Arrays in memory that other processes can map: ``share`` there, ``attach`` here.

    ``pin`` has it pinned for CUDA devices, so that transfers need no copy; OSError without one.
    """

    def __init__(self, size_mb: Number, component: str = "ml_models", *, name: str = "",
                 pin: bool = False) -> None:
        super().__init__(size_mb, component, name)
        self._writable = True
        if pin:
            self._lib().pin_cuda()

    def _lib(self) -> Any:
        """The heap, of libuw."""
        heap = self._there()
        if isinstance(heap, LocalHeap):
            raise UwNotRunning(f"without {binding.LIBRARY} a pool is its process's alone")
        return heap

    @classmethod
    def attach(cls, where: Union[int, str], *, writable: bool = False) -> SharedTensorPool:
        """The pool of another process, by what its ``share`` says, by its name (``NAME`` or
        ``UID/NAME``), or a file descriptor of it that was handed over. Its arrays can be had, and it
        can be closed. FileNotFoundError, PermissionError."""
        from .heap_lib import LibHeap

        pool = cls.__new__(cls)
        pool._manager, pool._lease, pool._fresh = get_memory_manager(), None, {}
        pool.component, pool._writable = "", writable
        pool._heap = None
        pool._heap = LibHeap.attach(pool._manager, where, writable)
        pool.size_mb = os.fstat(pool.fileno()).st_size / MB
        return pool

    def share(self, *, uid: Optional[int] = None, gid: Optional[int] = None,
              mode: Optional[int] = None) -> str:
        """What ``attach`` takes, in another process of the same user, as long as this one has the
        pool.

        With any of ``uid``, ``gid`` and ``mode``, who else may attach to it from now on: the bits of
        ``mode``, as of chmod, are for that user, that group, and all; without a mode they may read.
        Who has attached keeps it. UwNotRunning where uwd does not know the pool."""
        return str(self._lib().share(uid, gid, mode))

    @property
    def is_orphan(self) -> bool:
        """Of a pool that was attached to: its owner has ended, as far as this process has heard,
        which it does when it asks uwd for anything or has a callback of pressure."""
        return bool(self._lib().is_orphan())

    def fileno(self) -> int:
        """To be handed to others as file descriptors are."""
        return int(self._lib().fileno())

    def __reduce__(self) -> Any:
        return SharedTensorPool.attach, (self.share(),)

    def allocate_tensor(self, shape: Shape, dtype: Any = "float32", description: str = "") -> int:
        """An id of an array of that shape and type, not cleared. MemoryError."""
        text_of(description, "description")
        return self._there().alloc_tensor(layout_of(shape, dtype))

    def get_tensor(self, alloc_id: int) -> Any:
        """A numpy array, or without numpy a memoryview: writable, but of a pool that was attached
        to be read. The memory stays as long as anything looks at it. KeyError when it was freed."""
        heap = self._there()
        pinned = self._owns(heap)
        if pinned:
            heap.pin(alloc_id)
        try:
            address, layout = heap.tensor(alloc_id)
        except BaseException:
            heap.unpin(alloc_id)
            raise
        ends: Callable[[], object] = functools.partial(heap.unpin, alloc_id)
        return view_array(address, layout, self._writable, ends)

    @staticmethod
    def _owns(heap: Heap) -> bool:
        return getattr(heap, "_owned", True)

    def export(self, alloc_id: int) -> TensorExport:
        """Of libuw's memory: an object with ``__dlpack__``, for other libraries of arrays."""
        return TensorExport(self._lib(), alloc_id)


def create_ml_tensor_pool(size_mb: Number) -> SharedTensorPool:
    """A SharedTensorPool of ``ml_models``."""
    return SharedTensorPool(size_mb)


def create_trading_data_pool(size_mb: Number) -> MemoryPool:
    """A MemoryPool of ``trading_data``."""
    return MemoryPool(size_mb, "trading_data")


def create_database_pool(size_mb: Number) -> MemoryPool:
    """A MemoryPool of ``database``."""
    return MemoryPool(size_mb, "database")


def create_cache_pool(size_mb: Number) -> MemoryPool:
    """A MemoryPool of ``cache``."""
    return MemoryPool(size_mb, "cache")

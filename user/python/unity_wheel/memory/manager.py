# SPDX-License-Identifier: LGPL-2.1-or-later
"""The one place of a process where leases are had and given back."""

from __future__ import annotations

import itertools
import os
import threading
import warnings
from typing import Callable, Dict, Iterable, List, Optional, Tuple, Type, TypeVar, Union

from . import waits
from .allocation import Allocation, TensorAllocation, trim_to_mb
from .arguments import (Priority, priority_of, seconds_us, size_bytes, tags_of, text_of, whole_mb)
from .arrays import Layout
from .errors import LeaseDenied
from .ledger import Grant, Ledger, Request, open_ledger
from .pressure import EmergencyCallback, PressureCallback, PressureWatch

Number = Union[int, float]
_Result = TypeVar("_Result")
_Kind = TypeVar("_Kind", bound=Allocation)


def cgroup_words() -> List[str]:
    """Of the path of this process's cgroup, the innermost first."""
    try:
        with open("/proc/self/cgroup", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith("0::"):
                    return line.strip()[3:].split("/")[::-1]
    except OSError:
        pass
    return []


class UnifiedMemoryManager:
    """Leases of this process: promises of memory, by component. Use ``get_memory_manager``.

    Sizes are in MB, which is MiB. A lease moves no memory: it keeps so much of the component's
    budget free for this process until it is deallocated, its time is over or the process ends.
    """

    def __init__(self, ledger: Optional[Ledger] = None) -> None:
        self._ledger = ledger or open_ledger()
        self._token = os.urandom(3).hex()
        self._numbers = itertools.count(1)
        self._issued = 0
        self._lock = threading.Lock()
        self._held: Dict[str, Allocation] = {}
        self._late: List[Callable[[], object]] = []  # what no uwd was there to be told
        self._pressure = PressureWatch(self._ledger)

    @property
    def ledger(self) -> Ledger:
        """Who is asked: for the other parts of this package."""
        return self._ledger

    # ---- leases ----

    def allocate(self, component: str, size_mb: Number, description: str = "",
                 priority: Optional[Priority] = None, tags: Iterable[str] = (), *,
                 timeout: Optional[float] = 0, ttl: Optional[float] = None,
                 revocable: bool = True) -> Allocation:
        """A lease of all of ``size_mb``, or MemoryError with who has the memory.

        ``priority`` is 1 to 10 or a TaskPriority, the component's if not given. ``timeout`` is how
        many seconds to wait in line (None: for ever), ``ttl`` after how many it ends by itself. A
        ``revocable`` one may come out of what other components lend.
        """
        return self._keep(component, waits.alloc(self._ledger, Request(
            text_of(component, "component"), size_bytes(size_mb),
            text_of(description, "description"), tags_of(tags), priority_of(priority),
            seconds_us(timeout, "timeout"), 0 if ttl is None else seconds_us(ttl, "ttl"),
            bool(revocable))), Allocation)

    def deallocate(self, alloc_id: str) -> bool:
        """True; False and a ResourceWarning when it was freed or revoked before. KeyError for what
        was never a lease of this process."""
        allocation = self._held.pop(text_of(alloc_id, "alloc_id"), None)
        if allocation is None and not self._was_issued(alloc_id):
            raise KeyError(alloc_id)
        freed = allocation is not None and self._end(allocation)
        if not freed:
            warnings.warn(f"lease {alloc_id} was freed or revoked before", ResourceWarning,
                          stacklevel=2)
        return freed

    def _end(self, allocation: Allocation) -> bool:
        try:
            return allocation._end()
        except OSError:
            self._held[str(allocation)] = allocation  # it can be tried again
            raise

    def release(self, allocation: Allocation) -> None:
        """At the end of a scope: no word about one that has ended before, and none about a uwd
        that does not run, which is told later."""
        self._held.pop(str(allocation), None)
        self.tell(allocation._end)

    def tell(self, end: Callable[[], object]) -> None:
        """Calls it; again with a later lease, when there is no uwd now."""
        try:
            end()
        except OSError:
            self._late.append(end)

    def _tell_late(self) -> None:
        late, self._late = self._late, []
        for end in late:
            self.tell(end)

    def _keep(self, component: str, grant: Grant, kind: Type[_Kind]) -> _Kind:
        with self._lock:
            self._issued = next(self._numbers)
            name = f"{component}-{self._token}-{self._issued}"
        allocation = kind.of(name, component, grant, self._ledger)
        self._held[name] = allocation
        if self._late:
            self._tell_late()
        return allocation

    def _was_issued(self, name: str) -> bool:
        _, _, mine = name.rpartition(f"-{self._token}-")
        return name != mine and mine.isdigit() and 1 <= int(mine) <= self._issued

    # ---- what the scopes ask for ----

    def allocate_tensor(self, layout: Layout, description: str,
                        component: str) -> TensorAllocation:
        """A lease for an array; ``allocate_tensor_memory`` gives it back."""
        allocation = self._keep(component, self._ledger.alloc(Request(
            text_of(component, "component"), layout.nbytes,
            text_of(description, "description"))), TensorAllocation)
        allocation._layout = layout
        return allocation

    def allocate_adaptive(self, size_mb: Number, description: str = "", *,
                          component: Optional[str] = None,
                          min_mb: Optional[Number] = None) -> Tuple[Allocation, int]:
        """As much of ``size_mb`` as leaves a third of what is free to others, and no less than
        ``min_mb``, a tenth if not given; and how many whole MB it is."""
        size = whole_mb(size_mb)
        least = whole_mb(min_mb if min_mb is not None else size_mb / 10, "min_mb")
        if least > size:
            raise ValueError(f"min_mb {min_mb!r} is more than size_mb {size_mb!r}")
        text = text_of(description, "description")

        def ask(name: str) -> Allocation:
            return self._keep(name, self._ledger.alloc_adaptive(
                Request(name, size, text, min_bytes=least)), Allocation)

        allocation = self._in_component(component, ask)
        return allocation, trim_to_mb(allocation)

    def allocate_first(self, primary_mb: Number, fallback_mb: Number, description: str = "", *,
                       component: Optional[str] = None) -> Tuple[Allocation, Number]:
        """A lease of the first size that fits, and that very argument."""
        sizes = (primary_mb, fallback_mb)
        needs = [size_bytes(primary_mb, "primary_mb"), size_bytes(fallback_mb, "fallback_mb")]
        text = text_of(description, "description")

        def ask(name: str) -> Tuple[Allocation, Number]:
            index, grant = self._ledger.alloc_first([Request(name, need, text) for need in needs])
            return self._keep(name, grant, Allocation), sizes[index]

        return self._in_component(component, ask)

    def _in_component(self, component: Optional[str], ask: Callable[[str], _Result]) -> _Result:
        """Asks in the component; None is the one that this process runs in, or else the first
        that it may use."""
        if component is not None:
            return ask(text_of(component, "component"))
        names = list(self._ledger.report()["components"])
        own = [word for word in cgroup_words() if word in names][:1]
        refused: Optional[PermissionError] = None
        for name in own + [each for each in names if each not in own]:
            try:
                return ask(name)
            except PermissionError as error:
                refused = error
        raise refused or ValueError("there are no components")

    def default_component(self) -> str:
        """The one that this process runs in, or else the first that it may use."""
        def probe(name: str) -> str:
            try:
                self._ledger.free(self._ledger.alloc(Request(name, 1)).id)
            except LeaseDenied:
                pass  # it may, and there is no room now
            return name

        return self._in_component(None, probe)

    # ---- pressure ----

    def register_pressure_callback(self, callback: PressureCallback) -> PressureCallback:
        """Has ``callback(level)`` called in a thread of its own at each change of a component's
        level, and each second while that is medium or more. ``level`` is a float, PressureLevel.
        Returns the callback, so that it can be a decorator."""
        return self._pressure.add(callback)

    def unregister_pressure_callback(self, callback: PressureCallback) -> None:
        """ValueError when it is not registered."""
        self._pressure.remove(callback)

    def register_emergency_callback(self, callback: EmergencyCallback) -> EmergencyCallback:
        """Has ``callback()`` called once when a component enters emergency, and again only after
        it was below critical for ten seconds."""
        return self._pressure.add_emergency(callback)

    def unregister_emergency_callback(self, callback: EmergencyCallback) -> None:
        """ValueError when it is not registered."""
        self._pressure.remove_emergency(callback)


_manager: Optional[UnifiedMemoryManager] = None
_manager_lock = threading.Lock()


def get_memory_manager() -> UnifiedMemoryManager:
    """The one of this process, made when it is first asked for. A child of fork has its own, and
    none of its parent's leases. uwd is spoken to with the first question: UwNotRunning."""
    global _manager
    with _manager_lock:
        if _manager is None:
            _manager = UnifiedMemoryManager()
        return _manager


def _forget() -> None:
    global _manager, _manager_lock
    _manager = None
    _manager_lock = threading.Lock()


os.register_at_fork(after_in_child=_forget)

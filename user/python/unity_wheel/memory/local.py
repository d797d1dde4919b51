# SPDX-License-Identifier: LGPL-2.1-or-later
"""An account in this process, for UW_MODE=local: it keeps to the same budgets and speaks the same
words as uwd, and nothing is enforced. What counts as used is what is leased; nothing is lent."""

from __future__ import annotations

import itertools
import os
import re
import threading
import time
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from .arguments import MB
from .errors import Holder, LeaseDenied
from .ledger import LEVELS, Grant, Ledger, LevelEvent, Request

EDGES = (0.70, 0.80, 0.85, 0.90, 0.95)  # of levels from low on, as those of uw.conf(5)
AGE_STEP_S = 30.0  # waited for so long counts as one priority more, as in uwd

# The built-in profile: a machine of 24 GB of which 20 are shared out, and 5 % nobody owns.
TOTAL_BYTES = 24 << 30
USABLE_BYTES = 20 << 30
SHARES = {"trading_data": 35, "ml_models": 25, "database": 25, "cache": 10}
DEFAULT_PRIORITY = 5

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def default_budgets() -> Dict[str, int]:
    return {name: USABLE_BYTES * share // 100 for name, share in SHARES.items()}


def parse_budgets(text: str) -> Dict[str, int]:
    """Of "trading_data=7G, ml_models=512M": bytes by component."""
    budgets = {}
    for word in re.split(r"[,\s]+", text.strip()):
        found = re.fullmatch(r"(\w+)=(\d+)([KMGT]?)", word)
        if not found or not int(found[2]):
            raise ValueError(f"UW_LOCAL_BUDGETS: '{word}' is not as COMPONENT=SIZE, ml_models=512M")
        budgets[found[1]] = int(found[2]) * _UNITS[found[3]]
    return budgets


def level_of(use: float) -> int:
    return sum(use >= edge for edge in EDGES)


def host_memory() -> Tuple[int, int]:
    """Bytes that the machine has, and that are available."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            found = {line.split(":")[0]: int(line.split()[1]) << 10 for line in lines}
        return found["MemTotal"], found["MemAvailable"]
    except (OSError, KeyError):
        return TOTAL_BYTES, TOTAL_BYTES


class _Account:
    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.leased = 0
        self.granted = self.denied = self.rises = 0
        self.level = 0
        self.told: Optional[int] = None
        self.line: List[_Waiter] = []

    def free(self) -> int:
        return self.budget - self.leased

    def use(self) -> float:
        return self.leased / self.budget

    def book(self, size: int) -> None:
        self.leased += size
        level = level_of(self.use())
        self.rises += level > self.level
        self.level = level


class _Lease(NamedTuple):
    component: str
    bytes: int
    expires: float


class _Waiter(NamedTuple):
    priority: int
    since: float
    number: int

    def rank(self, now: float) -> Tuple[int, int]:
        """The largest is the first in line."""
        return min(10, self.priority + int((now - self.since) / AGE_STEP_S)), -self.number


def _asked(request: Request, free: int) -> int:
    """How much of what is free it gets, if that is there."""
    if not request.min_bytes:
        return request.bytes
    return max(request.min_bytes, min(request.bytes, free // 3 * 2))


class LocalLedger(Ledger):
    is_local = True

    def __init__(self, budgets: Optional[Mapping[str, int]] = None,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._turned = threading.Condition()
        self._account = {name: _Account(budget)
                         for name, budget in (budgets or default_budgets()).items()}
        self._lease: Dict[int, _Lease] = {}
        self._number = itertools.count(1)

    @classmethod
    def from_environment(cls) -> LocalLedger:
        text = os.environ.get("UW_LOCAL_BUDGETS", "")
        return cls(parse_budgets(text) if text.strip() else None)

    # ---- leases; the lock is held ----

    def _find(self, component: str) -> _Account:
        if component not in self._account:
            raise ValueError(f"there is no component '{component}'")
        return self._account[component]

    def _expire(self) -> None:
        now = self._clock()
        for number in [each for each, lease in self._lease.items() if lease.expires <= now]:
            self._drop(number)

    def _drop(self, number: int) -> bool:
        lease = self._lease.pop(number, None)
        if lease:
            self._account[lease.component].book(-lease.bytes)
            self._turned.notify_all()
        return lease is not None

    def _take(self, request: Request) -> Optional[Grant]:
        account = self._account[request.component]
        size = _asked(request, account.free())
        if size > account.free():
            return None
        account.granted += 1
        number = next(self._number)
        expires = self._clock() + request.ttl_us / 1e6 if request.ttl_us else float("inf")
        self._enter(number, _Lease(request.component, size, expires))
        return Grant(number, size)

    def _enter(self, number: int, lease: _Lease) -> None:
        self._lease[number] = lease
        self._account[lease.component].book(lease.bytes)
        self._turned.notify_all()

    def _denial(self, request: Request, reason: str, timed_out: bool) -> LeaseDenied:
        account = self._account[request.component]
        account.denied += 1
        held = account.leased / MB
        top = (Holder(os.getpid(), os.getuid(), request.component, held),) if account.leased else ()
        return LeaseDenied(request.component, reason, (request.min_bytes or request.bytes) / MB,
                           held, account.free() / MB, top, LEVELS[account.level],
                           None if reason == "never" else 1.0, timed_out)

    def _first_in(self, account: _Account, waiter: _Waiter) -> bool:
        now = self._clock()
        return all(waiter.rank(now) >= other.rank(now) for other in account.line)

    def _is_behind(self, account: _Account, priority: int) -> bool:
        now = self._clock()
        return any(other.rank(now)[0] >= priority for other in account.line)

    def _wait(self, account: _Account, request: Request) -> Optional[Grant]:
        now = self._clock()
        until = now + request.timeout_us / 1e6
        waiter = _Waiter(request.priority or DEFAULT_PRIORITY, now, next(self._number))
        account.line.append(waiter)
        try:
            while self._clock() < until:
                self._turned.wait(min(until - self._clock(), self._next_expiry()))
                self._expire()
                if self._first_in(account, waiter):
                    grant = self._take(request)
                    if grant:
                        return grant
            return None
        finally:
            account.line.remove(waiter)
            self._turned.notify_all()

    def _next_expiry(self) -> float:
        """In seconds; no more than a year, and never 0, which would not wait at all."""
        soonest = min((lease.expires for lease in self._lease.values()), default=float("inf"))
        return max(0.001, min(soonest - self._clock(), 1e6))

    def _alloc(self, request: Request) -> Grant:
        account = self._find(request.component)
        self._expire()
        if (request.min_bytes or request.bytes) > account.budget:
            raise self._denial(request, "never", False)
        behind = self._is_behind(account, request.priority or DEFAULT_PRIORITY)
        grant = None if behind else self._take(request)
        if not grant and request.timeout_us:
            grant = self._wait(account, request)
        if not grant:
            reason = "turn" if behind and not request.timeout_us else "budget"
            raise self._denial(request, reason, bool(request.timeout_us))
        return grant

    # ---- what others call ----

    def alloc(self, request: Request) -> Grant:
        with self._turned:
            return self._alloc(request._replace(min_bytes=0))

    def alloc_adaptive(self, request: Request) -> Grant:
        least = request.min_bytes or -(-request.bytes // 10)
        with self._turned:
            return self._alloc(request._replace(min_bytes=least))

    def alloc_first(self, requests: Sequence[Request]) -> Tuple[int, Grant]:
        with self._turned:
            for index, request in enumerate(requests[:-1]):
                try:
                    return index, self._alloc(request._replace(timeout_us=0, min_bytes=0))
                except LeaseDenied:
                    continue
            return len(requests) - 1, self._alloc(requests[-1]._replace(min_bytes=0))

    def resize(self, lease: int, size: int) -> Optional[Grant]:
        with self._turned:
            self._expire()
            held = self._lease.get(lease)
            if not held:
                return None
            account = self._account[held.component]
            if size - held.bytes > account.free():
                raise self._denial(Request(held.component, size - held.bytes), "budget", False)
            account.book(-held.bytes)
            self._enter(lease, held._replace(bytes=size))
            return Grant(lease, size)

    def free(self, lease: int) -> bool:
        with self._turned:
            self._expire()
            return self._drop(lease)

    # ---- what is known ----

    def _describe(self, account: _Account) -> Dict[str, Any]:
        return {"level": LEVELS[account.level], "priority": DEFAULT_PRIORITY,
                "budget_bytes": account.budget, "in_force_bytes": account.budget,
                "most_bytes": account.budget, "used_bytes": 0,
                "use_permyriad": int(account.use() * 1e4), "leased_bytes": account.leased,
                "promised_bytes": account.leased, "lease_waits": len(account.line),
                "lease_grants": account.granted, "lease_denials": account.denied,
                "pressure_events": account.rises, "cleanup": {}}

    def report(self) -> Dict[str, Any]:
        total, available = host_memory()
        with self._turned:
            self._expire()
            accounts = self._account.values()
            return {"v": 1,
                    "system": {"level": LEVELS[max(each.level for each in accounts)],
                               "total_bytes": total, "available_bytes": available,
                               "usable_bytes": sum(each.budget for each in accounts),
                               "leased_bytes": sum(each.leased for each in accounts)},
                    "components": {name: self._describe(account)
                                   for name, account in self._account.items()}}

    def _changes(self) -> Iterator[LevelEvent]:
        for name, account in self._account.items():
            if account.level != account.told:
                account.told = account.level
                yield LevelEvent(name, account.level, account.use())

    def levels(self, timeout: float) -> List[LevelEvent]:
        until = self._clock() + timeout
        with self._turned:
            while True:
                self._expire()
                found = list(self._changes())
                left = until - self._clock()
                if found or left <= 0:
                    return found
                self._turned.wait(min(left, self._next_expiry()))

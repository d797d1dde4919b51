# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who is asked for memory: uwd, or with UW_MODE=local an account in this process. Both answer in
the same words; all sizes here are bytes."""

from __future__ import annotations

import abc
import os
from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

if TYPE_CHECKING:
    from .places import Place

LEVELS = ("normal", "low", "medium", "high", "critical", "emergency")
MEDIUM, CRITICAL, EMERGENCY = 2, 4, 5


class Request(NamedTuple):
    component: str
    bytes: int
    description: str = ""
    tags: Tuple[str, ...] = ()
    priority: int = 0  # 0: the component's
    timeout_us: int = 0
    ttl_us: int = 0
    revocable: bool = True
    min_bytes: int = 0  # of an adaptive one
    key: str = ""  # of a task: bytes may be 0, for what was learned of it
    input_bytes: int = 0  # what a task reads; 0: nobody knows


def nothing_learned(request: Request) -> LookupError:
    return LookupError(f"nothing was learned of the key '{request.key}' in {request.component}: "
                       "give memory_mb")


class Grant(NamedTuple):
    id: int
    bytes: int
    borrowed: int = 0
    inside: bool = False  # the holder runs in the component


class LevelEvent(NamedTuple):
    component: str
    level: int  # of LEVELS
    use: float  # of the limit; 1.0 is all of it


class Ledger(abc.ABC):
    """All methods may be called from any thread. ``LeaseDenied`` when there is no room,
    ``ValueError`` for a component that is not there, ``PermissionError`` for one that this process
    may not use, ``UwNotRunning``."""

    is_local = False

    @abc.abstractmethod
    def alloc(self, request: Request) -> Grant:
        """All of it; waits in line for timeout_us."""

    @abc.abstractmethod
    def alloc_adaptive(self, request: Request) -> Grant:
        """As much as leaves a third of the free to others, from min_bytes to bytes."""

    @abc.abstractmethod
    def alloc_first(self, requests: Sequence[Request]) -> Tuple[int, Grant]:
        """The first that fits, and its index."""

    @abc.abstractmethod
    def resize(self, lease: int, size: int) -> Optional[Grant]:
        """None when it is not held any more."""

    @abc.abstractmethod
    def free(self, lease: int) -> bool:
        """False when it was not held any more."""

    @abc.abstractmethod
    def report(self) -> Dict[str, Any]:
        """What is known of the system and its components, as uw_report(3) has it."""

    @abc.abstractmethod
    def levels(self, timeout: float) -> List[LevelEvent]:
        """Levels that are new since the last call, waited for so many seconds. For one thread."""


    def place(self, request: Request, run_s: Optional[float] = None) -> Place:
        """In line, for a task that is thought to take so many seconds. LookupError when it is to
        have what was learned, and nothing was."""
        from .places import LeasePlace

        if not request.bytes:
            raise nothing_learned(request)
        return LeasePlace(self, request)


def open_ledger() -> Ledger:
    """The one that the environment asks for."""
    mode = os.environ.get("UW_MODE", "")
    if mode == "local":
        from .local import LocalLedger

        return LocalLedger.from_environment()
    if mode:
        raise ValueError(f"UW_MODE is '{mode}'; it may be local, or not set")
    from .uwd import UwdLedger

    return UwdLedger(os.environ.get("UW_SOCKET"))

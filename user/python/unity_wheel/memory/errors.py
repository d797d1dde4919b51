# SPDX-License-Identifier: LGPL-2.1-or-later
"""What goes wrong, in words: who has the memory, how much there is, and when to ask again."""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple

__all__ = ["Holder", "LeaseDenied", "UwNotRunning"]


class UwNotRunning(OSError):
    """There is no uwd to ask, or no libuw to ask it with. Nothing is known about memory."""


class Holder(NamedTuple):
    """A process that holds leases of what was asked for."""

    pid: int
    uid: int
    component: str
    mb: float


class LeaseDenied(MemoryError):
    """The memory is not to be had, and why. All sizes are in MB.

    ``asked`` would have done, ``held`` is spoken for, ``available`` is left, ``top`` are those who
    have most of it, ``level`` is the component's. ``reason`` is a word: budget, host, level, turn,
    never, or a quota. ``retry_after`` is in seconds, None when asking again is no use.
    """

    def __init__(self, component: str, reason: str, asked: float, held: float, available: float,
                 top: Tuple[Holder, ...] = (), level: str = "normal",
                 retry_after: Optional[float] = None, timed_out: bool = False) -> None:
        super().__init__(component, reason, asked, held, available, top, level, retry_after,
                         timed_out)
        self.component = component
        self.reason = reason
        self.asked = asked
        self.held = held
        self.available = available
        self.top = top
        self.level = level
        self.retry_after = retry_after
        self.timed_out = timed_out

    def __str__(self) -> str:
        text = (f"{self.component}: {self.asked:.10g} MB "
                f"{'not free in time' if self.timed_out else 'denied'} ({self.reason}): "
                f"{self.available:.10g} MB available, {self.held:.10g} MB spoken for, "
                f"level {self.level}")
        if self.top:
            text += "; most has " + ", ".join(f"process {each.pid} ({each.mb:.10g} MB)"
                                              for each in self.top)
        return text

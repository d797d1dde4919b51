# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tells callbacks of the levels of components, in one thread that begins with the first of them.
Times are those of a clock that is handed in; what is due at which time is PressureState's alone."""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional

from .ledger import CRITICAL, EMERGENCY, LEVELS, MEDIUM, Ledger, LevelEvent

REPEAT_S = 1.0  # from medium on
CALM_S = 10.0  # below critical, until emergency is news again
AGAIN_S = 1.0  # to look for uwd, when it does not run or has too many clients
IDLE_S = 3600.0

# The middle of each level's band, by uw.conf's thresholds: stalls raise a level too, whatever the
# use is, and who goes by the number alone must see that.
MIDDLES = (0.35, 0.75, 0.825, 0.875, 0.925, 0.975)
CRITICAL_FROM = 0.9  # more than this says critical, and no level below that says so

log = logging.getLogger("unity_wheel.memory")


class PressureLevel(float):
    """How pressed a component is: its use, raised to the middle of its level's band. More than 0.9
    is critical. ``name`` is the level's, ``use`` the use as it is."""

    name: str
    component: str
    use: float

    @classmethod
    def of(cls, event: LevelEvent) -> PressureLevel:
        value = max(event.use, MIDDLES[event.level])
        if event.level < CRITICAL:
            value = min(value, CRITICAL_FROM)
        level = cls(value)
        level.name = LEVELS[event.level]
        level.component = event.component
        level.use = event.use
        return level

    def __reduce__(self) -> Any:
        return PressureLevel.of, (LevelEvent(self.component, LEVELS.index(self.name), self.use),)


PressureCallback = Callable[[PressureLevel], object]
EmergencyCallback = Callable[[], object]


class News(NamedTuple):
    levels: List[LevelEvent]
    emergency: bool


class _Seen:
    def __init__(self, event: LevelEvent) -> None:
        self.event = event
        self.told_at = 0.0
        self.calm_since: Optional[float] = None
        self.armed = True


class PressureState:
    """What there is to tell."""

    def __init__(self) -> None:
        self._seen: Dict[str, _Seen] = {}

    def take(self, events: Iterable[LevelEvent], now: float) -> News:
        """With what has changed, and what is due again."""
        told: Dict[str, LevelEvent] = {}
        emergency = False
        for event in events:
            if self._changes(event):
                told[event.component] = event
            emergency |= self._arms(self._seen[event.component], now)
        for name, seen in self._seen.items():
            if name not in told and seen.event.level >= MEDIUM and now - seen.told_at >= REPEAT_S:
                told[name] = seen.event
            if name in told:
                seen.told_at = now
        return News(list(told.values()), emergency)

    def _changes(self, event: LevelEvent) -> bool:
        """A component that is first seen at normal is no news."""
        seen = self._seen.get(event.component)
        before = seen.event.level if seen else 0
        if seen:
            seen.event = event
        else:
            self._seen[event.component] = _Seen(event)
        return event.level != before

    @staticmethod
    def _arms(seen: _Seen, now: float) -> bool:
        level = seen.event.level
        if seen.calm_since is not None and now - seen.calm_since >= CALM_S:
            seen.armed = True
        if level >= CRITICAL:
            seen.calm_since = None
        elif seen.calm_since is None:
            seen.calm_since = now
        fires = seen.armed and level == EMERGENCY
        seen.armed &= not fires
        return fires

    def wait(self, now: float) -> float:
        """Seconds until something is due by time alone."""
        due = [seen.told_at + REPEAT_S - now for seen in self._seen.values()
               if seen.event.level >= MEDIUM]
        return max(0.0, min(due, default=IDLE_S))


class PressureWatch:
    """The callbacks of a process, and their thread."""

    def __init__(self, ledger: Ledger, clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._clock = clock
        self._state = PressureState()
        self._lock = threading.Lock()
        self._callbacks: List[PressureCallback] = []
        self._emergency: List[EmergencyCallback] = []
        self._thread: Optional[threading.Thread] = None

    def add(self, callback: PressureCallback) -> PressureCallback:
        self._enter(self._callbacks, callback)
        return callback

    def add_emergency(self, callback: EmergencyCallback) -> EmergencyCallback:
        self._enter(self._emergency, callback)
        return callback

    def remove(self, callback: PressureCallback) -> None:
        with self._lock:
            self._callbacks.remove(callback)

    def remove_emergency(self, callback: EmergencyCallback) -> None:
        with self._lock:
            self._emergency.remove(callback)

    def _enter(self, callbacks: List[Any], callback: Any) -> None:
        if not callable(callback):
            raise TypeError(f"a callback must be callable, not {type(callback).__name__}")
        with self._lock:
            callbacks.append(callback)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="uw-pressure", daemon=True)
                self._thread.start()

    # ---- in the thread ----

    def _run(self) -> None:
        owner, found = os.getpid(), True
        while owner == os.getpid():
            try:
                events = self._ledger.levels(self._state.wait(self._clock()))
                found = True
            except OSError as error:
                if found:
                    log.warning("no news of memory pressure: %s", error)
                events, found = [], False
                time.sleep(AGAIN_S)
            self._tell(self._state.take(events, self._clock()))

    def _tell(self, news: News) -> None:
        with self._lock:
            callbacks, emergency = list(self._callbacks), list(self._emergency)
        for event in news.levels:
            for callback in callbacks:
                self._call(callback, PressureLevel.of(event))
        if news.emergency:
            for warn in emergency:
                self._call(warn)

    @staticmethod
    def _call(callback: Callable[..., object], *arguments: object) -> None:
        try:
            callback(*arguments)
        except Exception:
            log.exception("a callback for memory pressure failed")

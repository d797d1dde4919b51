# SPDX-License-Identifier: LGPL-2.1-or-later
"""To wait in line for a lease. The question is put by a thread of its own, so that who waits can
be interrupted or leave; what is granted after that is given back."""

from __future__ import annotations

import threading
from typing import Optional

from .ledger import Grant, Ledger, Request


# A signal that comes between the last instruction of Python and the sleep of a wait does not end
# that sleep; its handler, so KeyboardInterrupt, runs when the wait returns. So none is longer.
HEARS_S = 0.5


class Left(Exception):
    """Who waited has left the line."""


class Wait:
    def __init__(self, ledger: Ledger, request: Request) -> None:
        self._ledger = ledger
        self._request = request
        self._turned = threading.Condition()
        self._grant: Optional[Grant] = None
        self._error: Optional[BaseException] = None
        self._left = False

    def start(self) -> None:
        try:
            threading.Thread(target=self._ask, name="uw-wait", daemon=True).start()
        except RuntimeError:  # the interpreter ends, and lets no thread begin
            self._ask()

    def _ask(self) -> None:
        grant, error = None, None
        try:
            grant = self._ledger.alloc(self._request)
        except BaseException as raised:  # it is the waiter's
            error = raised
        with self._turned:
            self._grant, self._error = grant, error
            self._turned.notify_all()
            left = self._left
        if left and grant:
            self._ledger.free(grant.id)

    def leave(self) -> None:
        """From any thread: result() raises Left, and what is or will be granted is free."""
        with self._turned:
            self._left = True
            grant = self._grant
            self._turned.notify_all()
        if grant:
            self._ledger.free(grant.id)

    def result(self) -> Grant:
        with self._turned:
            while not self._left and not self._grant and not self._error:
                self._turned.wait(HEARS_S)
            if self._left:
                raise Left
            if self._error:
                raise self._error
            assert self._grant
            return self._grant


def alloc(ledger: Ledger, request: Request) -> Grant:
    """Asks, and waits where the request says so."""
    if not request.timeout_us:
        return ledger.alloc(request)
    wait = Wait(ledger, request)
    try:
        wait.start()
        return wait.result()
    except KeyboardInterrupt:
        wait.leave()
        raise

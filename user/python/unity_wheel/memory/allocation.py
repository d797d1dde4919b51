# SPDX-License-Identifier: LGPL-2.1-or-later
"""A lease as programs hold it: its name, a str, with what is known of it."""

from __future__ import annotations

import mmap
import os
from typing import Any, Tuple, Type, TypeVar

from .arguments import MB
from .arrays import Layout
from .errors import LeaseDenied
from .ledger import Grant, Ledger

_Self = TypeVar("_Self", bound="Allocation")


class Allocation(str):
    """The name of a lease, for ``deallocate``; equal to its text, which may be kept instead."""

    size_mb: float
    component: str
    borrowed_mb: float  #: of size_mb, beyond the component's budget
    enforced: bool  #: this process runs in the component, whose limit the kernel holds
    _ledger: Ledger
    _lease: int
    _size: int
    _owner: int
    _held: bool
    _revoked: bool

    @classmethod
    def of(cls: Type[_Self], name: str, component: str, grant: Grant, ledger: Ledger) -> _Self:
        new = cls(name)
        new.component = component
        new.enforced = grant.inside
        new._ledger = ledger
        new._lease = grant.id
        new._owner = os.getpid()
        new._held = True
        new._revoked = False
        new._note(grant)
        return new

    def _note(self, grant: Grant) -> None:
        self._size = grant.bytes
        self.size_mb = grant.bytes / MB
        self.borrowed_mb = grant.borrowed / MB

    @property
    def revoked(self) -> bool:
        """It was taken back, or its time was over, before it was deallocated. Asks, as nobody
        tells."""
        if self._held and self._owner == os.getpid():
            self._note_end(self._ledger.resize(self._lease, self._size) is None)
        return self._revoked

    def _note_end(self, revoked: bool) -> None:
        if revoked:
            self._held, self._revoked = False, True

    def _end(self) -> bool:
        """Frees it; False when somebody has done so before. In a child of fork it was never held."""
        if not self._held or self._owner != os.getpid():
            return False
        freed = self._ledger.free(self._lease)
        self._held = False
        self._revoked = not freed
        return freed

    def __reduce__(self) -> Tuple[type, Tuple[str]]:
        return str, (str(self),)  # in another process it is but a name


class TensorAllocation(Allocation):
    """A lease for an array, which is there once it is asked for."""

    _layout: Layout
    _array: Any = None

    def tensor(self) -> Any:
        """The array, zeroed and writable; without numpy a memoryview. The memory is given back
        when the last view of it has gone."""
        if self._array is None:
            self._array = self._layout.view(mmap.mmap(-1, max(1, self._layout.nbytes)))
        return self._array


def trim_to_mb(allocation: Allocation) -> int:
    """Gives back what is beyond the last whole MB, and says how many there are."""
    whole = allocation._size // MB
    if whole and allocation._size % MB:
        try:
            grant = allocation._ledger.resize(allocation._lease, whole * MB)
        except LeaseDenied:  # a smaller size is never denied
            grant = None
        if grant:
            allocation._note(grant)
    return whole

# SPDX-License-Identifier: LGPL-2.1-or-later
"""What callers may pass: sizes in MB (MiB), priorities, tags. Wrong kinds are a TypeError, wrong
values a ValueError, before anybody is asked."""

from __future__ import annotations

import enum
import math
import numbers
from typing import Iterable, Optional, Tuple, Union

MB = 1 << 20
BYTES_MAX = 1 << 50  # a lease of more is refused as wrong, not as too much
SECONDS_MAX = 366 * 86400.0
KEY_MAX = 63  # bytes


class TaskPriority(enum.IntEnum):
    """The priorities of ``uwctl submit -p``; any number from 1 to 10 will do as well."""

    CRITICAL = 9
    HIGH = 7
    NORMAL = 5
    LOW = 3
    DEFERRED = 1


Priority = Union[int, TaskPriority]


def _number(value: object, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{what} must be a number, not {type(value).__name__}")
    return float(value)


def size_bytes(size_mb: object, what: str = "size_mb") -> int:
    """Bytes of a size in MB, rounded up."""
    number = _number(size_mb, what)
    if not 0 < number < math.inf:
        raise ValueError(f"{what} must be more than 0, not {size_mb!r}")
    return min(math.ceil(number * MB), BYTES_MAX)


def whole_mb(size_mb: object, what: str = "size_mb") -> int:
    """Bytes of a size in MB, rounded up to a whole one."""
    return min(-(-size_bytes(size_mb, what) // MB) * MB, BYTES_MAX)


def count_of(number: object, what: str) -> int:
    """An int from 1 on."""
    if isinstance(number, bool) or not isinstance(number, numbers.Integral):
        raise TypeError(f"{what} must be an int, not {type(number).__name__}")
    if number <= 0:
        raise ValueError(f"{what} must be more than 0, not {number}")
    return int(number)


def input_of(input_bytes: object) -> int:
    """Bytes of an input, which may be empty."""
    if isinstance(input_bytes, bool) or not isinstance(input_bytes, numbers.Integral):
        raise TypeError(f"input_bytes must be an int, not {type(input_bytes).__name__}")
    if not 0 <= input_bytes < 1 << 64:
        raise ValueError(f"input_bytes must be from 0 to 2^64 - 1, not {input_bytes}")
    return int(input_bytes)


def key_of(key: object) -> str:
    text = text_of(key, "key")
    if not 0 < len(text.encode()) <= KEY_MAX:
        raise ValueError(f"key must be of 1 to {KEY_MAX} bytes, not {key!r}")
    return text


def priority_of(priority: Optional[Priority], default: int = 0) -> int:
    """1 to 10, or the default where there is none (0: the component's)."""
    if priority is None:
        return default
    if isinstance(priority, bool) or not isinstance(priority, numbers.Integral):
        raise TypeError(f"priority must be an int from 1 to 10, not {type(priority).__name__}")
    if not 1 <= priority <= 10:
        raise ValueError(f"priority must be from 1 to 10, not {priority}")
    return int(priority)


def seconds_us(seconds: Optional[float], what: str) -> int:
    """Microseconds of a time in seconds; None is for ever, which is a year."""
    if seconds is None:
        return int(SECONDS_MAX * 1e6)
    number = _number(seconds, what)
    if not number >= 0:
        raise ValueError(f"{what} must be 0 or more, not {seconds!r}")
    return int(min(number, SECONDS_MAX) * 1e6)


def text_of(text: object, what: str) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{what} must be a str, not {type(text).__name__}")
    if "\0" in text:
        raise ValueError(f"{what} must have no null character")
    return text


def tags_of(tags: Iterable[str]) -> Tuple[str, ...]:
    if isinstance(tags, (str, bytes)):
        raise TypeError("tags must be a list of str, not one str")
    return tuple(text_of(tag, "a tag") for tag in tags)

# SPDX-License-Identifier: LGPL-2.1-or-later
"""What there is, who has it and how it goes, for programs and for people."""

from __future__ import annotations

from typing import Any, Dict, Iterator, Mapping

from .arguments import MB
from .manager import get_memory_manager
from .scheduler import get_resource_scheduler


def _percent(part: float, whole: float) -> float:
    return 100.0 * part / whole if whole else 0.0


def _component(found: Mapping[str, Any]) -> Dict[str, Any]:
    spoken = found["used_bytes"] + found["promised_bytes"]
    asked = found["lease_grants"] + found["lease_denials"]
    return {"level": found["level"],
            "usage_percent": _percent(spoken, found["budget_bytes"]),
            "allocated_mb": spoken / MB,
            "budget_mb": found["budget_bytes"] / MB,
            "used_mb": found["used_bytes"] / MB,
            "leased_mb": found["leased_bytes"] / MB,
            "pools_mb": found.get("pool_bytes", 0) / MB,
            "waiting": found["lease_waits"],
            "success_rate": found["lease_grants"] / asked if asked else 1.0,
            "pressure_events": found["pressure_events"],
            "cleanup": dict(found["cleanup"])}


def _system(found: Mapping[str, Any], components: Mapping[str, Dict[str, Any]]) -> Dict[str, Any]:
    total, available = found["total_bytes"] or 0, found["available_bytes"] or 0
    return {"level": found["level"],
            "system_usage_percent": _percent(total - available, total),
            "total_mb": total / MB,
            "available_mb": available / MB,
            "usable_mb": found["usable_bytes"] / MB,
            "allocated_mb": sum(each["allocated_mb"] for each in components.values()),
            "leased_mb": found["leased_bytes"] / MB}


def memory_usage_report() -> Dict[str, Any]:
    """``system``: system_usage_percent, allocated_mb and more. ``components``, by name:
    allocated_mb is what is spoken for, used, leased (leased_mb) or in pools that uwd knows
    (pools_mb); usage_percent is that of the budget; level, success_rate of leases, pressure_events (how often the level rose), cleanup (what uwd has
    reclaimed). ``scheduler``: the statistics of this process's tasks."""
    found = get_memory_manager().ledger.report()
    components = {name: _component(each) for name, each in found["components"].items()}
    return {"system": _system(found["system"], components), "components": components,
            "scheduler": get_resource_scheduler().get_statistics()}


def _size(mb: float) -> str:
    return f"{mb / 1024:.1f}G" if mb >= 1024 else f"{mb:.0f}M"


def report_lines(report: Mapping[str, Any]) -> Iterator[str]:
    """The same for people, of system and components."""
    system = report["system"]
    yield (f"system  {system['system_usage_percent']:.0f}% of {_size(system['total_mb'])} in use, "
           f"{_size(system['allocated_mb'])} of {_size(system['usable_mb'])} spoken for, "
           f"level {system['level']}")
    yield ""
    row = "{:<14} {:<9} {:>9} {:>7} {:>7} {:>5} {:>7} {:>7}"
    yield row.format("COMPONENT", "LEVEL", "ALLOCATED", "BUDGET", "USED", "USE", "LEASED", "GRANTED")
    for name, each in report["components"].items():
        yield row.format(name, each["level"], _size(each["allocated_mb"]),
                         _size(each["budget_mb"]), _size(each["used_mb"]),
                         f"{each['usage_percent']:.0f}%", _size(each["leased_mb"]),
                         f"{100 * each['success_rate']:.0f}%")

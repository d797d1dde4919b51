# SPDX-License-Identifier: GPL-2.0-or-later
"""A program that hears of pressure, and one that looks."""

from unity_wheel.memory import allocate_for_cache, get_memory_manager, memory_usage_report

manager = get_memory_manager()
batch = 64


@manager.register_pressure_callback
def slow_down(level):
    global batch
    if level > 0.9:
        batch = 1
    print(f"{level.component} is {level.name}: {level:.2f}")


@manager.register_emergency_callback
def drop_all():
    print("an emergency")


with allocate_for_cache(5):
    report = memory_usage_report()
    cache = report["components"]["cache"]
    assert cache["leased_mb"] >= 5 and cache["allocated_mb"] >= 5
    print(f"the system: {report['system']['system_usage_percent']:.1f}% in use, "
          f"{report['system']['allocated_mb']:.1f} MB spoken for")
    for name, each in report["components"].items():
        print(f"{name}: {each['usage_percent']:.1f}% of {each['budget_mb']:.0f} MB, "
              f"{each['level']}, {each['success_rate']:.0%} granted, "
              f"{each['pressure_events']} times under pressure, {each['cleanup']}")
    print(f"tasks: {report['scheduler']['performance']}")

# SPDX-License-Identifier: GPL-2.0-or-later
"""Work that begins when its memory is there: in a thread of this process, and in a child."""

import warnings

from unity_wheel.memory import (ResourceRequirements, TaskPriority, TaskState,
                                get_resource_scheduler, schedule_ml_task, schedule_trading_task)

warnings.simplefilter("ignore", RuntimeWarning)  # this process may run in no component


def count_words(text, least=1):
    return sum(len(word) >= least for word in text.split())


def fit(config):
    held = bytearray(config["mb"] << 20)
    return len(held) >> 20


def main():
    scheduler = get_resource_scheduler()
    words = schedule_trading_task(name="count", func=count_words, memory_mb=5,
                                  priority=TaskPriority.HIGH, text="a plain sentence", least=2)
    model = schedule_ml_task(name="fit", func=fit, memory_mb=20, priority=TaskPriority.NORMAL,
                             config={"mb": 10})
    needs = ResourceRequirements(memory_mb=20, estimated_duration_seconds=5,
                                 component="ml_models", memory_priority=7,
                                 key="fit", input_bytes=12 << 20)  # learned for the next ones
    child = scheduler.submit_task("fit apart", fit, requirements=needs,
                                  priority=TaskPriority.CRITICAL, isolation="fork",
                                  config={"mb": 12})
    for task, result in ((words, 2), (model, 10), (child, 12)):
        status = scheduler.get_task_status(task)
        assert status.result(timeout=60) == result
        assert status.state is TaskState.DONE and f"{status.state}" == "done"
    try:
        scheduler.submit_task("too large", fit, ResourceRequirements(10**6, component="cache"))
        raise AssertionError("nobody has so much")
    except MemoryError as denial:
        print(f"denied: {denial}")
    performance = scheduler.get_statistics()["performance"]
    print(f"done: {performance['completion_rate']:.0%}, after a wait of "
          f"{performance['average_wait_time']:.1f} s")


if __name__ == "__main__":
    main()

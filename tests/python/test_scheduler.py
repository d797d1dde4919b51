# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks: in line, started when their memory is there, ended one way or the other."""

import concurrent.futures
import faulthandler
import os
import signal
import threading
import time
import unittest
import warnings

import support
from support import LocalCase, ServerCase, wait_until

from unity_wheel.memory import (ResourceRequirements, TaskPriority, TaskState, cancel_requested,
                                get_memory_manager, get_resource_scheduler, schedule_ml_task,
                                schedule_trading_task)


def add(first, second=0, **more):
    return first + second + sum(more.values())


def divide(by):
    return 1 / by


def pid_and_leases():
    """Leases of the parent are none of the child's."""
    return os.getpid(), len(get_memory_manager()._held)


def unpicklable():
    return threading.Lock()


class OddError(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


def raise_odd():
    raise OddError(1, 2)


def end_by(number):
    faulthandler.disable()
    os.kill(os.getpid(), number)
    time.sleep(support.HANG_S)


def leave():
    os._exit(3)


class Submitter:
    def setUp(self):
        super().setUp()
        warnings.simplefilter("ignore")  # that tasks run outside has a test of its own
        self.scheduler = get_resource_scheduler()

    def submit(self, func, mb=10, component="cache", **more):
        more.setdefault("name", "task")
        return self.scheduler.get_task_status(self.scheduler.submit_task(
            func=func, requirements=ResourceRequirements(mb, component=component), **more))


class Tasks(Submitter):
    def test_task_runs_with_its_memory_and_gives_it_back(self):
        seen = []
        status = self.submit(lambda: seen.append(self.leased("cache")))
        self.assertIsNone(status.result(support.HANG_S))
        self.assertEqual((seen, self.leased("cache")), ([10], 0))
        self.assertEqual((f"{status.state}", str(status.state)), ("done", "done"))
        self.assertIs(status.state, TaskState.DONE)
        self.assertEqual((status.why, status.eta, status.error), ("", 0.0, None))

    def test_what_else_is_given_reaches_the_function(self):
        task = self.scheduler.submit_task("add", add, None, TaskPriority.LOW, args=(1, 2),
                                          kwargs={"third": 4}, fourth=8)
        self.assertEqual(self.scheduler.get_task_status(task).result(support.HANG_S), 15)
        found = []
        trading = schedule_trading_task("chain", lambda **more: found.append(more), 150,
                                        TaskPriority.HIGH, symbol="SPY")
        ml = schedule_ml_task(name="train", func=lambda config: config["name"], memory_mb=200,
                              priority=TaskPriority.HIGH, config={"name": "model"})
        self.assertEqual(self.scheduler.get_task_status(ml).result(support.HANG_S), "model")
        self.scheduler.get_task_status(trading).result(support.HANG_S)
        self.assertEqual(found, [{"symbol": "SPY"}])

    def test_components_of_scheduled_tasks(self):
        seen = []

        def look():
            seen.append([self.leased(name) for name in ("trading_data", "ml_models", "database")])

        for schedule, requirements in ((schedule_trading_task, None), (schedule_ml_task, None),
                                       (schedule_ml_task,
                                        ResourceRequirements(1, component="database"))):
            task = schedule("look", look, 50, requirements=requirements)
            self.scheduler.get_task_status(task).result(support.HANG_S)
        self.assertEqual(seen, [[50, 0, 0], [0, 50, 0], [0, 0, 50]])

    def test_wrong_arguments_are_refused(self):
        rows = [
            (TypeError, {"func": ...}), (ValueError, {"isolation": "thread"}),
            (ValueError, {"priority": 11}), (TypeError, {"priority": "high"}),
            (TypeError, {"name": 7}), (TypeError, {"requirements": 100}),
            (TypeError, {"args": (1,), "kwargs": {"second": 1}, "second": 2}),
            (ValueError, {"requirements": ResourceRequirements(1, component="nowhere")}),
            (MemoryError, {"requirements": ResourceRequirements(201, component="cache")}),
        ]
        for error, wrong in rows:
            arguments = {"name": "task", "func": add, **wrong}
            with self.assertRaises(error, msg=str(wrong)):
                self.scheduler.submit_task(**arguments)
        for error, wrong in ((ValueError, (0,)), (TypeError, ("1",)), (ValueError, (1, -1)),
                             (TypeError, (1, None, 7)), (ValueError, (1, None, None, 0))):
            with self.assertRaises(error, msg=str(wrong)):
                ResourceRequirements(*wrong)
        for error, wrong in ((TypeError, {"memory_mb": None}), (ValueError, {"key": ""}),
                             (ValueError, {"key": "x" * 64}), (ValueError, {"key": "a\0b"}),
                             (TypeError, {"key": 7}), (ValueError, {"input_bytes": 1}),
                             (ValueError, {"key": "train", "input_bytes": -1}),
                             (ValueError, {"key": "train", "input_bytes": 1 << 64}),
                             (TypeError, {"key": "train", "input_bytes": 1.5})):
            with self.assertRaises(error, msg=str(wrong)):
                ResourceRequirements(**{"memory_mb": 1, **wrong})
        with self.assertRaises(KeyError):
            self.scheduler.get_task_status("task-0")
        with self.assertRaises(KeyError):
            self.scheduler.cancel("task-0")

    def test_nothing_that_was_learned_is_a_lookup_error(self):
        task = schedule_ml_task("train", add, None, requirements=ResourceRequirements(
            None, key="unknown", input_bytes=1 << 20), first=1)
        status = self.scheduler.get_task_status(task)
        with self.assertRaisesRegex(LookupError, "'unknown' in ml_models"):
            status.result(support.HANG_S)
        self.assertEqual(self.leased("ml_models"), 0)

    def test_error_of_the_function_is_that_of_result(self):
        status = self.submit(divide, args=(0,))
        with self.assertRaises(ZeroDivisionError):
            status.result(support.HANG_S)
        self.assertIs(status.state, TaskState.FAILED)
        self.assertIsInstance(status.error, ZeroDivisionError)
        self.assertEqual(status.why, "ZeroDivisionError: division by zero")
        self.assertEqual(self.leased("cache"), 0)

    def test_tasks_wait_for_memory_by_priority(self):
        lease, order, found = self.manager.allocate("cache", 200), [], []
        for name, priority in (("deferred", TaskPriority.DEFERRED), ("first", 5), ("second", 5),
                               ("critical", TaskPriority.CRITICAL)):
            found.append(self.submit(order.append, 150, args=(name,), priority=priority))
            # Each stands in line by a thread of its own: of two at once either may be there first.
            wait_until(lambda: self.ledger.report()["components"]["cache"]["lease_waits"] == len(found))
        self.assertEqual({str(each.state) for each in found}, {"queued"})
        self.assertEqual((found[1].why, found[1].eta), ("waits for 150 MB of cache", None))
        with self.assertRaises(TimeoutError):
            found[1].result(0.01)
        self.manager.deallocate(lease)
        for status in found:
            status.result(support.HANG_S)
        self.assertEqual(order, ["critical", "first", "second", "deferred"])

    def test_tasks_of_another_component_do_not_wait_along(self):
        self.manager.allocate("cache", 200)
        waits = self.submit(add, 150, args=(1,))
        self.assertEqual(self.submit(add, 150, "database", args=(1,)).result(support.HANG_S), 1)
        self.assertIs(waits.state, TaskState.QUEUED)
        self.scheduler.cancel(waits.id)

    def test_eta_is_that_of_its_estimate(self):
        ends = threading.Event()
        task = self.scheduler.submit_task("t", ends.wait, ResourceRequirements(
            1, estimated_duration_seconds=300, component="cache"))
        status = self.scheduler.get_task_status(task)
        wait_until(lambda: status.state is TaskState.RUNNING)
        self.assertTrue(200 < status.eta <= 300)
        ends.set()
        status.result(support.HANG_S)

    def test_cancelled_task_that_waits_ends_at_once(self):
        lease = self.manager.allocate("cache", 200)
        first, second = self.submit(add, args=(1,)), self.submit(add, args=(1,))
        wait_until(lambda: self.ledger.report()["components"]["cache"]["lease_waits"])
        for status in (second, first):
            self.assertIs(self.scheduler.cancel(status.id), True)
            self.assertIs(status.state, TaskState.CANCELLED)
            with self.assertRaises(concurrent.futures.CancelledError):
                status.result(0)
        self.assertIs(self.scheduler.cancel(first.id), False)
        self.manager.deallocate(lease)
        wait_until(lambda: self.leased("cache") == 0)
        self.assertEqual(self.submit(add, args=(3,)).result(support.HANG_S), 3)

    def test_thread_is_asked_to_end(self):
        def work():
            while not cancel_requested():
                time.sleep(0.005)
            return "ended early"

        status = self.submit(work)
        wait_until(lambda: status.state is TaskState.RUNNING)
        self.assertIs(cancel_requested(), False)
        self.assertIs(self.scheduler.cancel(status.id), True)
        self.assertEqual(status.result(support.HANG_S), "ended early")
        self.assertIs(status.state, TaskState.DONE)

    def test_statistics_are_of_what_ended(self):
        empty = self.scheduler.get_statistics()
        self.assertEqual(empty["performance"]["completion_rate"], 0.0)
        self.assertEqual(empty["performance"]["average_wait_time"], 0.0)
        for status in [self.submit(add, args=(1,)) for _ in range(3)] + [self.submit(divide)]:
            wait_until(lambda: status.state in (TaskState.DONE, TaskState.FAILED))
        lease = self.manager.allocate("cache", 200)
        waits = self.submit(add, args=(1,))
        wait_until(lambda: self.scheduler.get_statistics()["memory"]["queued_mb"] == 10)
        wait_until(lambda: self.scheduler.get_statistics()["tasks"]["done"] == 3)
        found = self.scheduler.get_statistics()
        self.assertEqual(found["performance"]["completion_rate"], 0.75)
        self.assertGreater(found["performance"]["average_wait_time"], 0)
        self.assertEqual((found["tasks"]["queued"], found["tasks"]["failed"]), (1, 1))
        self.manager.deallocate(lease)
        waits.result(support.HANG_S)

    def test_finished_tasks_are_forgotten_in_the_end(self):
        first = self.submit(add, args=(1,))
        first.result(support.HANG_S)
        wait_until(lambda: not self.scheduler._open)
        limit, support.scheduler.KEPT_MAX = support.scheduler.KEPT_MAX, 1
        self.addCleanup(setattr, support.scheduler, "KEPT_MAX", limit)
        self.submit(add, args=(1,)).result(support.HANG_S)
        wait_until(lambda: not self.scheduler._open)
        with self.assertRaises(KeyError):
            self.scheduler.get_task_status(first.id)
        self.assertEqual(first.result(), 1)


class Children(Submitter, ServerCase):
    def test_child_is_another_process_without_the_parents_leases(self):
        self.manager.allocate("cache", 1)
        for isolation in ("fork", "spawn"):
            pid, leases = self.submit(pid_and_leases, isolation=isolation).result(support.HANG_S)
            self.assertNotEqual(pid, os.getpid())
            self.assertEqual(leases, 0)

    def test_fork_takes_what_cannot_be_pickled(self):
        secret = threading.Lock()
        self.assertEqual(self.submit(lambda: secret.locked(), isolation="fork").result(
            support.HANG_S), False)
        status = self.submit(lambda: 1, isolation="spawn")
        with self.assertRaises(Exception) as caught:
            status.result(support.HANG_S)
        self.assertIn("pickle", str(caught.exception))
        self.assertEqual(self.leased("cache"), 0)

    def test_error_of_a_child_comes_with_its_traceback(self):
        for isolation in ("fork", "spawn"):
            with self.assertRaises(ZeroDivisionError) as caught:
                self.submit(divide, isolation=isolation, args=(0,)).result(support.HANG_S)
            self.assertIn("in divide", str(caught.exception.__cause__))

    def test_what_a_child_cannot_send_is_told(self):
        for func, what in ((unpicklable, "lock"), (raise_odd, "1 and 2")):
            with self.assertRaises(RuntimeError) as caught:
                self.submit(func, isolation="fork").result(support.HANG_S)
            self.assertIn(what, str(caught.exception))

    def test_child_that_is_killed_for_its_memory_is_a_memory_error(self):
        with self.assertRaises(MemoryError):
            self.submit(end_by, isolation="fork", args=(signal.SIGKILL,)).result(support.HANG_S)
        self.assertEqual(self.leased("cache"), 0)

    def test_child_that_ends_otherwise_is_told(self):
        for func, args, what in ((end_by, (signal.SIGSEGV,), "SIGSEGV"), (leave, (), "with 3")):
            with self.assertRaises(ChildProcessError) as caught:
                self.submit(func, isolation="fork", args=args).result(support.HANG_S)
            self.assertIn(what, str(caught.exception))

    def test_cancelled_child_is_ended(self):
        status = self.submit(time.sleep, isolation="fork", args=(4 * support.HANG_S,))
        wait_until(lambda: status.state is TaskState.RUNNING)
        self.assertIs(self.scheduler.cancel(status.id), True)
        with self.assertRaises(concurrent.futures.CancelledError):
            status.result(support.HANG_S)
        self.assertIs(status.state, TaskState.CANCELLED)
        self.assertEqual(self.leased("cache"), 0)


class Learned(Submitter, ServerCase):
    """The server knows one key: 10 MiB, and twice the input."""

    def submit_known(self, func, memory_mb=None, input_mib=None, **more):
        return self.scheduler.get_task_status(self.scheduler.submit_task(
            "train", func, ResourceRequirements(
                memory_mb, component="cache", key="known",
                input_bytes=None if input_mib is None else input_mib * support.MIB), **more))

    def test_memory_is_what_was_learned_of_key_and_input(self):
        for input_mib, reserved in ((None, 10), (0, 10), (1, 12), (4, 18)):
            status = self.submit_known(lambda: self.leased("cache"), input_mib=input_mib)
            self.assertEqual(status.result(support.HANG_S), reserved, input_mib)
        status = self.submit_known(lambda: self.leased("cache"), memory_mb=30, input_mib=4)
        self.assertEqual(status.result(support.HANG_S), 30)

    def test_status_of_what_was_learned_is_told(self):
        lease, gate = self.manager.allocate("cache", 195), threading.Event()
        status = self.submit_known(gate.wait, input_mib=4)
        wait_until(lambda: self.ledger.report()["components"]["cache"]["lease_waits"])
        self.assertEqual(status.why, "waits for what was learned of 'known' in cache")
        self.assertEqual(self.scheduler.get_statistics()["memory"]["queued_mb"], 0)
        self.manager.deallocate(lease)
        wait_until(lambda: status.state is TaskState.RUNNING)
        self.assertEqual(self.scheduler.get_statistics()["memory"]["running_mb"], 18)
        gate.set()
        status.result(support.HANG_S)

    def test_child_that_ends_teaches_its_input(self):
        for input_mib in (3, 0):
            status = self.submit_known(pid_and_leases, memory_mb=20, input_mib=input_mib,
                                       isolation="fork")
            self.assertNotEqual(status.result(support.HANG_S)[0], os.getpid())
            wait_until(lambda: self.server.ended_input_mib() == input_mib)


class LocalTasks(Tasks, LocalCase):
    pass


class ServerTasks(Tasks, ServerCase):
    def test_tasks_outside_of_their_component_warn_once(self):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(2):
                self.submit(add, args=(1,)).result(support.HANG_S)
        found = [each for each in caught if issubclass(each.category, RuntimeWarning)]
        self.assertEqual(len(found), 1)
        self.assertIn("not in cache", str(found[0].message))

    def test_queued_tasks_wait_out_a_server_that_is_killed(self):
        self.manager.allocate("cache", 200)
        status = self.submit(add, args=(7,))
        wait_until(lambda: self.ledger.report()["components"]["cache"]["lease_waits"])
        self.server.kill()
        self.server.start()
        wait_until(lambda: self.ledger.report()["components"]["cache"]["lease_waits"])
        self.server.say("free")
        self.assertEqual(status.result(support.HANG_S), 7)


class Exit(unittest.TestCase):
    def test_interpreter_waits_for_tasks_that_are_queued(self):
        found = support.run_python("-c", """if True:
            from unity_wheel.memory import *
            import time
            for name in range(3):
                schedule_ml_task("t", lambda name: (time.sleep(0.1), print(name)), 4000, name=name)
            """.replace(", name=name", ", args=(name,)"), UW_MODE="local")
        self.assertEqual(sorted(found.split()), ["0", "1", "2"])  # each thread comes as it can

    def test_interpreter_does_not_wait_for_tasks_that_are_cancelled(self):
        support.run_python("-c", """if True:
            from unity_wheel.memory import *
            manager, scheduler = get_memory_manager(), get_resource_scheduler()
            lease = manager.allocate("cache", 2000)
            task = scheduler.submit_task("t", print, ResourceRequirements(100, component="cache"))
            scheduler.cancel(task)
            """, UW_MODE="local")


if __name__ == "__main__":
    unittest.main()

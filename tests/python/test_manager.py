# SPDX-License-Identifier: GPL-2.0-or-later
"""Leases: had, denied, waited for and given back; in this process, and from a lease server."""

import fractions
import os
import pickle
import threading
import unittest
import unittest.mock
import warnings

import support
from support import LocalCase, Server, ServerCase, wait_until

from unity_wheel.memory import (LeaseDenied, TaskPriority, UwNotRunning, allocate_adaptive_memory,
                                allocate_for_cache, allocate_for_database, allocate_for_ml,
                                allocate_for_trading, allocate_tensor_memory,
                                allocate_with_fallback, get_memory_manager)
from unity_wheel.memory.uwd import UwdLedger


def child_exit(function):
    """What a child of fork returns."""
    pid = os.fork()
    if not pid:
        status = 99
        try:
            status = function()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class Leases:
    def test_lease_is_a_str_that_knows_what_it_is(self):
        lease = self.manager.allocate("trading_data", 100, "SPY options chain", 8, ["options"])
        self.assertIsInstance(lease, str)
        self.assertEqual((lease.size_mb, lease.component, lease.borrowed_mb), (100, "trading_data", 0))
        self.assertIs(lease.enforced, False)
        self.assertIs(lease.revoked, False)
        self.assertEqual(self.leased("trading_data"), 100)
        self.assertIs(self.manager.deallocate(str(lease)), True)
        self.assertIs(lease.revoked, False)
        self.assertEqual(self.leased("trading_data"), 0)

    def test_second_deallocation_warns(self):
        lease = self.manager.allocate("cache", 1)
        self.manager.deallocate(lease)
        with self.assertWarns(ResourceWarning):
            self.assertIs(self.manager.deallocate(lease), False)

    def test_what_was_never_ours_is_a_key_error(self):
        lease = self.manager.allocate("cache", 1)
        for name in ("", "cache", lease + "0", lease[:-1], lease[:-1] + "x", lease[1:-1] + "7"):
            with self.assertRaises(KeyError, msg=name):
                self.manager.deallocate(name)
        with self.assertRaises(TypeError):
            self.manager.deallocate(...)

    def test_wrong_arguments_are_refused_before_anybody_is_asked(self):
        rows = [
            (TypeError, (...,), {}), (TypeError, (), {}), (TypeError, ("cache", "1"), {}),
            (TypeError, ("cache", None), {}), (TypeError, ("cache", True), {}),
            (TypeError, ("cache", 1j), {}), (TypeError, (7, 1), {}),
            (ValueError, ("cache", 0), {}), (ValueError, ("cache", -1), {}),
            (ValueError, ("cache", float("nan")), {}), (ValueError, ("cache", float("inf")), {}),
            (ValueError, ("nowhere", 1), {}), (ValueError, ("x" * 100, 1), {}),
            (ValueError, ("", 1), {}), (ValueError, ("a\0b", 1), {}),
            (TypeError, ("cache", 1, b"text"), {}), (ValueError, ("cache", 1, "a\0b"), {}),
            (ValueError, ("cache", 1, "", 0), {}), (ValueError, ("cache", 1, "", 11), {}),
            (TypeError, ("cache", 1, "", 5.0), {}), (TypeError, ("cache", 1, "", True), {}),
            (TypeError, ("cache", 1, "", 5, "tag"), {}), (TypeError, ("cache", 1, "", 5, [1]), {}),
            (ValueError, ("cache", 1), {"timeout": -1}), (TypeError, ("cache", 1), {"ttl": "1"}),
        ]
        for error, arguments, more in rows:
            with self.assertRaises(error, msg=f"{arguments} {more}"):
                self.manager.allocate(*arguments, **more)
        self.assertEqual(self.leased("cache"), 0)

    def test_sizes_may_be_any_real_number(self):
        for size in (1, 0.25, fractions.Fraction(1, 3), 1e-9):
            lease = self.manager.allocate("cache", size)
            self.assertGreaterEqual(lease.size_mb, size)
            self.assertLess(lease.size_mb, size + 1e-5)
            self.manager.deallocate(lease)

    def test_long_and_foreign_texts_are_taken(self):
        lease = self.manager.allocate("cache", 1, "\u20ac\udc80" * 300, tags=["\u00fc" * 90] * 9)
        self.manager.deallocate(lease)

    def test_denial_says_who_has_it(self):
        self.manager.allocate("trading_data", 300)
        with self.assertRaises(MemoryError) as caught:
            self.manager.allocate("trading_data", 101)
        denial = caught.exception
        self.assertIsInstance(denial, LeaseDenied)
        self.assertEqual((denial.asked, denial.held, denial.available, denial.reason),
                         (101, 300, 100, "budget"))
        self.assertEqual((denial.top[0].pid, denial.top[0].mb), (os.getpid(), 300))
        self.assertGreater(denial.retry_after, 0)
        self.assertIn("101 MB denied (budget): 100 MB available, 300 MB spoken for", str(denial))
        again = pickle.loads(pickle.dumps(denial))
        self.assertEqual((str(again), again.top), (str(denial), denial.top))

    def test_more_than_there_ever_is_is_denied_for_good(self):
        for size in (401, 1e9, 1e30):
            with self.assertRaises(LeaseDenied, msg=size) as caught:
                self.manager.allocate("trading_data", size, timeout=None)
            self.assertEqual((caught.exception.reason, caught.exception.retry_after),
                             ("never", None))

    def test_who_waits_gets_what_comes_free(self):
        first = self.manager.allocate("cache", 150)
        timer = threading.Timer(0.1, self.manager.deallocate, [first])
        timer.start()
        second = self.manager.allocate("cache", 100, timeout=support.HANG_S)
        timer.join()
        self.assertEqual(second.size_mb, 100)
        self.assertEqual(self.leased("cache"), 100)

    def test_who_waits_in_vain_is_told(self):
        self.manager.allocate("cache", 150)
        with self.assertRaises(LeaseDenied) as caught:
            self.manager.allocate("cache", 100, timeout=0.05)
        self.assertTrue(caught.exception.timed_out)
        self.assertEqual(self.leased("cache"), 150)

    def test_line_goes_by_priority(self):
        held, order = self.manager.allocate("cache", 200), []

        def wait(name, priority):
            lease = self.manager.allocate("cache", 200, name, priority, timeout=support.HANG_S)
            order.append(name)
            self.manager.deallocate(lease)

        threads = [threading.Thread(target=wait, args=each)
                   for each in (("low", 2), ("high", TaskPriority.HIGH), ("normal", 5))]
        for number, thread in enumerate(threads, 1):
            thread.start()
            wait_until(lambda: self.ledger.report()["components"]["cache"]["lease_waits"] == number)
        self.manager.deallocate(held)
        for thread in threads:
            thread.join()
        self.assertEqual(order, ["high", "normal", "low"])

    def test_interrupted_wait_leaves_nothing(self):
        held = self.manager.allocate("cache", 200)
        with support.interrupted(self, lambda: wait_until(
                lambda: self.ledger.report()["components"]["cache"]["lease_waits"])):
            self.manager.allocate("cache", 100, timeout=None)
        self.manager.deallocate(held)
        wait_until(lambda: not self.ledger.report()["components"]["cache"]["lease_waits"])
        wait_until(lambda: self.leased("cache") == 0)

    def test_lease_with_a_time_ends_by_itself(self):
        lease = self.manager.allocate("cache", 100, ttl=0.05)
        wait_until(lambda: lease.revoked)
        self.assertEqual(self.leased("cache"), 0)
        with self.assertWarns(ResourceWarning):
            self.assertIs(self.manager.deallocate(lease), False)

    def test_child_of_fork_has_none_of_its_parents_leases(self):
        lease = self.manager.allocate("cache", 100)

        def child():
            other = get_memory_manager()
            try:
                other.deallocate(lease)
            except KeyError:
                return 0 if other is not self.manager and not lease.revoked else 2
            return 1

        with unittest.mock.patch.dict(os.environ, self.environment()):
            self.assertEqual(child_exit(child), 0)
        self.assertFalse(lease.revoked)
        self.assertEqual(self.leased("cache"), 100)

    def test_scope_that_a_child_leaves_stays_the_parents(self):
        with allocate_for_cache(100) as lease:
            scope = allocate_for_cache(50)
            scope.__enter__()
            self.assertEqual(child_exit(lambda: scope.__exit__(None, None, None) or 0), 0)
            self.assertEqual(self.leased("cache"), 150)
            scope.__exit__(None, None, None)
            self.assertFalse(lease.revoked)

    def test_many_threads_leave_nothing_behind(self):
        def work():
            for _ in range(50):
                with allocate_for_ml(1):
                    pass

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.leased("ml_models"), 0)
        self.assertEqual(self.manager._held, {})


class Scopes:
    def test_scopes_are_of_their_components(self):
        for scope, component in ((allocate_for_trading, "trading_data"), (allocate_for_ml, "ml_models"),
                                 (allocate_for_database, "database"), (allocate_for_cache, "cache")):
            with scope(50, "work", priority=8, tags=["a", "b"]) as lease:
                self.assertEqual((lease.component, lease.size_mb), (component, 50))
                self.assertEqual(self.leased(component), 50)
            self.assertEqual(self.leased(component), 0)

    def test_scope_ends_with_an_error_of_its_block(self):
        with self.assertRaises(ZeroDivisionError):
            with allocate_for_trading(50):
                1 / 0
        self.assertEqual(self.leased("trading_data"), 0)

    def test_scope_is_denied_on_entering(self):
        scope = allocate_for_trading(5000)
        with self.assertRaises(MemoryError):
            scope.__enter__()
        with self.assertRaises(ValueError):
            allocate_for_trading(0)
        with self.assertRaises(TypeError):
            allocate_for_trading(1, tags="tag")

    def test_scope_may_be_entered_again(self):
        scope = allocate_for_trading(50)
        with scope as first, scope as second:
            self.assertNotEqual(first, second)
            self.assertEqual(self.leased("trading_data"), 100)
        self.assertEqual(self.leased("trading_data"), 0)

    def test_scope_whose_lease_has_ended_says_nothing(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with allocate_for_trading(50) as lease:
                self.manager.deallocate(lease)

    def test_adaptive_leaves_a_third(self):
        with allocate_adaptive_memory(200, "set", component="cache") as (lease, size):
            self.assertEqual((size, lease.size_mb, lease.component), (133, 133, "cache"))
            self.assertIs(type(size), int)
            self.assertEqual(self.leased("cache"), 133)
            with allocate_adaptive_memory(60, component="cache") as (_, rest):
                self.assertEqual(rest, 44)
        self.assertEqual(self.leased("cache"), 0)

    def test_adaptive_gets_no_less_than_its_least(self):
        self.manager.allocate("cache", 150)
        with allocate_adaptive_memory(200, component="cache", min_mb=45) as (_, size):
            self.assertEqual(size, 45)
        with self.assertRaises(MemoryError) as caught:
            with allocate_adaptive_memory(200, component="cache", min_mb=51):
                pass
        self.assertEqual(caught.exception.asked, 51)
        with self.assertRaises(ValueError):
            with allocate_adaptive_memory(10, component="cache", min_mb=11):
                pass

    def test_adaptive_is_whole_mb_even_of_less(self):
        with allocate_adaptive_memory(0.5, component="cache") as (lease, size):
            self.assertEqual((size, lease.size_mb), (1, 1))

    def test_fallback_gives_the_very_argument(self):
        for primary, fallback, which in ((100, 50, 0), (500, 50, 1), (500, 50.5, 1)):
            with allocate_with_fallback(primary, fallback, "w", component="cache") as (lease, size):
                self.assertIs(size, (primary, fallback)[which])
                self.assertEqual(lease.size_mb, size)
        with self.assertRaises(MemoryError) as caught:
            with allocate_with_fallback(500, 400, component="cache"):
                pass
        self.assertEqual(caught.exception.asked, 400)

    def test_component_is_the_first_where_none_is_named(self):
        with allocate_adaptive_memory(10) as (lease, _):
            self.assertEqual(lease.component, "trading_data")
        with allocate_with_fallback(10, 5) as (lease, _):
            self.assertEqual(lease.component, "trading_data")

    def test_tensor_memory_is_what_its_array_takes(self):
        with allocate_tensor_memory((1024, 512), "float32", "Embeddings") as lease:
            self.assertEqual((lease.size_mb, lease.component), (2, "ml_models"))
            tensor = lease.tensor()
            self.assertIs(lease.tensor(), tensor)
            self.assertEqual((tuple(tensor.shape), tensor.nbytes), ((1024, 512), 2 << 20))
            tensor[1023, 511] = 1.5
            self.assertEqual(float(tensor[1023, 511]), 1.5)
            self.assertEqual(float(tensor[0, 0]), 0)
        with allocate_tensor_memory(4096, float, component="cache") as lease:
            self.assertEqual((lease.size_mb, lease.component), (4096 * 8 / support.MIB, "cache"))
            self.assertEqual(tuple(lease.tensor().shape), (4096,))

    def test_shapes_and_types_that_are_none_are_refused(self):
        for error, shape, dtype in ((ValueError, (0, 5), "int8"), (ValueError, -1, "int8"),
                                    (TypeError, "ab", "int8"), (TypeError, 1.5, "int8"),
                                    (TypeError, 1, "no such"), (TypeError, 1, object)):
            with self.assertRaises(error, msg=f"{shape} {dtype}"):
                allocate_tensor_memory(shape, dtype)


class LocalLeases(Leases, LocalCase):
    def environment(self):
        return {"UW_MODE": "local"}


class ServerLeases(Leases, ServerCase):
    def environment(self):
        return {"UW_SOCKET": self.server.socket}


class LocalScopes(Scopes, LocalCase):
    pass


class ServerScopes(Scopes, ServerCase):
    pass


class Uwd(ServerCase):
    """What only a server can do."""

    components = {"hidden": "100,denied", "trading_data": 400, "ml_models": "600,borrows,inside"}

    def test_holder_that_runs_in_the_component_is_enforced(self):
        self.assertIs(self.manager.allocate("ml_models", 10).enforced, True)
        self.assertIs(self.manager.allocate("trading_data", 10).enforced, False)

    def test_component_that_may_not_be_used_is_a_permission_error(self):
        with self.assertRaises(PermissionError) as caught:
            self.manager.allocate("hidden", 10)
        self.assertIn("hidden", str(caught.exception))

    def test_where_none_is_named_the_first_that_may_be_used_is_taken(self):
        with allocate_adaptive_memory(10) as (lease, _):
            self.assertEqual(lease.component, "trading_data")
        self.assertEqual(self.manager.default_component(), "trading_data")

    def test_revoked_lease_is_told(self):
        lease = self.manager.allocate("ml_models", 10)
        self.server.say("free")
        self.assertIs(lease.revoked, True)
        with self.assertWarns(ResourceWarning):
            self.assertIs(self.manager.deallocate(lease), False)

    def test_lent_memory_goes_to_revocable_leases_alone(self):
        with self.assertRaises(MemoryError) as caught:
            self.manager.allocate("ml_models", 700, revocable=False)
        self.assertEqual(caught.exception.reason, "never")
        with self.assertRaises(MemoryError) as caught:
            self.manager.allocate("ml_models", 700)
        self.assertEqual(caught.exception.reason, "budget")

    def test_leases_outlive_a_server_that_is_killed(self):
        lease = self.manager.allocate("ml_models", 10)
        self.server.kill()
        self.server.start()
        self.assertEqual(self.server.leases(), 1)
        self.assertIs(self.manager.deallocate(lease), True)
        self.assertEqual(self.server.leases(), 0)


class NoUwd(unittest.TestCase):
    def setUp(self):
        support.fresh()
        self.addCleanup(support.fresh)

    def test_without_uwd_there_is_an_os_error_and_no_memory_error(self):
        manager = support.manager.UnifiedMemoryManager(UwdLedger("/nonexistent/lease.sock"))
        with self.assertRaises(UwNotRunning) as caught:
            manager.allocate("cache", 1)
        self.assertIsInstance(caught.exception, OSError)

    def test_uwd_that_comes_later_is_found(self):
        server = Server()
        self.addCleanup(server.close)
        server.kill()
        manager = support.manager.UnifiedMemoryManager(UwdLedger(server.socket))
        with self.assertRaises(UwNotRunning):
            manager.allocate("cache", 1)
        server.start()
        manager.allocate("cache", 1)

    def test_scope_that_ends_without_uwd_is_freed_later(self):
        server = Server()
        self.addCleanup(server.close)
        support.manager._manager = support.manager.UnifiedMemoryManager(UwdLedger(server.socket))
        with allocate_for_cache(10):
            server.kill()
        server.start()
        self.assertEqual(server.leases(), 1)
        with allocate_for_cache(20):
            self.assertEqual(server.leases(), 1)
        self.assertEqual(server.leases(), 0)

    def test_library_that_is_not_there_is_named(self):
        with self.assertRaises(AssertionError) as caught:
            support.run_python("-c", "from unity_wheel.memory import get_memory_manager\n"
                               "get_memory_manager().allocate('cache', 1)",
                               UW_LIBRARY="libuw-nowhere.so.0")
        self.assertIn("UwNotRunning", str(caught.exception))
        self.assertIn("libuw-nowhere.so.0", str(caught.exception))

    def test_modes_are_known(self):
        for mode, budgets, error in (("remote", "", "UW_MODE"), ("local", "cache=no", "BUDGETS"),
                                     ("local", "cache=0", "BUDGETS")):
            with self.assertRaises(AssertionError) as caught:
                support.run_python("-c", "from unity_wheel.memory import get_memory_manager\n"
                                   "get_memory_manager()", UW_MODE=mode, UW_LOCAL_BUDGETS=budgets)
            self.assertIn(error, str(caught.exception))

    def test_local_budgets_are_those_of_the_environment_or_of_the_profile(self):
        show = ("from unity_wheel.memory import memory_usage_report as r\n"
                "print({n: c['budget_mb'] for n, c in r()['components'].items()})")
        self.assertEqual(eval(support.run_python("-c", show, UW_MODE="local")),
                         {"trading_data": 7168, "ml_models": 5120, "database": 5120, "cache": 2048})
        found = support.run_python("-c", show, UW_MODE="local",
                                   UW_LOCAL_BUDGETS="feeds=2G, cache=1048576 db=512M")
        self.assertEqual(eval(found), {"feeds": 2048, "cache": 1, "db": 512})


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: GPL-2.0-or-later
"""What the report says, to programs and to people."""

import json
import unittest

import support
from support import LocalCase, ServerCase

from unity_wheel.memory import get_resource_scheduler, memory_usage_report


class Report:
    def test_report_is_of_system_components_and_scheduler(self):
        self.manager.allocate("trading_data", 100)
        with self.assertRaises(MemoryError):
            self.manager.allocate("trading_data", 350)
        found = memory_usage_report()
        self.assertEqual(list(found), ["system", "components", "scheduler"])
        self.assertEqual(found["system"]["allocated_mb"], 100)
        self.assertTrue(0 < found["system"]["system_usage_percent"] < 100)
        self.assertEqual(list(found["components"]), list(support.BUDGETS))
        trading = found["components"]["trading_data"]
        self.assertEqual((trading["usage_percent"], trading["allocated_mb"], trading["budget_mb"]),
                         (25, 100, 400))
        self.assertEqual((trading["used_mb"], trading["leased_mb"], trading["level"]),
                         (0, 100, "normal"))
        self.assertEqual((trading["success_rate"], found["components"]["cache"]["success_rate"]),
                         (0.5, 1.0))
        self.assertEqual((trading["pressure_events"], trading["cleanup"]), (0, {}))
        self.assertEqual(found["scheduler"], get_resource_scheduler().get_statistics())


class LocalReport(Report, LocalCase):
    def test_levels_that_rose_are_counted(self):
        for _ in range(2):
            self.manager.deallocate(self.manager.allocate("cache", 150))
        found = memory_usage_report()["components"]["cache"]
        self.assertEqual((found["pressure_events"], found["level"]), (2, "normal"))


class ServerReport(Report, ServerCase):
    pass


class Program(ServerCase):
    def test_program_prints_it(self):
        self.manager.allocate("ml_models", 300)
        text = support.run_python("-m", "unity_wheel.memory", UW_SOCKET=self.server.socket)
        self.assertRegex(text, r"ml_models +normal +300M +600M +0M +50% +300M +100%")
        found = json.loads(support.run_python("-m", "unity_wheel.memory", "--json",
                                              UW_SOCKET=self.server.socket))
        self.assertEqual(found["components"], memory_usage_report()["components"])

    def test_program_without_uwd_says_so(self):
        with self.assertRaises(AssertionError) as caught:
            support.run_python("-m", "unity_wheel.memory", UW_SOCKET="/nonexistent/lease.sock")
        self.assertEqual(str(caught.exception), "exit 1: unity_wheel.memory: uwd does not run\n")


if __name__ == "__main__":
    unittest.main()

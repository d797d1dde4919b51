# SPDX-License-Identifier: GPL-2.0-or-later
"""Levels as callbacks hear of them: what is told when, and what the number says."""

import pickle
import threading
import unittest

from support import LocalCase, ServerCase, wait_until

from unity_wheel.memory import PressureLevel
from unity_wheel.memory.ledger import LEVELS, LevelEvent
from unity_wheel.memory.pressure import PressureState


class Number(unittest.TestCase):
    def test_number_is_the_use_raised_to_the_middle_of_the_band(self):
        for level, use, value in ((0, 0.1, 0.35), (0, 0.6, 0.6), (1, 0.2, 0.75), (2, 0.84, 0.84),
                                  (3, 0.5, 0.875), (4, 0.3, 0.925), (4, 0.94, 0.94),
                                  (5, 0.2, 0.975), (5, 1.2, 1.2)):
            found = PressureLevel.of(LevelEvent("cache", level, use))
            self.assertEqual(found, value)
            self.assertEqual((found.name, found.component, found.use), (LEVELS[level], "cache", use))

    def test_more_than_nine_tenths_is_critical_and_nothing_else_is(self):
        for level in range(6):
            for use in (0.0, 0.5, 0.9, 0.91, 0.99, 1.5):
                number = PressureLevel.of(LevelEvent("cache", level, use))
                self.assertEqual(number > 0.9, level >= 4, f"{level} {use}")

    def test_number_is_a_float_and_can_be_sent(self):
        number = PressureLevel.of(LevelEvent("cache", 3, 0.88))
        self.assertIsInstance(number, float)
        self.assertEqual(f"{number:.2f}", "0.88")
        again = pickle.loads(pickle.dumps(number))
        self.assertEqual((again, again.name, again.component), (number, "high", "cache"))


class State(unittest.TestCase):
    def setUp(self):
        self.state = PressureState()

    def at(self, now, level=None, component="cache"):
        """What is told, as (component, level); and whether it is an emergency."""
        events = [] if level is None else [LevelEvent(component, level, 0.5)]
        news = self.state.take(events, now)
        return [(each.component, each.level) for each in news.levels], news.emergency

    def test_each_change_is_told_once(self):
        self.assertEqual(self.at(0, 0), ([], False))
        self.assertEqual(self.at(1, 1), ([("cache", 1)], False))
        self.assertEqual(self.at(2), ([], False))
        self.assertEqual(self.at(100, 1), ([], False))
        self.assertEqual(self.at(101, 0), ([("cache", 0)], False))

    def test_from_medium_on_it_is_told_each_second(self):
        self.at(0, 2)
        self.assertEqual(self.state.wait(0.25), 0.75)
        self.assertEqual(self.at(0.9)[0], [])
        self.assertEqual(self.at(1.0)[0], [("cache", 2)])
        self.assertEqual(self.at(1.5, 3)[0], [("cache", 3)])
        self.assertEqual(self.at(2.0)[0], [])
        self.assertEqual(self.at(2.5)[0], [("cache", 3)])
        self.at(3, 1)
        self.assertEqual(self.at(10)[0], [])
        self.assertGreater(self.state.wait(10), 60)

    def test_components_are_told_apart(self):
        self.at(0, 2)
        self.assertEqual(self.at(0.5, 3, "database")[0], [("database", 3)])
        self.assertEqual(self.at(1.0)[0], [("cache", 2)])
        self.assertEqual(self.at(1.5)[0], [("database", 3)])

    def test_emergency_is_told_on_entering(self):
        self.assertIs(self.at(0, 4)[1], False)
        self.assertIs(self.at(1, 5)[1], True)
        self.assertIs(self.at(2)[1], False)
        self.assertIs(self.at(30, 5)[1], False)
        self.assertIs(self.at(31, 5, "database")[1], True)

    def test_emergency_is_news_again_after_ten_seconds_below_critical(self):
        self.at(0, 5)
        self.at(1, 3)
        self.assertIs(self.at(10.9, 5)[1], False)
        self.at(20, 3)
        self.at(29, 4)
        self.assertIs(self.at(31, 5)[1], False)
        self.at(40, 3)
        self.assertIs(self.at(50, 5)[1], True)


class Callbacks:
    def test_callbacks_hear_of_changes_and_of_an_emergency(self):
        heard, emergencies, threads = [], [], set()

        @self.manager.register_pressure_callback
        def on_pressure(level):
            heard.append((level.component, level.name, level > 0.9))
            threads.add(threading.current_thread())

        on_emergency = self.manager.register_emergency_callback(lambda: emergencies.append(1))
        self.raise_level(5)
        wait_until(lambda: emergencies)
        wait_until(lambda: heard.count(("ml_models", "emergency", True)) >= 2, "a second time")
        self.assertEqual((set(heard), len(emergencies)), ({("ml_models", "emergency", True)}, 1))
        self.raise_level(0)
        wait_until(lambda: ("ml_models", "normal", False) in heard)
        self.assertEqual(len(threads), 1)
        self.assertNotIn(threading.current_thread(), threads)
        self.manager.unregister_pressure_callback(on_pressure)
        self.manager.unregister_emergency_callback(on_emergency)
        with self.assertRaises(ValueError):
            self.manager.unregister_pressure_callback(on_pressure)

    def test_callback_that_fails_is_told_in_the_log_and_holds_up_nobody(self):
        heard = []

        def fails(level):
            raise RuntimeError("in the callback")

        self.manager.register_pressure_callback(fails)
        self.manager.register_pressure_callback(heard.append)
        with self.assertLogs("unity_wheel.memory", "ERROR") as logged:
            self.raise_level(4)
            wait_until(lambda: heard)
            self.manager.unregister_pressure_callback(fails)
            count = len(heard)
            wait_until(lambda: len(heard) > count)
        self.assertIn("in the callback", logged.output[0])

    def test_what_cannot_be_called_is_refused(self):
        for register in (self.manager.register_pressure_callback,
                         self.manager.register_emergency_callback):
            with self.assertRaises(TypeError):
                register(...)


class LocalCallbacks(Callbacks, LocalCase):
    lease = None

    def raise_level(self, level):
        if self.lease:
            self.manager.deallocate(self.lease)
        size = 600 * (0, 0.7, 0.8, 0.85, 0.9, 0.95)[level]
        self.lease = self.manager.allocate("ml_models", size) if level else None


class ServerCallbacks(Callbacks, ServerCase):
    def raise_level(self, level):
        self.server.say(f"level ml_models {level} {2000 * level}")

    def test_callbacks_go_on_after_a_server_that_is_killed(self):
        heard = []
        self.manager.register_pressure_callback(heard.append)
        self.raise_level(1)
        wait_until(lambda: heard)
        self.server.kill()
        self.server.start()
        wait_until(lambda: self.raise_level(3) or heard[-1].name == "high")


if __name__ == "__main__":
    unittest.main()

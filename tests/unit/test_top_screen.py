# SPDX-License-Identifier: GPL-2.0-or-later
"""uwctl top itself, in a pty, against a uwd over plain files (tests/bench/scene.c)."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import termios
import unittest
from pathlib import Path

try:
    from top_terminal import HANGS_S, Terminal
except ImportError as missing:
    print(f"skipped: {missing} (scripts/deps test brings it)")
    sys.exit(77)

BUILD = Path(os.environ.get("UW_BUILD", "build")).resolve()
UWCTL = str(BUILD / "uwctl")
NAMES = ["trading_data", "ml_models", "cache", "a-name-of-thirty-one-characters"]
RECORDING = str(Path(__file__).resolve().parents[1] / "sim/golden/freeze.recording")
SIZES = [(80, 24), (200, 50), (60, 15)]


class Top(unittest.TestCase):
    def setUp(self):
        where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        scratch = tempfile.TemporaryDirectory(prefix="uw-test-", dir=where)
        self.addCleanup(scratch.cleanup)
        self.dir = scratch.name
        self.socket = f"{self.dir}/uwd.sock"
        self.start_uwd()

    def start_uwd(self):
        self.uwd = subprocess.Popen([BUILD / "tests/bench/scene", self.dir])
        self.addCleanup(self.stop_uwd, self.uwd)

    @staticmethod
    def stop_uwd(uwd):
        if uwd.poll() is None:
            uwd.terminate()
            uwd.wait(HANGS_S)

    def uwctl(self, *words, **options):
        return subprocess.run([UWCTL, *words, "--socket", self.socket], capture_output=True, text=True,
                              timeout=HANGS_S, check=False, **options)

    def wait_for_uwd(self):
        while self.uwctl("status").returncode == 3 and self.uwd.poll() is None:
            pass

    def top(self, *words, size=(80, 24), **environment):
        self.wait_for_uwd()
        terminal = Terminal([UWCTL, "top", "--socket", self.socket, "-d", "0.2", *words], *size, **environment)
        self.addCleanup(terminal.close)
        return terminal

    def assert_given_back(self, terminal):
        """The alternate screen was left, the cursor shown, and lines are edited and echoed again."""
        self.assertGreater(terminal.sent.rfind(b"\x1b[?1049l"), terminal.sent.rfind(b"\x1b[?1049h"))
        self.assertGreater(terminal.sent.rfind(b"\x1b[?25h"), terminal.sent.rfind(b"\x1b[?25l"))
        self.assertEqual(terminal.mode() & (termios.ECHO | termios.ICANON), termios.ECHO | termios.ICANON)

    def test_every_size_shows_names_levels_and_stalls(self):
        for size in SIZES:
            for environment in ({}, {"LC_ALL": "C"}, {"NO_COLOR": "1"}):
                with self.subTest(size=size, **environment):
                    terminal = self.top(size=size, **environment)
                    terminal.wait_for(lambda screen: all(name in screen for name in NAMES), "each component")
                    terminal.wait_for(lambda screen: "LEVEL" in screen and "STALL" in screen, "LEVEL and STALL")
                    coloured = any(cell.fg != "default" for row in terminal.screen.buffer.values()
                                   for cell in row.values())
                    self.assertEqual(coloured, "NO_COLOR" not in environment)
                    if "LC_ALL" in environment:
                        self.assertTrue(terminal.text().isascii(), terminal.text())
                    elif size[0] >= 80:
                        terminal.wait_for_text("\u2588")
                    terminal.press("q")
                    self.assertEqual(terminal.end(), 0)

    def test_the_leak_is_seen_to_be_frozen(self):
        terminal = self.top("--color", "always")
        terminal.wait_for(lambda screen: "leak" in screen and "frozen" in screen, "the frozen leak")
        terminal.press("3")
        terminal.wait_for_text("freeze leak")
        terminal.wait_for_text("usage-mark")
        terminal.press("1")
        terminal.wait_for_text("> ml_models")
        terminal.press("\r")
        terminal.wait_for_text("> Why ml_models")
        terminal.wait_for_text("in force")
        terminal.press("e")
        terminal.wait_for_text("use of budget")
        terminal.press("2")
        terminal.wait_for_text("2_*")
        terminal.press("j\r")
        terminal.wait_for_text("2_5")
        terminal.press("\x1b[H\r")  # Home, Enter
        terminal.wait_for_text("submitted")
        terminal.press("?")
        terminal.wait_for_text("choose; PgUp")
        terminal.press("x\x1b1")
        terminal.wait_for_text("COMPONENT")

    @unittest.skipIf(os.getuid(), "actions are root's")
    def test_an_action_shows_its_write_and_waits_for_y(self):
        terminal = self.top()
        terminal.wait_for_text("> ml_models")
        terminal.press("sj")  # by name, where nothing moves
        terminal.wait_for_text("> cache")
        terminal.press("r")
        terminal.wait_for_text("reclaim how much of cache")
        terminal.press("2M\r")
        terminal.wait_for_text("uw/cache/memory.reclaim = 2097152")
        terminal.press("n")
        terminal.wait_for_text("nothing was done")
        terminal.press("f")
        terminal.wait_for_text("uw/cache/redis/cgroup.freeze = 1")
        self.assertFalse(self.frozen("cache"))
        terminal.press("y")
        terminal.wait_for(lambda screen: "freeze cache: asked for" in screen or "frozen" in screen, "what came of it")
        while not self.frozen("cache"):
            self.assertTrue(terminal.read(0.1))

    @unittest.skipIf(os.getuid(), "actions are root's")
    def test_an_action_is_not_done_by_a_uwd_that_came_later(self):
        terminal = self.top()
        terminal.wait_for_text("> ml_models")
        terminal.press("sj")
        terminal.wait_for_text("> cache")
        self.stop_uwd(self.uwd)
        terminal.wait_for_text("uwd is away, waiting")
        terminal.press("f")
        terminal.wait_for_text("y does it")
        terminal.press("y")
        terminal.wait_for_text("freeze cache: uwd went away; nothing was done")
        self.start_uwd()
        terminal.wait_for(lambda screen: "away, waiting" not in screen, "uwd that is back")
        terminal.press("31")  # two rounds more
        terminal.wait_for(lambda screen: re.search(r" up ([2-9]|\d\d+)s ", screen), "that it goes on")
        self.assertFalse(self.frozen("cache"))

    def frozen(self, component):
        return json.loads(self.uwctl("status", component, "--json").stdout)["components"][0]["frozen_leaves"]

    def test_read_only_offers_no_action(self):
        terminal = self.top("--read-only", size=(100, 24))
        terminal.wait_for_text("> ml_models")
        self.assertNotIn("f freeze", terminal.text())
        terminal.press("fyq")
        self.assertEqual(terminal.end(), 0)
        self.assertNotIn(b"would write", terminal.sent)

    def test_a_restart_of_uwd_is_waited_for(self):
        terminal = self.top()
        terminal.wait_for(lambda screen: "LIVE" in screen and "ml_models" in screen, "a frame")  # the head comes first
        self.stop_uwd(self.uwd)
        terminal.wait_for_text("uwd is away, waiting")
        self.assertIn("ml_models", terminal.text())
        self.start_uwd()
        terminal.wait_for(lambda screen: "away" not in screen and "LIVE" in screen, "uwd that is back")
        terminal.press("q")
        self.assertEqual(terminal.end(), 0)

    def test_it_follows_the_size_of_the_terminal(self):
        terminal = self.top()
        terminal.wait_for_text("LIVE")
        terminal.resize(200, 50)
        terminal.wait_for(lambda screen: "WORKING SET" in screen and "q quit" in screen.split("\n")[49], "a large screen")
        terminal.resize(60, 15)
        terminal.wait_for(lambda screen: "WORKING SET" not in screen and "Enter why" in screen.split("\n")[14],
                          "a small screen")
        terminal.resize(5, 3)
        terminal.resize(80, 24)
        terminal.wait_for(lambda screen: "q quit" in screen.split("\n")[23], "the screen as it was")

    def test_the_terminal_is_given_back_at_every_end(self):
        ends = [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, -signal.SIGINT), (signal.SIGHUP, -signal.SIGHUP),
                (signal.SIGQUIT, -signal.SIGQUIT), (signal.SIGSEGV, -signal.SIGSEGV),
                (signal.SIGABRT, -signal.SIGABRT)]
        for number, status in ends:
            with self.subTest(signal=number):
                terminal = self.top()
                terminal.wait_for_text("LIVE")
                self.assertFalse(terminal.mode() & termios.ICANON)
                terminal.signal(number)
                self.assertEqual(terminal.end(), status)
                self.assert_given_back(terminal)
        for keys, status in (("q", 0), ("\x03", -signal.SIGINT)):
            with self.subTest(keys=keys):
                terminal = self.top()
                terminal.wait_for_text("LIVE")
                terminal.press(keys)
                self.assertEqual(terminal.end(), status)
                self.assert_given_back(terminal)

    def test_it_ends_with_its_terminal(self):
        terminal = self.top()
        terminal.wait_for_text("LIVE")
        terminal.hang_up()
        self.assertIn(terminal.end(), (0, -signal.SIGHUP))

    def test_frames_are_counted(self):
        terminal = self.top("-n", "2")
        self.assertEqual(terminal.end(), 0)

    def test_in_a_pipe_it_is_text_or_a_line_a_frame(self):
        self.wait_for_uwd()
        text = self.uwctl("top", "-b", "-n", "2", "-d", "0.1", env={"COLUMNS": "60", "LC_ALL": "C"})
        self.assertEqual(text.returncode, 0, text.stderr)
        self.assertEqual(text.stdout.count("COMPONENT"), 2)
        self.assertTrue(text.stdout.isascii())
        self.assertTrue(all(len(line) <= 60 for line in text.stdout.splitlines()))
        lines = self.uwctl("top", "--json", "-n", "3", "-d", "0.1").stdout.splitlines()
        self.assertEqual(len(lines), 3)
        for line in lines:
            frame = json.loads(line)
            self.assertEqual(frame["v"], 1)
            self.assertEqual([component["name"] for component in frame["components"]],
                             ["trading_data", "ml_models", "cache", "a-name-of-thirty-one-characters"])
            self.assertIn("records", frame)

    def test_what_cannot_be_is_said(self):
        self.wait_for_uwd()
        for words, status, says in ((["top"], 1, "no terminal"), (["top", "-d", "0.01"], 2, "100ms"),
                                    (["top", "-n", "0"], 2, "from 1"), (["top", "--color", "blue"], 2, "never")):
            with self.subTest(words=words):
                said = self.uwctl(*words)
                self.assertEqual(said.returncode, status)
                self.assertIn(says, said.stderr)
        self.stop_uwd(self.uwd)
        self.assertEqual(self.uwctl("top", "-b").returncode, 3)

    def test_a_recording_is_travelled_through(self):
        terminal = Terminal([UWCTL, "top", "--replay", RECORDING], 80, 24)
        self.addCleanup(terminal.close)

        terminal.wait_for_text("REPLAY")
        terminal.wait_for_text("freeze 59s")  # it begins with the end
        terminal.press("]")
        terminal.wait_for_text("there is none after this")
        terminal.press("{")
        terminal.wait_for(lambda screen: "freeze 59s" not in screen, "five minutes before")
        terminal.press("[")
        terminal.wait_for_text("there is none before this")
        terminal.press("\x1b[C\x1b[C")  # Right
        terminal.wait_for(lambda screen: "there is none" not in screen, "two frames further")
        terminal.press("g25:00\r")
        terminal.wait_for_text("25:00")
        terminal.press("\x1b}")
        terminal.wait_for_text("freeze 59s")
        terminal.press("e")
        terminal.wait_for_text("use of budget")
        terminal.press("\x1bfty")  # nothing may be done to what is past
        terminal.press("q")
        self.assertEqual(terminal.end(), 0)
        self.assertNotIn(b"would write", terminal.sent)
        self.assert_given_back(terminal)

    def test_a_terminal_without_a_screen_is_refused(self):
        terminal = self.top(TERM="dumb")
        self.assertEqual(terminal.end(), 1)
        self.assertIn(b"no screen to draw on", terminal.sent)


if __name__ == "__main__":
    unittest.main(verbosity=1)

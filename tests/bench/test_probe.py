# SPDX-License-Identifier: GPL-2.0-or-later
"""The probe against a server that answers when it is told to."""

import os
import signal
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

import measure

PROBE = Path(os.environ.get("UW_BUILD", "build")) / "tests/bench/probe"
REQUEST = b"*2\r\n$3\r\nGET\r\n"
ANSWER = b"$1\r\nx\r\n"


class Probe(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.record = Path(scratch.name) / "probe.csv"
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listener.close)
        self.probe = subprocess.Popen([PROBE, "--port", str(self.listener.getsockname()[1]), "--rate", "1000",
                                       "--out", self.record])
        self.addCleanup(self.probe.wait)
        self.addCleanup(self.probe.kill)
        self.client = self.listener.accept()[0]
        self.addCleanup(self.client.close)

    def ask(self, count):
        """Reads until `count` requests have come, and tells how many did."""
        came = b""
        while came.count(REQUEST) < count:
            came += self.client.recv(65536)
        return came.count(REQUEST)

    def answer_to_the_end(self, came):
        """Answers what came and what was on its way, until the probe hangs up."""
        text = b""
        while True:
            self.client.sendall(ANSWER * came)
            part = self.client.recv(65536)
            if not part:
                return
            text += part
            came = text.count(REQUEST)
            text = text.rpartition(REQUEST)[2] if came else text

    def test_what_is_open_when_it_is_stopped_is_waited_for(self):
        came = self.ask(5)
        self.probe.send_signal(signal.SIGTERM)
        self.answer_to_the_end(came)
        self.assertEqual(self.probe.wait(), 0)
        samples = measure.read_samples(self.record)
        self.assertGreaterEqual(len(samples), 5)
        self.assertEqual(measure.count_lost(samples, 0, float("inf")), 0)

    def test_what_was_open_on_a_lost_connection_is_lost(self):
        came = self.ask(5)
        self.listener.close()
        self.client.close()
        self.probe.send_signal(signal.SIGTERM)
        self.assertEqual(self.probe.wait(), 0)
        self.assertGreaterEqual(measure.count_lost(measure.read_samples(self.record), 0, float("inf")), came)


if __name__ == "__main__":
    unittest.main()

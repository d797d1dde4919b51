# SPDX-License-Identifier: GPL-2.0-or-later
"""uw-exporter as a process, between an uwd that says what a test wants and a client of HTTP.

What it serves is read by the parsers of others: promtool, and prometheus_client's of OpenMetrics.
"""
import http.client
import json
import os
import resource
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

BUILD = os.environ.get("UW_BUILD", "build")
GUARD_S = 60
CONNECTIONS = 16  # SERVE_CONNECTIONS
OPEN = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"


def answer_of_uwd():
    """What the encoder of uwd makes of a state with everything in it."""
    return json.loads(
        subprocess.run(
            [f"{BUILD}/tests/unit/test_metrics", "--answer"], check=True, capture_output=True
        ).stdout
    )


class Uwd:
    """Answers Metrics with answer; None: it takes the call and says nothing. Or with reply."""

    def __init__(self, path, answer):
        self.reply = None if answer is None else {"parameters": answer}
        self.calls, self.path = 0, path
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(16)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        held = []
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                for client in held:
                    client.close()
                return
            call = b""
            while not call.endswith(b"\0"):
                call += client.recv(4096)
            assert json.loads(call[:-1])["method"] == "io.uwctl.Control.Metrics"
            self.calls += 1
            if self.reply is None:
                held.append(client)
                continue
            client.sendall(json.dumps(self.reply).encode() + b"\0")
            client.close()

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(GUARD_S)
        os.unlink(self.path)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def few_files(soft, hard):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Case(unittest.TestCase):
    answer = None

    @classmethod
    def setUpClass(cls):
        cls.answer = answer_of_uwd()

    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.socket = f"{self.dir.name}/uwd.sock"
        self.notify = f"{self.dir.name}/notify"

    def uwd(self, answer):
        uwd = Uwd(self.socket, answer)
        self.addCleanup(uwd.stop)
        return uwd

    def start(self, *words, **more):
        """Starts it and waits until it says that it is ready."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(self.notify)
            notify.settimeout(GUARD_S)
            self.process = subprocess.Popen(
                [f"{BUILD}/uw-exporter", "--socket", self.socket, *words],
                env={**os.environ, "NOTIFY_SOCKET": self.notify},
                stderr=subprocess.PIPE,
                **more,
            )
            self.addCleanup(self.end)
            self.assertIn(b"READY=1", notify.recv(4096))
        os.unlink(self.notify)

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        if not self.process.stderr.closed:
            self.process.stderr.read()
            self.process.stderr.close()
        return self.process.wait(GUARD_S)

    def serve(self, *words, **more):
        self.port = free_port()
        self.start("--listen", f"127.0.0.1:{self.port}", *words, **more)

    def get(self, path="/metrics", accept=None, method="GET"):
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=GUARD_S)
        client.request(method, path, headers={"Accept": accept} if accept else {})
        reply = client.getresponse()
        body = reply.read().decode()
        client.close()
        return reply, body


class Serves(Case):
    def test_text_passes_promtool(self):
        self.uwd(self.answer)
        self.serve()
        reply, body = self.get()
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        self.assertIn("\nuw_up 1\n", body)
        check = subprocess.run(
            ["scripts/promtool", "check", "metrics"], input=body, capture_output=True, text=True
        )
        if check.returncode == 77:
            self.skipTest(check.stderr)
        self.assertEqual((check.returncode, check.stdout + check.stderr), (0, ""))

    def test_openmetrics_passes_the_parser_of_its_reference(self):
        from prometheus_client.openmetrics import parser

        self.uwd(self.answer)
        self.serve()
        reply, body = self.get(accept=OPEN)
        self.assertEqual(
            reply.headers["Content-Type"],
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        )
        self.assertTrue(body.endswith("\n# EOF\n"))
        families = list(parser.text_string_to_metric_families(body))
        self.assertGreater(len(families), 50)
        units = {family.name: family.unit for family in families}
        self.assertEqual(units["uw_component_current_bytes"], "bytes")

    def test_both_formats_tell_the_same_series(self):
        self.uwd(self.answer)
        self.serve()
        samples = [
            {line.rsplit(" ", 1)[0] for line in body.splitlines() if not line.startswith("#")}
            for body in (self.get()[1], self.get(accept=OPEN)[1])
        ]
        self.assertEqual(*samples)

    def test_labels_are_few_and_hostile_values_escaped(self):
        answer = dict(self.answer)
        answer["daemon"] = {"version": 'a"b\\c\nd', "full_ticks": 1}
        self.uwd(answer)
        self.serve()
        body = self.get()[1]
        self.assertIn('uw_build_info{version="a\\"b\\\\c\\nd"} 1\n', body)
        names = {
            pair.split("=")[0]
            for line in body.splitlines()
            if "{" in line and not line.startswith(("#", "uw_build_info"))
            for pair in line[line.index("{") + 1 : line.rindex("}")].split(",")
        }
        self.assertLessEqual(
            names,
            {"action", "class", "component", "kind", "le", "level", "limit", "outcome", "result"}
            | {"sensor", "source", "state", "tier", "where"},
        )

    def test_what_is_not_metrics_is_refused(self):
        self.uwd(self.answer)
        self.serve()
        self.assertEqual(self.get("/")[0].status, 200)
        self.assertEqual(self.get("/etc/passwd")[0].status, 404)
        reply, _ = self.get(method="POST")
        self.assertEqual((reply.status, reply.headers["Allow"]), (405, "GET, HEAD"))
        reply, body = self.get(method="HEAD")
        self.assertEqual((reply.status, body), (200, ""))
        self.assertGreater(int(reply.headers["Content-Length"]), 1000)

    def test_a_systemd_socket_comes_first(self):
        self.uwd(self.answer)
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(16)
            self.port = listener.getsockname()[1]
            fd = listener.fileno()
            self.start(
                preexec_fn=lambda: (
                    os.dup2(fd, 3),
                    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1"),
                    os.execvpe(
                        f"{BUILD}/uw-exporter",
                        ["uw-exporter", "--socket", self.socket],
                        {**os.environ, "NOTIFY_SOCKET": self.notify},
                    ),
                ),
                pass_fds=(3,),
            )
        self.assertEqual(self.get()[0].status, 200)


class UwdIsAway(Case):
    def test_503_says_why_and_goes_when_uwd_comes(self):
        self.serve()
        reply, body = self.get(accept=OPEN)
        self.assertEqual(reply.status, 503)
        self.assertIn("# uwd is not running", body)
        self.assertIn("\nuw_up 0\n", body)
        self.uwd(self.answer)
        began = time.monotonic()
        while self.get()[0].status != 200:
            self.assertLess(time.monotonic() - began, GUARD_S)
            time.sleep(0.05)
        self.process.send_signal(signal.SIGTERM)
        log = self.process.stderr.read().decode()
        self.assertEqual(log.count("uwd is not running"), 1, log)
        self.assertEqual(log.count("uwd answers again"), 1, log)

    def test_a_uwd_that_hangs_costs_the_deadline(self):
        uwd = self.uwd(None)
        self.serve("--timeout", "100ms")
        reply, body = self.get()
        self.assertEqual(reply.status, 503)
        self.assertIn("# uwd does not answer in time", body)
        self.assertEqual(uwd.calls, 1)

    def test_words_of_uwd_stay_in_one_comment(self):
        reason = "no\nuw_up 1\rfoo"
        self.uwd(None).reply = {"error": "io.uwctl.Control.Failed", "parameters": {"reason": reason}}
        self.serve()
        reply, body = self.get()
        self.assertEqual(reply.status, 503)
        self.assertIn("# no?uw_up 1?foo\n", body)


class UnderLoad(Case):
    def test_fetching_often_does_not_ask_uwd_often(self):
        uwd = self.uwd(self.answer)
        self.serve()
        began = time.monotonic()
        for _ in range(50):
            self.assertEqual(self.get()[0].status, 200)
        self.assertLessEqual(uwd.calls, time.monotonic() - began + 1)

    def test_a_soft_limit_on_files_is_raised_to_what_it_takes(self):
        self.fill(preexec_fn=few_files(10, 4096))

    def test_with_too_few_files_it_does_not_start(self):
        result = subprocess.run(
            [f"{BUILD}/uw-exporter", "--listen", f"127.0.0.1:{free_port()}"],
            capture_output=True,
            text=True,
            timeout=GUARD_S,
            preexec_fn=few_files(20, 20),
        )
        self.assertEqual(result.returncode, 1)
        self.assertIn("no more than 20 files may be open", result.stderr)

    def test_connections_are_bounded_and_those_that_end_make_room(self):
        self.fill()

    def fill(self, **more):
        self.uwd(self.answer)
        self.serve(**more)
        before = len(os.listdir(f"/proc/{self.process.pid}/fd"))
        # No more than the kernel keeps for a listener, or connect(2) waits.
        idle = [socket.create_connection(("127.0.0.1", self.port)) for _ in range(CONNECTIONS + 14)]
        for client in idle:
            self.addCleanup(client.close)
        began = time.monotonic()
        while time.monotonic() - began < 0.3:
            fds = len(os.listdir(f"/proc/{self.process.pid}/fd"))
            self.assertLessEqual(fds - before, CONNECTIONS)
            time.sleep(0.02)
        self.assertGreaterEqual(fds - before, CONNECTIONS - 1)
        for client in idle:
            client.close()
        self.assertEqual(self.get()[0].status, 200)


class Textfile(Case):
    def setUp(self):
        super().setUp()
        self.file = f"{self.dir.name}/uw.prom"

    def once(self):
        return subprocess.run(
            [f"{BUILD}/uw-exporter", "--socket", self.socket, "--textfile", self.file, "--once"],
            capture_output=True,
            text=True,
        )

    def test_once_writes_a_file_that_everybody_may_read(self):
        self.uwd(self.answer)
        self.assertEqual(self.once().returncode, 0)
        with open(self.file) as file:
            self.assertIn("\nuw_up 1\n", file.read())
        self.assertEqual(os.stat(self.file).st_mode & 0o777, 0o644)
        self.assertEqual(sorted(os.listdir(self.dir.name)), ["uw.prom", "uwd.sock"])

    def test_without_uwd_the_file_says_so(self):
        result = self.once()
        self.assertEqual(result.returncode, 1)
        self.assertIn("uwd is not running", result.stderr)
        with open(self.file) as file:
            self.assertIn("\nuw_up 0\n", file.read())

    def test_a_reader_finds_a_whole_file_and_none_after_the_end(self):
        self.uwd(self.answer)
        self.start("--textfile", self.file, "--every", "1s")
        first = os.stat(self.file).st_ino
        began = time.monotonic()
        with open(self.file) as old:
            while os.stat(self.file).st_ino == first:
                self.assertLess(time.monotonic() - began, GUARD_S)
                time.sleep(0.05)
            self.assertIn("\nuw_job_time_predicted_ratio_count", old.read())
        self.assertEqual(self.end(), 0)
        self.assertFalse(os.path.exists(self.file))

    def test_a_folder_that_is_not_there_is_said(self):
        self.file = f"{self.dir.name}/none/uw.prom"
        result = self.once()
        self.assertEqual(result.returncode, 1)
        self.assertIn(self.file, result.stderr)


class Unit(unittest.TestCase):
    def test_the_unit_is_locked_up(self):
        try:
            result = subprocess.run(
                ["systemd-analyze", "security", "--offline=yes", "--threshold=15"]
                + ["scripts/uw-exporter.service"],
                capture_output=True,
                text=True,
            )
        except FileNotFoundError:
            self.skipTest("no systemd-analyze")
        self.assertEqual(result.returncode, 0, result.stdout)


class Options(unittest.TestCase):
    def run_with(self, *words):
        return subprocess.run([f"{BUILD}/uw-exporter", *words], capture_output=True, text=True)

    def test_wrong_ones_are_2_and_say_what_is_allowed(self):
        for words, told in (
            (["--listen", "localhost:1"], "127.0.0.1:PORT"),
            (["--listen", "127.0.0.1"], "127.0.0.1:PORT"),
            (["--listen", "127.0.0.1:70000"], "127.0.0.1:PORT"),
            (["--listen", "127.0.0.1:-5"], "127.0.0.1:PORT"),
            (["--listen", "[127.0.0.1]:5"], "127.0.0.1:PORT"),
            (["--timeout", "0"], "allowed is a time from"),
            (["--every", "2h", "--textfile", "x"], "allowed is a time from"),
            (["--once"], "--textfile"),
            (["more"], "options only"),
            (["--nosuch"], "nosuch"),
        ):
            result = self.run_with(*words)
            self.assertEqual(result.returncode, 2, words)
            self.assertIn(told, result.stderr)

    def test_help_and_version_are_0(self):
        self.assertIn("uw-exporter(8)", self.run_with("--help").stdout)
        self.assertEqual(self.run_with("--version").returncode, 0)


if __name__ == "__main__":
    unittest.main()

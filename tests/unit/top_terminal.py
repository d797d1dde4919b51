# SPDX-License-Identifier: GPL-2.0-or-later
"""A program in a terminal that is only an array: started in a pty, drawn by pyte, its keys pressed."""

import fcntl
import os
import select
import signal
import struct
import termios
import time

import pyte

HANGS_S = 60  # what has not come by then does not come


class Screen(pyte.Screen):
    """Scrolls too, which ncurses has done where lines that it draws stood elsewhere."""

    def scroll(self, at_bottom, step, count):
        margins, y = self.margins, self.cursor.y
        self.cursor.y = (margins.bottom if margins else self.lines - 1) if at_bottom else (margins.top if margins else 0)
        for _ in range(count or 1):
            step()
        self.cursor.y = y

    def scroll_up(self, count=1):
        self.scroll(True, self.index, count)

    def scroll_down(self, count=1):
        self.scroll(False, self.reverse_index, count)


class Stream(pyte.ByteStream):
    csi = {**pyte.ByteStream.csi, "S": "scroll_up", "T": "scroll_down"}
    events = pyte.ByteStream.events | {"scroll_up", "scroll_down"}


class Terminal:
    """Waits for what is on the screen, and never for time."""

    def __init__(self, argv, columns, rows, **environment):
        self.screen = Screen(columns, rows)
        self.stream = Stream(self.screen)
        self.sent = b""  # all that the program wrote
        self.status = None
        self.fd, self.end_fd = os.openpty()  # ours, and that of the program, which tells its modes after it
        self.resize_fd(self.fd, columns, rows)
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.setsid()
                fcntl.ioctl(self.end_fd, termios.TIOCSCTTY, 0)
                for fd in range(3):
                    os.dup2(self.end_fd, fd)
                os.close(self.fd)
                # No capability that pyte lacks, as rep of xterm is.
                os.environ.update({"TERM": "screen-256color", "LC_ALL": "C.UTF-8", "TZ": "UTC"}, **environment)
                os.execv(argv[0], argv)
            finally:
                os._exit(127)

    @staticmethod
    def resize_fd(fd, columns, rows):
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns, rows):
        self.screen.resize(rows, columns)
        self.resize_fd(self.fd, columns, rows)

    def press(self, keys):
        os.write(self.fd, keys.encode())

    def signal(self, number):
        os.kill(self.pid, number)

    def is_over(self):
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None

    def read(self, seconds):
        """What comes within that time goes to the screen. False when the program is over and nothing comes."""
        over = self.is_over()
        if not select.select([self.fd], [], [], 0 if over else seconds)[0]:
            return not over
        data = os.read(self.fd, 65536)
        self.sent += data
        self.stream.feed(data)
        return True

    def text(self):
        return "\n".join(line.rstrip() for line in self.screen.display)

    def wait_for(self, looks, what):
        """Until looks(text of the screen) is true."""
        until = time.monotonic() + HANGS_S
        while not looks(self.text()):
            if time.monotonic() > until or not self.read(0.1):
                raise AssertionError(f"{what} is not on the screen:\n{self.text()}")
        return self.text()

    def wait_for_text(self, text):
        return self.wait_for(lambda screen: text in screen, repr(text))

    def mode(self):
        """The flags of the terminal's line discipline."""
        return termios.tcgetattr(self.end_fd)[3]

    def hang_up(self):
        """The terminal goes away."""
        os.close(self.fd)
        self.fd = -1

    def end(self):
        """Waits for the program's end. Its status as of os.waitstatus_to_exitcode."""
        until = time.monotonic() + HANGS_S
        while self.status is None:
            if time.monotonic() > until:
                os.kill(self.pid, signal.SIGKILL)
            if self.is_over() or self.fd < 0:
                while self.fd >= 0 and self.read(0):
                    pass
                self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            else:
                self.read(0.1)
        return self.status

    def close(self):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            self.end()
        if self.fd >= 0:
            os.close(self.fd)
        os.close(self.end_fd)

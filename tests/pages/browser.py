# SPDX-License-Identifier: GPL-2.0-or-later
"""A headless Chromium, spoken to over a pair of pipes by the DevTools protocol: messages of JSON,
each ended by a zero byte. Nothing beside it listens, and its profile is a folder that goes with it."""
import base64
import fcntl
import json
import os
import shutil
import subprocess
import tempfile

NAMES = ("chromium", "chromium-browser", "google-chrome")


def find():
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    def __init__(self, path):
        self.folder = tempfile.TemporaryDirectory(prefix="uw-pages-")
        there_read, there = os.pipe()
        back, back_write = os.pipe()

        def at_3_and_4():
            # Out of the way first: any of them may be 3 or 4.
            read = fcntl.fcntl(there_read, fcntl.F_DUPFD, 10)
            write = fcntl.fcntl(back_write, fcntl.F_DUPFD, 10)
            os.dup2(read, 3)
            os.dup2(write, 4)

        self.process = subprocess.Popen(
            [path, "--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu",
             "--hide-scrollbars", "--disable-background-networking", "--disable-component-update",
             "--no-first-run", "--disable-dev-shm-usage", f"--user-data-dir={self.folder.name}"],
            preexec_fn=at_3_and_4, close_fds=False, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(there_read)
        os.close(back_write)
        self.there, self.back, self.rest, self.last = there, back, b"", 0
        self.events = []

    def close(self):
        self.process.terminate()
        self.process.wait()
        os.close(self.there)
        os.close(self.back)
        self.folder.cleanup()

    def read(self):
        while b"\0" not in self.rest:
            more = os.read(self.back, 1 << 20)
            if not more:
                raise EOFError("chromium ended")
            self.rest += more
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, session=None, **params):
        self.last += 1
        message = {"id": self.last, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self.there, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == self.last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def wait(self, method, session):
        while True:
            for event in self.events:
                if event.get("method") == method and event.get("sessionId") == session:
                    return event["params"]
            self.events.append(self.read())


class Page:
    """One page, with all that it asked for and said."""

    def __init__(self, browser, path, width, dark=False, script=True, media=""):
        self.browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.target = target
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1,
                  mobile=False)
        self.call("Emulation.setEmulatedMedia", media=media,
                  features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.call("Emulation.setScriptExecutionDisabled", value=not script)
        browser.events.clear()
        self.call("Page.navigate", url=f"file://{os.path.abspath(path)}")
        browser.wait("Page.loadEventFired", self.session)

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def close(self):
        self.browser.call("Target.closeTarget", targetId=self.target)

    def value(self, expression):
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def move(self, x, y):
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def requests(self):
        return [e["params"]["request"]["url"] for e in self.mine("Network.requestWillBeSent")]

    def said(self):
        return ([e["params"]["entry"]["text"] for e in self.mine("Log.entryAdded")] +
                [str(e["params"]["args"]) for e in self.mine("Runtime.consoleAPICalled")] +
                [e["params"]["exceptionDetails"]["text"] for e in self.mine("Runtime.exceptionThrown")])

    def mine(self, method):
        return [e for e in self.browser.events
                if e.get("sessionId") == self.session and e.get("method") == method]

    def screenshot(self, path):
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        with open(path, "wb") as out:
            out.write(base64.b64decode(data))

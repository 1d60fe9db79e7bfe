"""A real headless chromium, from a layer of its own: built by apt-get when first used, no part of any lab.

It runs in a mount and a network namespace of its own, so that a page that asks for anything gets nothing, and it is
driven by the DevTools protocol over a pipe (`--remote-debugging-pipe`: one JSON message, one NUL byte).
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.lab import base
from tests.lab.common import CACHE, LabError

PACKAGES = ("chromium", "fonts-dejavu-core")
RUN = Path(__file__).with_name("browser_run.sh")
ARGV = (
    "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
    "--disable-background-networking", "--remote-debugging-pipe", "--user-data-dir=/tmp/profile", "about:blank",
)  # fmt: skip


def layer() -> Path:
    """Return the browser's layer, built if need be. Raises LabError; inside a world there is no network to build it."""
    return base.ensure(name="browser", packages=PACKAGES)


class Browser:
    """One chromium with one page; a context manager. Files below `shown` are seen at /shown."""

    def __init__(self, shown: Path, bound: float = 60):
        self.shown, self.bound = shown, bound
        self.events: list[dict[str, Any]] = []
        self._number, self._rest = 0, b""
        self._session: str | None = None

    def __enter__(self) -> Browser:
        CACHE.mkdir(parents=True, exist_ok=True)
        archive = layer()
        self._folder = Path(tempfile.mkdtemp(prefix="chromium-", dir=CACHE))
        theirs_in, self._to = os.pipe()
        self._from, theirs_out = os.pipe()
        argv = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--propagation", "private"]
        argv += ["bash", str(RUN), str(theirs_in), str(theirs_out), str(self._folder), str(archive), str(self.shown)]
        with open(CACHE / "browser-run.log", "w") as log:
            self._process = subprocess.Popen(
                [*argv, *ARGV], stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(theirs_in, theirs_out)
            )
        os.close(theirs_in)
        os.close(theirs_out)
        try:
            target = self.ask("Target.createTarget", url="about:blank")["targetId"]
            self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Network", "Log"):
                self.ask(f"{domain}.enable")
        except LabError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait(timeout=30)
        os.close(self._to)
        os.close(self._from)
        shutil.rmtree(self._folder, ignore_errors=True)

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one message and return its result; events that come meanwhile are kept. Raises LabError."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        try:
            os.write(self._to, json.dumps(message).encode() + b"\0")
        except BrokenPipeError as error:
            raise LabError(f"chromium has ended, see {CACHE / 'browser-run.log'}") from error
        until = time.monotonic() + self.bound
        while True:
            answer = self._read(until, method)
            if answer.get("id") != self._number:
                self.events.append(answer)
            elif "error" in answer:
                raise LabError(f"chromium refuses {method}: {answer['error']}")
            else:
                result: dict[str, Any] = answer["result"]
                return result

    def open(self, name: str, *, width: int, height: int, scheme: str) -> None:
        """Open a file of the shown folder from disk and wait until it is loaded.

        width, height: of the view, in CSS pixels; scheme: light or dark.
        """
        self.events.clear()
        self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.ask("Page.navigate", url=f"file:///shown/{name}")
        until = time.monotonic() + self.bound
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._read(until, "loading the page"))

    def measure(self, script: str) -> Any:
        """Return the value of a JavaScript expression in the page. Raises LabError if it throws."""
        done = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in done:
            raise LabError(f"{script}: {done['exceptionDetails']}")
        return done["result"].get("value")

    def requests(self) -> list[str]:
        """The addresses that the page asked for since it was opened, itself included."""
        return [e["params"]["request"]["url"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]

    def complaints(self) -> list[dict[str, Any]]:
        """What the console, the log and the page's scripts complained of since it was opened."""
        kinds = ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled")
        return [event["params"] for event in self.events if event.get("method") in kinds]

    def picture(self) -> bytes:
        """The view as a PNG."""
        return base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"])

    def _read(self, until: float, what: str) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._from], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise LabError(f"chromium: no end of {what} within {self.bound:g} s")
            part = os.read(self._from, 1 << 16)
            if not part:
                raise LabError(f"chromium has ended, see {CACHE / 'browser-run.log'}")
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        event: dict[str, Any] = json.loads(message)
        return event

"""A page in a real, headless Chromium, driven by its DevTools protocol over two pipes."""

import base64
import fcntl
import json
import os
import select
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, NAMES)), "")
needs_browser = pytest.mark.skipif(not BROWSER, reason="no Chromium: `apt-get install chromium`")
PATIENCE = 30
KEYS = {"Enter": 13, "Escape": 27, "Tab": 9, " ": 32, "ArrowDown": 40}
SHIFT = 8

# How far a text stands off from what is behind it: WCAG 2.2, success criterion 1.4.3.
CONTRAST = """\
const numbers = color => color.match(/[\\d.]+/g).map(Number);
function ground(element) {  // what is behind a text, its transparent layers mixed
  const layers = [];
  for (let one = element; one; one = one.parentElement) {
    layers.unshift(numbers(one.ownerDocument.defaultView.getComputedStyle(one).backgroundColor));
  }
  return layers.reduce((under, [r, g, b, a = 1]) =>
    [r, g, b].map((value, index) => a * value + (1 - a) * under[index]), [255, 255, 255]);
}
function luminance(color) {
  const [r, g, b] = color.map(value => value / 255)
    .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(element, view) {
  const ink = luminance(numbers(view.getComputedStyle(element).color).slice(0, 3));
  const [low, high] = [ink, luminance(ground(element))].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}
"""
_FAINT = """\
(() => { const texts = [...document.querySelectorAll("body *")].filter(element =>
    element.checkVisibility() && element.getBoundingClientRect().width > 1 &&
    [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim()));
  return texts.filter(element => contrast(element, window) < 4.5).map(one => one.outerHTML);
})()"""


class Browser:
    """One page; ``console`` has what it complained of."""

    def __init__(self, profile: Path) -> None:
        command = [
            BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            "--no-first-run", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank",
        ]  # fmt: skip
        there, self._out = os.pipe()
        self._in, back = os.pipe()
        # Chromium reads its commands from 3 and answers on 4; the pipes may be either of them.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (there, back)]
        nothing = os.open(os.devnull, os.O_WRONLY)
        moves = [(ends[0], 3), (ends[1], 4), (nothing, 1), (nothing, 2)]
        actions = [(os.POSIX_SPAWN_DUP2, one, to) for one, to in moves]
        actions += [(os.POSIX_SPAWN_CLOSE, end) for end in ends]
        self._process = os.posix_spawn(BROWSER, command, os.environ, file_actions=actions)
        for end in (there, back, nothing, *ends):
            os.close(end)
        self._count, self._rest, self.console = 0, b"", []
        self._session = ""
        targets = self.do("Target.getTargets")["targetInfos"]
        target = next(one["targetId"] for one in targets if one["type"] == "page")
        found = self.do("Target.attachToTarget", targetId=target, flatten=True)
        self._session = found["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Accessibility"):
            self.do(f"{domain}.enable")

    def close(self) -> None:
        self._session = ""
        self.do("Browser.close")
        os.waitpid(self._process, 0)
        os.close(self._out)
        os.close(self._in)

    def do(self, method: str, **params: Any) -> dict[str, Any]:
        """Run a command of the protocol."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            told = self._read()
            if told.get("id") == self._count:
                assert "error" not in told, told["error"]
                return told["result"]
            self._note(told)

    def _read(self) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], end - time.monotonic())
            assert ready, "Chromium says nothing"
            chunk = os.read(self._in, 1 << 20)
            assert chunk, "Chromium has ended"
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\0")
        return json.loads(line)

    def _note(self, event: dict[str, Any]) -> None:
        match event.get("method"):
            case "Runtime.exceptionThrown":
                self.console.append(str(event["params"]["exceptionDetails"]))
            case "Log.entryAdded":
                self.console.append(event["params"]["entry"]["text"])
            case "Runtime.consoleAPICalled":
                self.console.append(str(event["params"]["args"]))

    def open(self, url: str, width: int = 1000, height: int = 800, scheme: str = "light") -> None:
        self.size(width, height)
        self.scheme(scheme)
        self._leave("Page.navigate", url=url)

    def reload(self) -> None:
        self._leave("Page.reload")

    def _leave(self, how: str, **params: Any) -> None:
        self.evaluate("window.isOld = true")
        self.do(how, **params)
        self.wait("!window.isOld && document.readyState === 'complete' && document.body")

    def size(self, width: int, height: int = 800) -> None:
        self.do(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip

    def scheme(self, name: str) -> None:
        features = [{"name": "prefers-color-scheme", "value": name}]
        self.do("Emulation.setEmulatedMedia", features=features)

    def evaluate(self, expression: str) -> Any:
        found = self.do(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, expression: str) -> Any:
        """Return what an expression gives as soon as that is true."""
        end = time.monotonic() + PATIENCE
        # An element has no value that could come back.
        asked = f"(found => found instanceof Node || found)({expression})"
        while not (found := self.evaluate(asked)):
            assert time.monotonic() < end, f"{expression}: not within {PATIENCE} s"
            time.sleep(0.02)
        return found

    def type(self, text: str) -> None:
        self.do("Input.insertText", text=text)

    def press(self, key: str, shift: bool = False) -> None:
        facts = {
            "key": key, "code": {" ": "Space"}.get(key, key), "windowsVirtualKeyCode": KEYS[key],
            "modifiers": SHIFT * shift,
        }  # fmt: skip
        text = {"Enter": "\r", " ": " "}.get(key)
        down = {"type": "keyDown", "text": text} if text else {"type": "rawKeyDown"}
        self.do("Input.dispatchKeyEvent", **facts, **down)
        self.do("Input.dispatchKeyEvent", **facts, type="keyUp")

    def text(self, selector: str) -> str:
        return self.evaluate(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def picture(self, path: Path) -> bytes:
        content = base64.b64decode(self.do("Page.captureScreenshot")["data"])
        path.write_bytes(content)
        return content

    def faint(self) -> list[str]:
        """Return the texts that do not stand off from their ground."""
        return self.evaluate(f"(() => {{ {CONTRAST} return {_FAINT} }})()")

    def roles(self) -> list[tuple[str, str]]:
        """Return role and name of what a screen reader finds."""
        nodes = self.do("Accessibility.getFullAXTree")["nodes"]
        return [
            (node["role"]["value"], node.get("name", {}).get("value", ""))
            for node in nodes if not node["ignored"]
        ]  # fmt: skip

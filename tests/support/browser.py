"""Headless Chromium, driven through chromedriver's own protocol: no library is needed.

<https://www.w3.org/TR/webdriver2/>
"""

import json
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request

import servers

ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--disable-dev-shm-usage", "--window-size=1600,1200"]
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Browser:
    """One window with a profile of its own."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="egret-browser-")
        port = servers.free_port()
        self.base = f"http://127.0.0.1:{port}"
        self.driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert servers.wait_until(self._is_ready), "chromedriver did not start"
        options = {"args": [*ARGUMENTS, f"--user-data-dir={self.folder}"]}
        answer = self._call("POST", "/session", {
            "capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}})
        self.base += f"/session/{answer['sessionId']}"

    def _is_ready(self):
        try:
            return self._call("GET", "/status")["ready"]
        except OSError:
            return False

    def _call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"},
                                         method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()[:500]) from None

    def open(self, url, **cookies):
        """Opens a page, with cookies for its site."""
        self._call("POST", "/url", {"url": url})
        for name, value in cookies.items():
            self._call("POST", "/cookie", {"cookie": {"name": name, "value": value}})
        if cookies:
            self._call("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        """What a script returns."""
        return self._call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def find(self, xpath, timeout=30):
        """An element, when it is there."""
        element = self.look(xpath, timeout)
        assert element, f"no {xpath} in: {self.text()}"
        return element

    def look(self, xpath, timeout):
        """An element if it comes in time."""
        def found():
            elements = self._call("POST", "/elements", {"using": "xpath", "value": xpath})
            return elements and elements[0][ELEMENT]
        return servers.wait_until(found, timeout, 0.2)

    def click(self, element, times=1):
        """Clicks on an element, or double-clicks."""
        press = [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}] * times
        move = {"type": "pointerMove", "origin": {ELEMENT: element}, "x": 0, "y": 0}
        self._call("POST", "/actions", {"actions": [
            {"type": "pointer", "id": "mouse", "actions": [move, *press]}]})

    def frame(self, element):
        """Looks into a frame."""
        self._call("POST", "/frame", {"id": {ELEMENT: element}})

    def text(self):
        """What the page shows."""
        return self.run("return document.body.innerText")

    def stop(self):
        """Closes the window and ends all of it."""
        try:
            self._call("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait(20)
            shutil.rmtree(self.folder, ignore_errors=True)

"""pgAdmin 4, run headless and asked over HTTP as its own pages ask it."""

import http.cookiejar
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request

import servers

CACHE = pathlib.Path(os.environ.get("EGRET_CACHE", servers.ROOT / ".cache"))
PYTHON = CACHE / "pgadmin/bin/python"
RUN = pathlib.Path(__file__).parent / "pgadmin_server.py"
ASKED = ("obj", "sql", "stats", "dependency", "dependent")


class PgAdmin:
    """A pgAdmin with files of its own, and one of its users."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="egret-pgadmin-")
        self.port = servers.free_port()
        package = next((CACHE / "pgadmin/lib").glob("python3*/site-packages/pgadmin4"))
        self.log = open(pathlib.Path(self.folder) / "out", "w")
        self.child = subprocess.Popen([PYTHON, RUN, package, self.folder, str(self.port)],
                                      stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                      env=os.environ | {"HOME": self.folder})
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))
        self.headers = {"Content-Type": "application/json"}
        self.transactions = 0
        try:
            assert servers.wait_until(self._log_in, 150, 0.5), "pgAdmin did not start"
        except BaseException:
            self.stop()
            raise

    def _log_in(self):
        try:
            self.call("GET", "/browser/")
        except OSError:
            return False
        _, script = self.call("GET", "/browser/js/utils.js")
        self.headers["X-pgA-CSRFToken"] = re.search(r"csrf_token'\] = '([^']*)'", script)[1]
        return True

    @property
    def session(self):
        """The cookies that make a browser the same user."""
        return {cookie.name: cookie.value for cookie in self.cookies}

    @property
    def url(self):
        """Where a browser finds it."""
        return f"http://127.0.0.1:{self.port}"

    def call(self, method, path, body=None):
        """One request: its status, and the JSON or text of the answer."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, self.headers, method=method)
        try:
            with self.opener.open(request, timeout=50) as answer:
                status, text = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read().decode()
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text

    def good(self, method, path, body=None):
        """The answer to a request that must succeed."""
        status, answer = self.call(method, path, body)
        assert status == 200 and not (isinstance(answer, dict) and answer.get("errormsg")), (path, answer)
        return answer

    def add(self, link):
        """Registers a server and connects to it: its number, and its database's."""
        node = self.good("POST", "/browser/server/obj/1/", {
            "gid": 1, "name": f"server of {link.database}", "host": link.host, "port": link.port,
            "db": link.database, "username": link.user, "connect_now": False,
            "connection_params": [{"name": "sslmode", "keyword": "sslmode", "value": "disable"}]})
        server = node["node"]["_id"]
        answer = self.good("POST", f"/browser/server/connect/1/{server}", {"password": "none"})
        return server, answer["data"]["did"]

    def tool(self, link, server, database):
        """Opens a query tool: its number."""
        tool = self._number()
        self.good("POST", f"/sqleditor/initialize/sqleditor/{tool}/1/{server}/{database}",
                  {"dbname": link.database})
        return tool

    def grid(self, link, server, database, table):
        """Opens a table's data grid: its number."""
        grid = self._number()
        self.good("POST", f"/sqleditor/initialize/viewdata/{grid}/3/table/1/{server}/{database}/{table}",
                  {"dbname": link.database})
        return grid

    def _number(self):
        self.transactions += 1
        return 1000 + self.transactions

    def run(self, tool, sql):
        """What a query tool shows of a statement."""
        self.call("POST", f"/sqleditor/query_tool/start/{tool}", {"sql": sql, "explain_plan": None})
        return self.poll(tool)

    def show(self, grid):
        """The rows of a data grid."""
        self.good("GET", f"/sqleditor/view_data/start/{grid}")
        return self.poll(grid)

    def poll(self, tool):
        """What a query tool or a data grid has got, when it is there."""
        def done():
            _, answer = self.call("GET", f"/sqleditor/poll/{tool}")
            data = answer["data"] | {"error": answer["errormsg"]}
            return data if data.get("status") != "Busy" else None
        return servers.wait_until(done)

    def stop(self):
        """Ends it and removes its files."""
        self.child.terminate()
        self.child.wait(20)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Tree:
    """The object tree of a server, as a person opens it node by node."""

    def __init__(self, pgadmin, server, database):
        self.pgadmin, self.server, self.database = pgadmin, server, database
        # By the labels on the way: {what was asked: (status, answer)}.
        self.seen = {}

    def open(self):
        """Opens all of it."""
        self.node({"_type": "server", "_id": self.server, "label": "server"}, [1], ())
        return self.seen

    def ask(self, trail, what, path):
        status, answer = self.pgadmin.call("GET", path)
        self.seen.setdefault(trail, {})[what] = (status, answer)
        return (answer.get("data") or []) if isinstance(answer, dict) else []

    def node(self, node, parents, trail):
        """An object: its properties and what else its tabs show, then what is below."""
        kind, ids = node["_type"], [*parents, node["_id"]]
        path, trail = "/".join(map(str, ids)), (*trail, str(node["label"]))
        for what in ASKED:
            self.ask(trail, what, f"/browser/{kind}/{what}/{path}")
        for child in self.ask(trail, "children", f"/browser/{kind}/children/{path}"):
            if child["_type"].startswith("coll-"):
                self.collection(child, ids, trail)
            else:
                self.node(child, ids, trail)

    def collection(self, node, parents, trail):
        """A folder of objects of a kind."""
        kind, path = node["_type"].removeprefix("coll-"), "/".join(map(str, parents))
        trail = (*trail, node["label"])
        for what in ("obj", "stats"):
            self.ask(trail, what, f"/browser/{kind}/{what}/{path}/")
        objects = self.ask(trail, "nodes", f"/browser/{kind}/nodes/{path}/")
        if kind == "database":
            objects = [o for o in objects if str(o["_id"]) == str(self.database)]
        # pgAdmin orders them by name alone, and some have the same.
        objects = sorted(objects, key=lambda o: str(o["label"]))
        for child in objects[:self.limit(kind, trail)]:
            self.node(child, parents, trail)

    @staticmethod
    def limit(kind, trail):
        """How many of a folder are opened: all of a person's own, one of what is PostgreSQL's."""
        own = "public" in trail or kind in ("database", "schema", "catalog")
        return 3 if kind == "column" else 20 if own else 1

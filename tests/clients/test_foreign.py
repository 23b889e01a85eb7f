"""Drivers that are not Python's: each is one program that prints `ok NAME` or `not ok NAME: why`.

Their cases appear in unsupported.txt as `suite.js::NAME` and so on.
"""

import os
import pathlib
import subprocess

import gaps
import servers

HERE = pathlib.Path(__file__).parent
CACHE = pathlib.Path(os.environ.get("EGRET_CACHE", servers.ROOT / ".cache"))
JDBC = os.environ.get("PGJDBC_JAR", "/usr/share/java/postgresql.jar")
GOPATH = "/usr/share/gocode"


def results(argv, environment):
    """Runs the program and reads its lines: {case: message or None}."""
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=150)
    cases = {}
    for line in done.stdout.splitlines():
        verdict, _, rest = line.partition(" ")
        if verdict == "ok":
            cases[rest] = None
        elif line.startswith("not ok "):
            name, _, message = line.removeprefix("not ok ").partition(": ")
            cases[name] = message or "failed"
    assert done.returncode == 0 and cases, done.stdout + done.stderr
    return cases


def check(suite, argv, environment):
    """Fails with one line for every case that did not go as expected."""
    wrong = gaps.judge(servers.TARGET, suite, results(argv, environment))
    assert not wrong, "\n" + "\n".join(wrong)


def test_node(link):
    """node-pg, pg-cursor and pg-copy-streams."""
    environment = link.environment | {"NODE_PATH": str(CACHE / "npm/node_modules"), "TZ": "UTC"}
    check("suite.js", ["node", HERE / "suite.js"], environment)


def test_java(link, tmp_path_factory):
    """pgjdbc."""
    classes = tmp_path_factory.getbasetemp() / "classes"
    if not classes.exists():
        subprocess.run(["javac", "-cp", JDBC, "-d", classes, HERE / "Suite.java"], check=True)
    argv = ["java", "-Duser.timezone=UTC", "-cp", f"{JDBC}:{classes}", "Suite"]
    check("Suite.java", argv, link.environment)


def test_go(link, tmp_path_factory):
    """pgx and lib/pq, as Debian packages them."""
    program = tmp_path_factory.getbasetemp() / "suite-go"
    if not program.exists():
        environment = os.environ | {"GO111MODULE": "off", "GOPATH": GOPATH, "GOFLAGS": "",
                                    "GOCACHE": str(CACHE / "go")}
        subprocess.run(["go", "build", "-o", program, HERE / "suite.go"], check=True,
                       env=environment)
    check("suite.go", [program], link.environment | {"TZ": "UTC"})

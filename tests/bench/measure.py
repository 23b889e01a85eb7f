"""What a server's processes cost: CPU and private memory; and what pgbench reports."""

import os
import pathlib
import re
import subprocess
import threading
import time

TICK = os.sysconf("SC_CLK_TCK")


def tree(pid):
    """The process and all that descend from it."""
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        try:
            for task in pathlib.Path(f"/proc/{one}/task").iterdir():
                todo += map(int, (task / "children").read_text().split())
        except OSError:
            continue
    return found


def cpu_seconds(pid):
    """User and system time of the tree, children that have ended included."""
    total = 0
    for one in tree(pid):
        try:
            # The process's own clock, which counts nanoseconds; `stat` counts ticks.
            total += time.clock_gettime(~one << 3 | 2)
            fields = pathlib.Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(fields[n]) for n in (13, 14)) / TICK
    return total


def split_seconds(pid, name):
    """The CPU of a process in two parts: of its threads of that name, also those that have ended,
    and of all others, which must last."""
    total, others = cpu_seconds(pid), 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            if (task / "comm").read_text().strip() != name:
                # Nanoseconds on a processor come first.
                others += int((task / "schedstat").read_text().split()[0]) / 1e9
        except OSError:
            continue
    return total - others, others


def private_kb(pid):
    """Private memory of the tree."""
    total = 0
    for one in tree(pid):
        try:
            text = pathlib.Path(f"/proc/{one}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(kb) for kb in re.findall(r"^Private_\w+: +(\d+) kB", text, re.M))
    return total


def high_water_kb(pid):
    """The most memory a process has had, of what is its own and of files."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmHWM:\s+(\d+) kB", text, re.M)[1])


def watched(argv, environment):
    """Runs a command that succeeds: (seconds, CPU seconds, the most MB of memory it has had)."""
    child = subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, text=True)
    began, peak, said = time.monotonic(), 0, []
    reader = threading.Thread(target=lambda: said.append(child.stderr.read()))
    reader.start()
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            break
        try:
            peak = max(peak, high_water_kb(child.pid))
        except (OSError, TypeError):
            pass  # It has ended meanwhile.
        time.sleep(0.01)
    took = time.monotonic() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    reader.join()
    if child.returncode:
        raise RuntimeError(f"{argv}: {said[0][-2000:]}")
    return took, usage.ru_utime + usage.ru_stime, peak / 1024


class Peak(threading.Thread):
    """Samples private memory until told to stop."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.done, self.kb = pid, threading.Event(), 0

    def run(self):
        """Keeps the highest sample."""
        while not self.done.is_set():
            self.kb = max(self.kb, private_kb(self.pid))
            time.sleep(0.005)

    def stop(self):
        """Ends the sampling; answers the peak."""
        self.done.set()
        self.join()
        return self.kb


def pgbench(program, link, script, *flags, mode="prepared"):
    """Runs pgbench; answers (transactions, seconds they took)."""
    argv = [program, "-n", "-M", mode, "-f", script, *map(str, flags), link.database]
    done = subprocess.run(argv, env=link.environment, capture_output=True, text=True, timeout=600)
    count = re.search(r"actually processed: (\d+)", done.stdout)
    rate = re.search(r"^tps = ([\d.]+)", done.stdout, re.M)
    failed = re.search(r"failed transactions: ([1-9]\d*)", done.stdout)
    if done.returncode or not count or not rate or failed:
        raise RuntimeError(f"pgbench: {done.stdout[-500:]}{done.stderr[-1500:]}")
    return int(count[1]), int(count[1]) / float(rate[1])


def wait_until_idle(pid, timeout=60):
    """Waits until the tree has used next to no CPU for a second."""
    deadline, before = time.monotonic() + timeout, cpu_seconds(pid)
    while time.monotonic() < deadline:
        time.sleep(1)
        now = cpu_seconds(pid)
        if now - before < 0.002:
            return
        before = now
    raise RuntimeError("the server does not come to rest")

"""Two servers measured side by side, in turn, and the table that shows it."""

import argparse
import dataclasses
import os
import statistics
import subprocess
import time

import measure


@dataclasses.dataclass(frozen=True)
class Side:
    """One contestant."""

    name: str
    link: object
    pid: int
    stop: object


@dataclasses.dataclass(frozen=True)
class Result:
    """What one line of the table says: the other's figure, egret's, and in what."""

    theirs: float | None
    ours: float
    unit: str
    # Less is better.
    lower: bool = True
    # The other's CPU for the same work in units of egret's.
    cpu: float | None = None
    digits: int = 1

    @property
    def ratio(self):
        """Above 1: egret is better. Nothing has no ratio: memory may not have grown at all."""
        if self.theirs is None or min(self.theirs, self.ours) <= 0:
            return None
        return self.theirs / self.ours if self.lower else self.ours / self.theirs


def sample(side, body):
    """Runs the body, which answers (how many, in how many seconds); a rate and CPU us for one."""
    before = measure.cpu_seconds(side.pid)
    count, seconds = body(side)
    # A backend's time is counted only when its parent has seen it end.
    time.sleep(0.1)
    return count / seconds, (measure.cpu_seconds(side.pid) - before) * 1e6 / count


def interleaved(sides, rounds, body):
    """The medians of (rate, CPU us) on each side, rounds taken in turn."""
    samples = [[], []]
    for _ in range(rounds):
        for side, kept in zip(sides, samples):
            kept.append(sample(side, body))
    return [tuple(map(statistics.median, zip(*kept))) for kept in samples]


def cpu(sides, rounds, body, unit="us"):
    """Server CPU for one."""
    (_, theirs), (_, ours) = interleaved(sides, rounds, body)
    scale = {"us": 1, "ms": 1000}[unit]
    return Result(theirs / scale, ours / scale, unit)


def rate(sides, rounds, body, unit, scale=1):
    """How many a second, and the ratio of server CPU for one beside it."""
    (theirs, their_cpu), (ours, our_cpu) = interleaved(sides, rounds, body)
    return Result(theirs / scale, ours / scale, unit, False, their_cpu / our_cpu)


def timed(work):
    """The seconds the work takes."""
    started = time.monotonic()
    work()
    return time.monotonic() - started


def options(doc, rounds, seconds):
    """The command line of a bench."""
    return parser(doc, rounds, seconds).parse_args()


def parser(doc, rounds, seconds):
    """The options of every bench."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--seconds", type=int, default=seconds)
    parser.add_argument("--only", default="", help="lines whose name has this word")
    parser.add_argument("--check", action="store_true", help="say whether each target is met")
    return parser


def print_table(bench, lines, chosen):
    """Measures and prints the lines, each (name, how, target, what the target bounds)."""
    print(f"{chosen.rounds} rounds of {chosen.seconds} s, load {os.getloadavg()[0]:.1f}, "
          f"{os.cpu_count()} cores")
    theirs, ours = (side.name for side in bench.sides)
    print(f"{'':42} {theirs:>10} {ours:>10} {'':13} {'ratio':>6} {'CPU':>6}  target")
    for name, how, target, bound in lines:
        if chosen.only not in name:
            continue
        try:
            print(line(name, how(bench), target, bound, chosen.check), flush=True)
        except (RuntimeError, AssertionError, subprocess.SubprocessError) as error:
            print(f"{name:42} failed: {str(error)[:300]}", flush=True)


def line(name, result, target, bound, check):
    """One line; with `check` it says whether the target is met."""
    if result is None:
        return f"{name:42} not measured here"
    good, wanted = judge(result, target, bound)
    verdict = ("  OK" if good else "  below target") if check and wanted else ""
    return (f"{name:42} {shown(result.theirs, result.digits):>10} "
            f"{shown(result.ours, result.digits):>10} {result.unit:13} "
            f"{shown(result.ratio, 2):>6} {shown(result.cpu, 2):>6}  {wanted}{verdict}")


def judge(result, target, bound):
    """Whether a target is met, and what it says: of the ratio, of egret's own figure at least or
    at most, or nothing."""
    if bound == "ratio":
        return (result.ratio or 0) >= target, f">= {target:.2f}"
    if bound == "least":
        return result.ours >= target, f">= {target:g} {result.unit}"
    if bound == "value":
        return result.ours <= target, f"<= {target:g} {result.unit}"
    return True, ""


def shown(figure, digits):
    """A figure, or a dash where there is none."""
    return "-" if figure is None else f"{figure:.{digits}f}"

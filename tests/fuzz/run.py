"""Run the fuzzer over many configurations, and write down what was found.

``python tests/fuzz/run.py 20000`` is the slow lane: about an hour of one core. Its
result is `results.md`, a table invariant x learner of what held, and what was excused.
"""

import argparse
import sys
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

from threadpoolctl import threadpool_limits

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from fuzz.configurations import LEARNERS, draw  # noqa: E402
from fuzz.invariants import INVARIANTS, Case, excuse  # noqa: E402

# Invariants of one configuration, beside the first: each costs a fit or two.
AT_A_TIME = 5


def chosen(number):
    """Return the invariants that are looked at for a configuration, all in turn."""
    first, *others = INVARIANTS
    start = AT_A_TIME * number
    return [first, *(others[(start + i) % len(others)] for i in range(AT_A_TIME))]


def examine(number):
    """Return (invariant, learner, what came out) for one configuration.

    What came out is ``"held"``, ``"excused: why"``, or the failure as text.
    """
    configuration = draw(number)
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        try:
            case = Case(configuration)
        except Exception:  # reported, not hidden: whatever it is, it is a failure
            return configuration, [("fit", traceback.format_exc())]
        collected = []
        for name in chosen(number):
            why = excuse(name, configuration)
            if why is not None:
                collected.append((name, f"excused: {why}"))
                continue
            try:
                INVARIANTS[name](case)
            except Exception:
                collected.append((name, traceback.format_exc()))
            else:
                collected.append((name, "held"))
    return configuration, collected


def tables(counts, excuses):
    """Return the result as Markdown."""
    head = ["invariant", *LEARNERS]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for name in INVARIANTS:
        cells = [
            f"{counts[name, learner, 'held']} / {counts[name, learner, 'excused']} / "
            f"{counts[name, learner, 'failed']}"
            for learner in LEARNERS
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", "| invariant | excused because | times |", "|---|---|---:|"]
    for (name, why), times in sorted(excuses.items()):
        lines.append(f"| {name} | {why} | {times:,} |")
    return "\n".join(lines)


def main():
    """Run, print every failure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("n_configurations", type=int)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    counts, excuses, failed = Counter(), Counter(), []
    began = time.process_time()
    for number in range(options.first, options.first + options.n_configurations):
        configuration, actual = examine(number)
        for name, outcome in actual:
            kind = outcome.partition(":")[0]
            kind = kind if kind in ("held", "excused") else "failed"
            counts[name, configuration.learner, kind] += 1
            if kind == "excused":
                excuses[name, outcome.partition(": ")[2]] += 1
            if kind == "failed":
                failed.append(f"{name}: {configuration}")
                print(f"\n{name}: {configuration}\n{outcome}", flush=True)
    seconds = time.process_time() - began
    text = (
        f"Command: `python tests/fuzz/run.py {' '.join(sys.argv[1:])}`  \n"
        f"{options.n_configurations:,} configurations, {seconds:,.0f} s of CPU; held / "
        f"excused / failed.\n\n{tables(counts, excuses)}\n\n"
        f"{len(failed)} failures.\n"
    )
    text += "".join(f"\n- {line}" for line in failed)
    print(text)
    (HERE / "results.md").write_text(text.rstrip() + "\n", encoding="utf-8")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())

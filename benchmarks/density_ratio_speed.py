"""What do density ratios cost, against peers?

Peers take part where they are installed: ``pip install densratio adapt
tensorflow-cpu``, in an environment of their own. pykliep is on no package index; name
its file in the environment variable PYKLIEP.
"""

import sys

from _common import Figure, cpu_seconds, run, table
from _shift_workloads import (
    OURS,
    D,
    draw_many,
    one_width,
    our_ratio,
    peers,
    pykliep_steps,
    relative_error,
)


def against_peers(options):
    n = 300 if options.quick else options.rows
    X_source, X_target, true = draw_many(n)
    found, versions = peers()
    if versions:
        yield f"Peers: {', '.join(versions)}"
    names = (
        "ULSIF()",
        "KLIEP()",
        "KernelLogisticRatio",
        "DensityRatioSearch (default)",
    )
    seconds, rows = {}, []
    for name in names:
        ratio = our_ratio(OURS[name])
        ratio(X_source[:200], X_target[:200], 0)  # what is loaded on first use
        taken = [cpu_seconds(ratio, X_source, X_target, 0) for _ in range(3)]
        seconds[name] = min(one for one, _ in taken)
        rows.append(
            {
                "method": name,
                "measured": "in full, best of 3",
                "CPU s": Figure(seconds[name], ".3f"),
                "times ours": "",
                "error": f"{relative_error(taken[0][1], true):.3f}",
            }
        )
        print(rows[-1], file=sys.stderr, flush=True)

    def add(name, what, measured, own, ratio=None):
        error = "" if ratio is None else f"{relative_error(ratio, true):.3f}"
        rows.append(
            {
                "method": name,
                "measured": what,
                "CPU s": Figure(measured, ".3f"),
                "times ours": f"{measured / seconds[own]:,.0f} x {own}",
                "error": error,
            }
        )
        print(rows[-1], file=sys.stderr, flush=True)

    for name, ratio in one_width().items():
        ratio(X_source[:200], X_target[:200], 0)
        once = cpu_seconds(ratio, X_source, X_target, 0)[0]
        add(name, "one width of nine, times nine", 9 * once, "ULSIF()")
    for name in ("densratio KLIEP", "ADAPT KLIEP, one sigma"):
        if name in found:
            found[name](X_source[:200], X_target[:200], 0)
            taken = cpu_seconds(found[name], X_source, X_target, 0)
            add(name, "in full, once", taken[0], "KLIEP()", taken[1])
    if "pykliep" in found:
        steps = (20, 60)
        few, more = (
            cpu_seconds(pykliep_steps(k), X_source, X_target, 0)[0] for k in steps
        )
        whole = few + (more - few) / (steps[1] - steps[0]) * (5000 - steps[0])
        add("pykliep", "20 and 60 of its 5,000 steps, extended", whole, "KLIEP()")
    if "densratio KLIEP" in found:
        larger = 10 * n
        X_source, X_target, true = draw_many(larger)
        own = cpu_seconds(our_ratio(OURS["KLIEP()"]), X_source, X_target, 0)
        seconds["KLIEP() on as many"] = own[0]
        taken = cpu_seconds(found["densratio KLIEP"], X_source, X_target, 0)
        what = f"in full, once, {larger:,} rows"
        add("densratio KLIEP", what, taken[0], "KLIEP() on as many", taken[1])
    yield (
        f"{n:,} + {n:,} rows, {D} features: learn the ratio, with the whole selection "
        "of parameters, and return it for the source."
    )
    yield table(rows)


def arguments(parser):
    parser.add_argument("--rows", type=int, default=10_000)


def measure(options):
    yield from against_peers(options)


if __name__ == "__main__":
    run(measure, __doc__, "density_ratio_speed", arguments)

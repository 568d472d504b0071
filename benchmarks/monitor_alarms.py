"""False alarms and delays of WeightMonitor, against a test of single batches.

Streams of 60 batches come to a fitted and calibrated classifier: logistic regression
with balanced weights, calibrated by a sigmoid. A model and its reference of 4,000 rows
are drawn anew for every stream, so that their noise is part of what is measured.

Three rules look at the same batches:

- `WeightMonitor.update`, after every batch, over all batches so far;
- the test of single batches that WeightMonitor had before: each batch by itself, all
  figures at alpha over their number (Bonferroni), curve by three moments. Its alpha is
  lowered until it, too, rings in at most alpha of the quiet streams;
- probcal's CalibrationMonitor, an e-process for probabilities that are calibrated, if
  that package is installed.

In the other streams something changes with batch 11. The delay is 1 if the batch with
which the change begins rings; streams that ring before are left out.
"""

import warnings
from functools import partial

import numpy as np
from _common import Figure, run, table
from joblib import Parallel, delayed
from scipy import optimize, special, stats
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from skweight import WeightedClassifier, WeightMonitor
from skweight.monitoring._figures import Predictions
from skweight.monitoring._moments import Comparison

N_ROWS = 4000
N_BATCHES = 60
ONSET = 11
ALPHAS = (0.05, 0.01)
SIZES = (100, 300, 500, 1000)
SIZE = 300  # of the tables that have one size, and of the streams that probcal sees
COEFFICIENTS = np.array([1.2, 0.8, -0.5, 0.0, 0.0])
LENGTH = np.linalg.norm(COEFFICIENTS)


# -- streams -----------------------------------------------------------------------


def _mean_probability(intercept, slope=1.0):
    """Return the prevalence where the log odds are normal, by quadrature."""
    at, weight = np.polynomial.hermite_e.hermegauss(60)
    return float(
        special.expit(intercept + slope * LENGTH * at) @ weight / np.sqrt(2 * np.pi)
    )


def _intercept(prevalence, slope=1.0):
    return optimize.brentq(lambda a: _mean_probability(a, slope) - prevalence, -20, 20)


INTERCEPT = _intercept(0.1)


def rows(n, rng, *, intercept=INTERCEPT, slope=1.0, shift=0.0):
    """Draw rows; the shift is of the score, in standard deviations, after the label."""
    X = rng.normal(size=(n, COEFFICIENTS.size))
    logit = intercept + slope * (X @ COEFFICIENTS)
    y = (rng.random(n) < special.expit(logit)).astype(int)
    return X + shift * COEFFICIENTS / LENGTH, y


def more_frequent(n, rng, *, factor):
    """Draw rows of which the class is more frequent, and looks as before."""
    X, y = rows(4 * n, rng)
    n_positive = rng.binomial(n, 0.1 * factor)
    positive, negative = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    chosen = np.concatenate([positive[:n_positive], negative[: n - n_positive]])
    return X[chosen], y[chosen]


CHANGES = {
    "prevalence x 1.5": partial(more_frequent, factor=1.5),
    "score shift .5 sd": partial(rows, shift=0.5),
    "calibration slope .7": partial(rows, slope=0.7, intercept=_intercept(0.1, 0.7)),
}


def logistic():
    return WeightedClassifier(
        LogisticRegression(), calibration="sigmoid", random_state=0, ensemble="auto"
    )


def boosting():
    trees = HistGradientBoostingClassifier(max_iter=30, random_state=0)
    return WeightedClassifier(trees, weighting=None, calibration=None)


def fitted_monitor(make, how, rng, **population):
    """Return a monitor of a new model; `how` says where its reference is from."""
    if how == "folds":
        monitor = WeightMonitor(make(), random_state=0)
        return monitor.fit(*rows(N_ROWS, rng, **population))
    model = make().fit(*rows(N_ROWS, rng, **population))
    monitor = WeightMonitor(FrozenEstimator(model))
    return monitor.fit(*rows(N_ROWS, rng, **population))


# -- the rules -------------------------------------------------------------------------


def sums_of_batches(monitor, batches):
    """Return the sums of each batch, and its labels and probabilities.

    What `update` does with a batch before its tests; here for all batches at once.
    """
    X = np.concatenate([X for X, _ in batches])
    seen = Predictions.of(monitor.estimator_, X, monitor.classes_)
    ends = np.cumsum([len(y) for _, y in batches])
    collected = []
    for end, (_, y) in zip(ends, batches, strict=True):
        part = Predictions(
            *(field if field is None else field[end - len(y) : end] for field in seen)
        )
        weight = np.ones(len(y))
        sums = [
            monitor._figures.sums_without_labels(part, weight),
            monitor._figures.sums_with_labels(part, y, weight),
        ]
        collected.append((sums, y, part.proba[:, 1]))
    return collected


def single_batch_p(monitor, seen):
    """Return the p-value of each batch by itself, times the number of figures."""
    p = []
    for position, stream in enumerate(monitor._streams):
        batches = np.array([sums[position] for sums, _, _ in seen])
        scales = monitor._scales(stream.names) | {"inflation": 1.0}
        comparison = Comparison(monitor._reference[position], batches, **scales)
        excess = np.maximum(np.abs(comparison.difference) - comparison.slack, 0)
        z = np.sign(comparison.difference) * excess / comparison.scale
        curve = stats.pearson3(comparison.skewness)
        heavy = comparison.kurtosis > 1.5 * comparison.skewness**2 + 1
        unknown = heavy | (np.abs(comparison.skewness) > 2) | np.isnan(z)
        tail = np.minimum(curve.sf(z), curve.cdf(z))
        p.append(np.where(unknown, 1.0, np.minimum(2 * tail, 1.0)))
    p = np.concatenate(p, axis=1)
    return p.shape[1] * p.min(axis=1)


def p_values(monitor, batches, peer=None):
    """Return what the rules say after each batch: rows of (new, single, peer), onsets.

    The p-value of the new rule is valid at any time and never rises, that of a single
    batch is its own, and the peer's is valid at any time.
    """
    seen = sums_of_batches(monitor, batches)
    measured, onsets = [], []
    for t, (sums, y, p) in enumerate(seen, start=1):
        monitor._look(sums, [len(y), len(y)], t)
        both = np.concatenate([stream.p_value for stream in monitor._streams])
        names = [name for stream in monitor._streams for name in stream.onset]
        other = np.nan if peer is None else peer.update(y, p).p_anytime
        measured.append((both.min(), other))
        onsets.append(names[np.argmin(both)])
    new, other = np.array(measured).T
    return np.column_stack([new, single_batch_p(monitor, seen), other]), onsets


def new_peer(options):
    if options.quick:
        return None
    try:
        from probcal.monitor import CalibrationMonitor
    except ImportError:
        return None
    return CalibrationMonitor(plug_in_window=10)


# -- tables ------------------------------------------------------------------------


def in_parallel(options, function, n, *args):
    """Return what a function of a seed returns for the seeds 0 to n - 1."""
    jobs = Parallel(n_jobs=options.jobs)
    return jobs(delayed(function)(options, seed, *args) for seed in range(n))


def quiet_stream(options, seed, make, how, size, n_with_peer, population):
    """Return the smallest p-values of a quiet stream: new, single batches, peer."""
    rng = np.random.default_rng([seed, size])
    monitor = fitted_monitor(make, how, rng, **population)
    n_batches = 3 if options.quick else N_BATCHES
    batches = [rows(size, rng, **population) for _ in range(n_batches)]
    peer = new_peer(options) if seed < n_with_peer else None
    return p_values(monitor, batches, peer)[0].min(axis=0)


def changed_stream(options, seed, how, size, change, n_with_peer):
    """Return the p-values and onsets of a stream in which something changes."""
    rng = np.random.default_rng([seed, size, 1])
    monitor = fitted_monitor(logistic, how, rng)
    n_batches = ONSET + 2 if options.quick else N_BATCHES
    batches = [
        rows(size, rng) if t < ONSET else CHANGES[change](size, rng)
        for t in range(1, n_batches + 1)
    ]
    return p_values(monitor, batches, new_peer(options) if seed < n_with_peer else None)


def distance_of_reference(options, seed, make, how):
    """Return how far each figure of a model is from its reference, in its errors."""
    rng = np.random.default_rng([seed, 2])
    monitor = fitted_monitor(make, how, rng)
    X, y = rows(1000 if options.quick else 50_000, rng)
    [(sums, _, _)] = sums_of_batches(monitor, [(X, y)])
    by_name = {}
    for stream, reference, batch in zip(
        monitor._streams, monitor._reference, sums, strict=True
    ):
        scales = monitor._scales(stream.names) | {"inflation": 1.0}
        compared = Comparison(reference, batch, **scales)
        z = compared.difference / compared.scale
        by_name |= {
            f"{name.figure} {name.of}": value
            for name, value in zip(stream.names, z, strict=True)
        }
    return by_name


def lowered(single, alpha):
    """Return the alpha of the single-batch test that rings in at most alpha of all."""
    ordered = np.sort(single)
    return float(np.nextafter(ordered[int(alpha * ordered.size)], 0))


def delays(streams, levels):
    """Return the delays of the rules at the levels, and the errors of the onset."""
    measured = {key: [] for key in [*levels, *((a, "onset") for a in ALPHAS)]}
    for p, onsets in streams:
        for (alpha, rule), level in levels.items():
            column = p[:, ("new", "single", "peer").index(rule)]
            if np.isnan(column).any():
                continue
            rang = np.flatnonzero(column <= level)
            first = rang[0] + 1 if rang.size else N_BATCHES + 1
            if first < ONSET:
                continue
            measured[alpha, rule].append(first - ONSET + 1)
            if rule == "new" and rang.size:
                measured[alpha, "onset"].append(onsets[rang[0]] - ONSET)
    return measured


def measure(options):
    warnings.filterwarnings("ignore", module="probcal")
    n_quiet = 8 if options.quick else options.streams
    n_changed = 3 if options.quick else options.changed
    n_peer = 0 if options.quick else options.peers
    sizes = SIZES[:1] if options.quick else SIZES
    quiet, levels = [], {}
    for size in sizes:
        arguments = logistic, "set aside", size, n_peer if size == SIZE else 0, {}
        p = np.array(in_parallel(options, quiet_stream, n_quiet, *arguments))
        quiet += _rates("logistic, set aside", size, p)
        levels[size] = {
            (alpha, rule): alpha if rule != "single" else lowered(p[:, 1], alpha)
            for alpha in ALPHAS
            for rule in ("new", "single", "peer")
        }
    rare = {"intercept": _intercept(0.02)}
    for name, make, how, population, share in [
        ("logistic, folds", logistic, "folds", {}, 1),
        ("logistic, 2 % positive, set aside", logistic, "set aside", rare, 1),
        ("boosting, folds", boosting, "folds", {}, 4),
    ]:
        arguments = make, how, SIZE, 0, population
        n = max(n_quiet // share, 2)
        p = np.array(in_parallel(options, quiet_stream, n, *arguments))
        quiet += _rates(name, SIZE, p)
    yield "## Quiet streams: share that ever rings in 60 batches\n\n" + table(quiet)

    collected = []
    for change in CHANGES:
        for size in sizes:
            arguments = "set aside", size, change, n_peer if size == SIZE else 0
            streams = in_parallel(options, changed_stream, n_changed, *arguments)
            all_delays = delays(streams, levels[size])
            collected += [_delay(change, size, alpha, all_delays) for alpha in ALPHAS]
    yield (
        f"## Delay in batches, the change begins with batch {ONSET}\n\n"
        + table(collected)
    )
    yield (
        "## The alpha of the single-batch test that was used above\n\n"
        + table([_lowered(size, levels[size]) for size in sizes])
    )
    yield from _references(options, max(n_changed // 2, 2))


def _references(options, n):
    collected = []
    for name, make, how in [
        ("logistic, set aside", logistic, "set aside"),
        ("logistic, folds", logistic, "folds"),
        ("boosting, folds", boosting, "folds"),
    ]:
        distances = in_parallel(options, distance_of_reference, n, make, how)
        row = {"model and reference": name}
        for figure in distances[0]:
            z = np.array([distance[figure] for distance in distances])
            row[figure] = f"{z.mean():+.1f}, {np.mean(z**2):.2f}"
        collected.append(row)
    yield (
        f"## Figures of {n} models on new rows minus their reference, in standard "
        "errors: mean, mean square\n\n" + table(collected)
    )


def _rates(name, size, p):
    for alpha in ALPHAS:
        yield {
            "model and reference": name,
            "rows": size,
            "alpha": Figure(alpha, "g"),
            "WeightMonitor": _share(p[:, 0] <= alpha),
            "single batches": _share(p[:, 1] <= alpha),
            "probcal": _share(p[~np.isnan(p[:, 2]), 2] <= alpha),
            "streams": len(p),
        }


def _share(rang):
    if not rang.size:
        return "-"
    share = rang.mean()
    return str(Figure(share, ".3f", np.sqrt(share * (1 - share) / rang.size)))


def _delay(change, size, alpha, found):
    new, single, peer = (found[alpha, rule] for rule in ("new", "single", "peer"))
    errors = np.abs(found[alpha, "onset"])
    return {
        "change": change,
        "rows": size,
        "alpha": Figure(alpha, "g"),
        "WeightMonitor": _median(new),
        "single batches, lowered": _median(single),
        "ratio": Figure(np.median(new) / np.median(single), ".2f") if new else "-",
        "probcal": _median(peer),
        "onset within 2": f"{np.mean(errors <= 2):.0%}" if errors.size else "-",
        "streams": len(new),
    }


def _lowered(size, levels):
    return {"rows": size} | {
        f"alpha {alpha:g}": Figure(levels[alpha, "single"], ".2g") for alpha in ALPHAS
    }


def _median(values):
    """Return a median as text; beyond the stream it is not known."""
    if not values:
        return "-"
    median = np.median(values)
    return f"{median:g}" if median <= N_BATCHES - ONSET + 1 else "> 50"


def arguments(parser):
    parser.add_argument("--streams", type=int, default=400, help="quiet streams")
    parser.add_argument("--changed", type=int, default=100, help="streams of a change")
    parser.add_argument("--peers", type=int, default=60, help="of both for probcal")
    parser.add_argument("--jobs", type=int, default=1, help="streams at a time")


if __name__ == "__main__":
    run(measure, __doc__, "monitor_alarms", arguments)

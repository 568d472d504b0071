"""Choose among density-ratio estimators by their score on held-out rows."""

import warnings
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import KFold

from skweight._utils.progress import Progress
from skweight._utils.validation import check_choice, check_number
from skweight.density_ratio._base import (
    LARGEST_MEAN,
    SCORES,
    BaseDensityRatio,
    score_rows,
)
from skweight.density_ratio._classifier import ClassifierRatio, linear_classifier
from skweight.density_ratio._kernels import subsample
from skweight.density_ratio._kliep import KLIEP
from skweight.density_ratio._logistic import KernelLogisticRatio
from skweight.density_ratio._tables import Sample, numbers, take_rows
from skweight.density_ratio._ulsif import ULSIF
from skweight.exceptions import DegenerateWeightsWarning, OverlapWarning

# If the paired difference between the best candidate and the runner-up is below this
# number of standard errors, both count as equally good.
_STANDARD_ERRORS = 2.0

# Logarithms of ratios are averaged within these bounds, because the logarithm of zero
# is infinite.
_BOUNDS = (1e-3, 1e3)


class DensityRatioSearch(BaseDensityRatio):
    r"""Choose the density-ratio estimator with the best score on held-out rows.

    This search is the default of the library, because no method is always the best. For
    example, if the log ratio is linear, a logistic ratio is the best method. If the log
    ratio is not linear, a logistic ratio can be worse than no weighting. The search
    fits each candidate on folds of source and target, and scores it on the held-out
    rows. Then it fits the best candidate on all rows. If the paired difference between
    the best candidate and the runner-up is within two standard errors, the two
    candidates are averaged,

    .. math:: w(x) = \sqrt{w_1(x)\, w_2(x)},

    The average of two good estimators is more accurate than either estimator alone. The
    mean ratio over held-out source rows should be 1. If this mean is above 2, some
    ratios are far too large. The log loss does not show these ratios, because a single
    row hardly changes it. Therefore a candidate whose mean ratio is above 2 comes last
    and is not averaged.

    Parameters
    ----------
    candidates : dict, default=None
        Estimators with the methods `fit` and `ratio`, by name. None means the default
        candidates. For a numeric table, the default candidates are a logistic ratio,
        :class:`KernelLogisticRatio`, :class:`ULSIF` (relative, mapped back),
        :class:`KLIEP`, and :class:`ClassifierRatio` with calibrated boosted trees. For
        a sparse table, they are a logistic regression, relative uLSIF and KLIEP. For a
        table with categories or missing values, they are boosted trees and a logistic
        regression.
    scoring : {"log_loss", "ukl", "lsif"}, default="log_loss"
        Score of the held-out rows, see :meth:`score`. The log loss grows slowly with
        the ratio. Therefore a single row cannot decide the choice.
    cv : int, default=3
        Number of folds, at least 2. With more folds, the fits are more similar to the
        final fit. Each additional fold takes one more fit of every candidate.
    average : bool, default=True
        Whether the best candidate is averaged with a runner-up that is equally good.
    max_selection_rows : int, default=2500
        Largest number of rows of each sample for the choice of the candidate; at least
        10. More rows help to distinguish similar candidates. The final fit uses as many
        rows as its estimator allows.
    n_jobs : int or None, default=None
        Number of fits to run in parallel.
    verbose : int, default=0
        Whether to print a line to standard error after each candidate and after each
        final fit. The line shows the name, the number of the fit, and the seconds.
    random_state : int, RandomState instance or None, default=None
        Seed of the folds, and of each candidate that has no seed.

    Attributes
    ----------
    best_name_ : str
        Name of the best candidate.
    estimators_ : dict
        The fitted estimators: the best candidate, and also the runner-up if the two are
        averaged.
    reason_ : str
        The choice and its reason, as a sentence.
    cv_results_ : dict of ndarray
        The keys are ``"candidate"``, ``"mean_test_score"``, ``"standard_error"`` and
        ``"rank_test_score"``. A greater score is better. The standard error belongs to
        the difference between a candidate and the best candidate. In the ranking,
        candidates with a mean ratio above 2 come last.
    report_ : RatioReport
        Diagnostics of the ratio for source and target.
    n_features_in_ : int
        Number of features.

    Raises
    ------
    ValueError
        If the two tables do not match, or no candidate can be fitted.

    See Also
    --------
    skweight.DensityRatioWeighting : Uses this search as a weighting strategy.

    Notes
    -----
    The cost is ``cv`` fits of every candidate on at most ``max_selection_rows`` rows,
    and one or two final fits. Width and ridge are chosen once, on all of these rows.
    The scores of a classifier are calibrated once, over all folds. With the default
    candidates, the time is proportional to the number of rows.

    References
    ----------
    .. [1] M. Sugiyama, T. Suzuki, T. Kanamori, Density Ratio Estimation in Machine
       Learning, Cambridge University Press, 2012, chapters 3 to 6.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight.density_ratio import DensityRatioSearch
    >>> rng = np.random.default_rng(0)
    >>> X_source, X_target = rng.normal(size=(300, 2)), rng.normal(0.5, size=(300, 2))
    >>> search = DensityRatioSearch(random_state=0).fit(X_source, X_target)
    >>> true = np.exp(0.5 * X_source.sum(axis=1) - 0.25)
    >>> float(np.corrcoef(true, search.ratio(X_source))[0, 1]) > 0.95
    True
    """

    _numeric = False
    _one_thread = ()

    def __init__(
        self,
        candidates=None,
        *,
        scoring="log_loss",
        cv=3,
        average=True,
        max_selection_rows=2500,
        n_jobs=None,
        verbose=0,
        random_state=None,
    ):
        self.candidates = candidates
        self.scoring = scoring
        self.cv = cv
        self.average = average
        self.max_selection_rows = max_selection_rows
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def _fit(self, source, target, rng):
        check_choice(self.scoring, SCORES, name="scoring")
        check_number(self.cv, name="cv", low=2)
        check_number(self.max_selection_rows, name="max_selection_rows", low=10)
        source, target, candidates = self._candidates(source, target, rng)
        rows, fits = self._held_out_scores(source, target, candidates, rng)
        names = list(rows)
        scores = {name: _mean(*rows[name]) for name in names}
        # A candidate whose result is not a ratio comes last and is not averaged.
        exploded = {
            name: fits[name].mean for name in names if fits[name].mean > LARGEST_MEAN
        }
        order = sorted(names, key=lambda name: (name in exploded, -scores[name]))
        best = order[0]
        errors = {name: _standard_error(rows[best], rows[name]) for name in names}
        chosen = [best]
        if self.average and len(order) > 1 and order[1] not in exploded:
            second = order[1]
            if scores[best] - scores[second] <= _STANDARD_ERRORS * errors[second]:
                chosen.append(second)
        self.best_name_ = best
        self.cv_results_ = {
            "candidate": np.array(names),
            "mean_test_score": np.array([scores[name] for name in names]),
            "standard_error": np.array([errors[name] for name in names]),
            "rank_test_score": np.array([order.index(name) + 1 for name in names]),
        }
        self.reason_ = self._reason(order, scores, errors, chosen, exploded)
        self.estimators_, ratios = {}, []
        progress = Progress(self, self.verbose)
        progress.begin(sum(fits[name].ratio is None for name in chosen))
        for name in chosen:
            fit = fits[name]
            if fit.ratio is None:
                with _quietly():
                    fit = progress.call(
                        f"{name}, all rows", _fit_all, fit, source, target
                    )
            ratios.append(fit.ratio)
            self.estimators_[name] = fit.estimator
        return _average(ratios)

    def _ratio(self, X):
        if self._as_numbers:
            X = numbers(X, owner=type(self).__name__, name="X")
        return _average([one.ratio(X) for one in self.estimators_.values()])

    def _candidates(self, source, target, rng):
        """Return the samples, in the form that candidates need, and the candidates."""
        numeric = True
        try:
            tables = [
                numbers(one.X, owner=type(self).__name__, name="X")
                for one in (source, target)
            ]
        except ValueError:
            numeric = False
        self._as_numbers = numeric and self.candidates is None
        if self._as_numbers:
            # The tables are converted once for all fits instead of once in each fit.
            source, target = (
                Sample(X, one.share)
                for X, one in zip(tables, (source, target), strict=True)
            )
        candidates = self.candidates
        if candidates is None:
            candidates = default_candidates(source.X, numeric=numeric)
        if not hasattr(candidates, "items") or not candidates:
            raise TypeError(
                "candidates must be a dict {name: estimator} with at least one entry; "
                f"got {candidates!r}."
            )
        prepared = {}
        for name, estimator in candidates.items():
            estimator = clone(estimator)
            if getattr(estimator, "random_state", 0) is None:
                estimator.set_params(random_state=rng.randint(2**31 - 1))
            prepared[name] = estimator
        return source, target, prepared

    def _held_out_scores(self, source, target, candidates, rng):
        """Return, for each candidate, the scores and shares of the held-out rows.

        The candidates are compared on these rows. The result also holds the fits of
        candidates on all of these rows.
        """
        samples = [
            subsample(one, self.max_selection_rows, rng) for one in (source, target)
        ]
        folds = KFold(
            min(self.cv, *(one.n for one in samples)),
            shuffle=True,
            random_state=rng.randint(2**31 - 1),
        )
        splits = list(
            zip(*(folds.split(np.empty(one.n)) for one in samples), strict=True)
        )
        progress = Progress(self, self.verbose)
        progress.begin(len(candidates))
        results = progress.run(
            _held_out_ratios,
            [(estimator, *samples, splits) for estimator in candidates.values()],
            [f"{name}, {len(splits)} folds" for name in candidates],
            n_jobs=self.n_jobs,
        )
        everything = samples[0] is source and samples[1] is target
        shares = [one.shares() for one in samples]
        rows, fits, problems = {}, {}, {}
        for name, result in zip(candidates, results, strict=True):
            if isinstance(result, str):
                problems[name] = result
                continue
            *ratios, fit = result
            rows[name] = (score_rows(*ratios, self.scoring), shares)
            fit = fit._replace(mean=float(ratios[0] @ shares[0]))
            fits[name] = fit if everything else fit._replace(ratio=None)
        if not rows:
            raise ValueError(
                "No candidate could be fitted. "
                + " ".join(f"{name}: {text}" for name, text in problems.items())
            )
        return rows, fits

    def _reason(self, order, scores, errors, chosen, exploded):
        others = [
            f"{name} {scores[name] - scores[order[0]]:+.4f} (s.e. {errors[name]:.4f})"
            for name in order[1:]
        ]
        text = (
            f"{order[0]} has the best held-out {self.scoring} score, "
            f"{scores[order[0]]:.4f}"
        )
        if others:
            text += f", against {', '.join(others)}"
        if len(chosen) > 1:
            text += f"; {chosen[1]} is equally good and is averaged with it"
        if exploded:
            means = " and ".join(f"{name} ({exploded[name]:.3g})" for name in exploded)
            text += (
                "; ranked last, because the mean ratio over held-out rows of the "
                f"source should be 1: {means}"
            )
        return text + "."


def default_candidates(X, *, numeric):
    """Return the default candidates for a numeric, a sparse or a mixed table."""
    if not numeric:
        return {
            "boosting": ClassifierRatio(cv=3, max_fit_rows=50_000),
            "logistic": ClassifierRatio(linear_classifier(X), cv=3),
        }
    smooth = {"relative uLSIF": ULSIF(0.2, back_transform=True), "KLIEP": KLIEP()}
    if sparse.issparse(X):
        return {"logistic": ClassifierRatio(linear_classifier(X), cv=3), **smooth}
    return {
        "logistic": KernelLogisticRatio(n_centers=0),
        "kernel logistic": KernelLogisticRatio(),
        **smooth,
        "boosting": ClassifierRatio(cv=3, max_fit_rows=50_000),
    }


class _Fit(NamedTuple):
    """An estimator, and its ratios of all source rows (None before the final fit).

    If an estimator has already chosen its parameters, the final fit uses these
    parameters. ``mean`` is the mean of the ratio over held-out source rows.
    """

    estimator: object
    has_chosen: bool
    ratio: np.ndarray | None
    mean: float = np.nan


def _fit_ratio(estimator, source, target):
    return estimator.fit_ratio(source.X, target.X, source.share, target.share)


def _fit_all(fit, source, target):
    """Return the estimator after a fit on all rows, and its ratios."""
    if not fit.has_chosen:
        return fit._replace(ratio=_fit_ratio(fit.estimator, source, target))
    fitted = fit.estimator._refitted(source, target)
    ratio = fitted.ratio(source.X)
    fitted._report(ratio, source, source)
    return fit._replace(estimator=fitted, ratio=ratio)


def _held_out_ratios(estimator, source, target, splits):
    """Return the ratios of the held-out rows of both samples, or the error of the fit.

    If the estimator chooses width and ridge, its fit on all rows is returned too. Width
    and ridge are chosen in this fit and used in all folds.
    """
    try:
        with _quietly():
            if isinstance(estimator, ClassifierRatio):
                ratios = estimator._held_out_ratios(source, target, splits)
                return *ratios, _Fit(estimator, False, None)
            chooses = getattr(estimator, "_refit", None) is not None
            ratio = _fit_ratio(estimator, source, target) if chooses else None
            fit = _Fit(estimator, chooses, ratio)
            at = np.empty(source.n), np.empty(target.n)
            for (train, test), (more, rest) in splits:
                samples = source.take(train), target.take(more)
                if chooses:
                    part = estimator._refitted(*samples)
                else:
                    part = clone(estimator)
                    _fit_ratio(part, *samples)
                at[0][test] = part.ratio(take_rows(source.X, test))
                at[1][rest] = part.ratio(take_rows(target.X, rest))
            return *at, fit
    except ValueError as error:
        return str(error)


@contextmanager
def _quietly():
    """Suppress warnings of candidates about ratios that are not final."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OverlapWarning)
        warnings.simplefilter("ignore", DegenerateWeightsWarning)
        yield


def _average(ratios):
    """Return the geometric mean of ratios."""
    if len(ratios) == 1:
        return ratios[0]
    logs = [np.log(np.clip(ratio, *_BOUNDS)) for ratio in ratios]
    return np.exp(np.mean(logs, axis=0))


def _mean(values, shares):
    return sum(
        float(value @ share / share.sum())
        for value, share in zip(values, shares, strict=True)
    )


def _standard_error(first, second):
    """Return the standard error of the difference between two mean scores."""
    variance = 0.0
    for a, b, share in zip(first[0], second[0], first[1], strict=True):
        share = share / share.sum()
        difference = a - b
        centred = difference - share @ difference
        variance += float(share**2 @ centred**2)
    return float(np.sqrt(variance))

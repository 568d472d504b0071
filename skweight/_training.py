"""The first half of the way of the data: from rows and weights to a fitted estimator.

Weigh the rows by role, stabilize, set the mean to one, deliver. One object knows that
way, for the whole training set and for the training rows of every fold, so that a fold
model differs from the final one by its rows alone. Nothing here needs class labels
unless the strategy does.
"""

import warnings

import numpy as np
from sklearn.base import clone

from skweight._deliver_one import take_rows
from skweight._roles import RoleWeights, multiply, without_rounding_noise
from skweight._validation import check_weights, n_rows
from skweight.delivery import deliver
from skweight.exceptions import DoubleStabilizingWarning
from skweight.stabilizers import resolve_stabilizer


class Training:
    """How an estimator is fitted with weights: on all rows, or on those of a fold.

    Parameters
    ----------
    estimator : estimator
        What to fit; cloned for every fit, never changed.
    weighting : weighting or None, default=None
        The strategy; None weighs by `sample_weight` alone.
    stabilizer : object, default=None
        What ``stabilizer=`` takes.
    normalize : bool, default=False
        Whether weights are delivered with mean one over the rows that count.
    unsupported, random_state
        As in :func:`~skweight.delivery.deliver`.

    Attributes
    ----------
    weighting_ : weighting or None
        The fitted strategy, after `weigh`.
    raw : RoleWeights
        Weights of the rows before the stabilizer, apart by role.
    by_role : RoleWeights
        Weights of the rows, apart by role; None stands for ones.
    weights : ndarray of shape (n_samples,) or None
        Their product, on the scale of the strategy.
    fit_params : dict
        Further arguments of the estimator's `fit`.
    """

    def __init__(
        self,
        estimator,
        *,
        weighting=None,
        stabilizer=None,
        normalize=False,
        unsupported="raise",
        random_state=None,
    ):
        self.estimator = estimator
        self.weighting = weighting
        self.stabilizer = stabilizer
        self.normalize = normalize
        self.unsupported = unsupported
        self.random_state = random_state
        self.weighting_ = None
        self.raw = self.by_role = RoleWeights(None, None)
        self.weights = None
        self.fit_params = {}

    def weigh(self, X, y, sample_weight=None, metadata=None, emphasis=None):
        """Learn how much every row counts, apart by role, and keep it sane.

        X still has the columns that only the strategy may see. `emphasis` is what
        somebody around the estimator has laid on the rows before.
        """
        sample_weight = self._check_sample_weight(sample_weight, X)
        by_role = RoleWeights(sample_weight, None)
        if self.weighting is not None:
            self.weighting_ = clone(self.weighting)
            if self.stabilizer is not None:
                _stabilize_once(self.weighting_)
            learned = self.weighting_.fit_weigh_by_role(
                X, y, sample_weight, **(metadata or {})
            )
            population = multiply(sample_weight, learned.population)
            by_role = RoleWeights(population, learned.emphasis)
        self.raw = by_role
        by_role = self._stabilize(by_role)
        return self._set(
            by_role._replace(emphasis=multiply(emphasis, by_role.emphasis))
        )

    def of(self, rows, n_samples):
        """Return the same way for some of the rows, with the weights they have."""
        part = Training(
            self.estimator,
            weighting=self.weighting,
            stabilizer=self.stabilizer,
            normalize=self.normalize,
            unsupported=self.unsupported,
            random_state=self.random_state,
        )
        part.fit_params = {
            name: take_rows(value, rows, n_samples)
            for name, value in self.fit_params.items()
        }
        return part._set(
            RoleWeights(*(None if one is None else one[rows] for one in self.by_role))
        )

    def fit(self, X, y):
        """Return an estimator fitted on rows that were weighed, and the deliveries."""
        return deliver(
            self.estimator,
            X,
            y,
            self._mean_one(self.weights, self.by_role.population),
            population=self.by_role.population,
            unsupported=self.unsupported,
            random_state=self.random_state,
            fit_params=self.fit_params,
        )

    def _set(self, by_role):
        self.by_role = by_role
        self.weights = multiply(*by_role)
        return self

    def _check_sample_weight(self, sample_weight, X):
        if sample_weight is None:
            return None
        sample_weight = check_weights(sample_weight, n_rows(X))
        if not self.normalize:
            return sample_weight
        # The largest first: a sum of weights near the largest float overflows.
        sample_weight = sample_weight / sample_weight.max()
        return without_rounding_noise(self._mean_one(sample_weight, sample_weight))

    def _stabilize(self, by_role):
        stabilizer = resolve_stabilizer(self.stabilizer)
        if stabilizer is None:
            return by_role
        population, emphasis = by_role
        if population is not None:
            total = population.sum()
            population = stabilizer.stabilize(population)
            population *= total / population.sum()
        if emphasis is not None:
            emphasis = stabilizer.stabilize(emphasis)
        return RoleWeights(population, emphasis)

    def _mean_one(self, weights, population):
        """Return weights of mean 1 over the rows that count in the population."""
        if weights is None or not self.normalize:
            return weights
        n_counted = weights.size if population is None else np.count_nonzero(population)
        mean = weights.sum() / n_counted
        return weights if mean == 1 else weights / mean


def _stabilize_once(weighting):
    """Keep the strategies inside from stabilizing by default, and warn if told to."""
    told = []
    for one in getattr(weighting, "_resolved", lambda: [weighting])():
        own = getattr(one, "stabilizer", None)
        if isinstance(own, str) and own == "auto":
            one.set_params(stabilizer=None)
        elif own is not None:
            told.append(one)
    if told:
        warnings.warn(
            f"Weights are stabilized twice: {len(told)} of the strategies have a "
            f"stabilizer of their own ({', '.join(map(repr, told))}), and the product "
            "is stabilized again. Set one of the two to None, unless you mean both.",
            DoubleStabilizingWarning,
            stacklevel=5,
        )

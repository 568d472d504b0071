"""Strategies with one weight per class, and their separation from other strategies."""

import numpy as np

from skweight._utils.validation import encode_labels, positions_of, say
from skweight.weighting._base import (
    BaseWeighting,
    ProductWeighting,
    factors_of,
    fitted_factors_of,
    fitted_product,
)


class ClassLevelWeighting(BaseWeighting):
    """Base class of strategies that give all rows of a class the same weight.

    A subclass implements ``_class_weights(classes, masses)``, which returns one row
    weight for each class, on any scale. ``masses`` contains the total ``sample_weight``
    of each class; without ``sample_weight``, this is the number of rows. A class whose
    total is zero gets weight zero.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, sorted.
    class_weight_ : ndarray of shape (n_classes,)
        Weight of a row of each class.
    scale_ : float
        Mean of the weights before scaling. All weights are divided by this number.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight.weighting import ClassLevelWeighting
    >>> class LogWeighting(ClassLevelWeighting):
    ...     def _class_weights(self, classes, masses):
    ...         return 1 / np.log1p(masses)
    >>> X, y = np.zeros((4, 1)), [0, 0, 0, 1]
    >>> LogWeighting().fit_weigh(X, y)
    array([0.8, 0.8, 0.8, 1.6])
    """

    def _learn_masses(self, known):
        if type(self)._learn is not ClassLevelWeighting._learn:
            super()._learn_masses(known)
        self.classes_ = known.classes_
        self.class_weight_ = self._of_mean_one(known.mass_)
        self.scale_, self._points = 1.0, None

    @property
    def _by_class(self):
        return True

    def _learn(self, X, y, sample_weight):
        self.classes_, codes = encode_labels(y)
        masses = np.bincount(
            codes, weights=sample_weight, minlength=self.classes_.size
        ).astype(np.float64)
        self.class_weight_ = self._of_mean_one(masses)
        return self.class_weight_[codes]

    def _raw_in_stream(self, X, y, codes, classes, masses):
        if type(self)._learn is not ClassLevelWeighting._learn:
            return super()._raw_in_stream(X, y, codes, classes, masses)
        self.classes_ = classes
        # Classes that may appear later are included.
        self.class_weight_ = self._of_mean_one(np.maximum(masses, 1e-9 * masses.sum()))
        return self.class_weight_[codes]

    def _of_mean_one(self, masses):
        """Return the weight of each class, scaled to a mean of one over the rows."""
        raw = np.asarray(self._class_weights(self.classes_, masses), dtype=np.float64)
        raw = np.where(masses > 0, raw, 0.0)
        mean = raw @ masses / masses.sum()
        if not mean > 0:
            raise ValueError(
                f"{self._name} gives weight zero to every class with rows, "
                f"{say(self.classes_[masses > 0])}, so no row could be used."
            )
        return raw / mean

    def _stabilize(self, raw, sample_weight):
        stable = super()._stabilize(raw, sample_weight)
        # Other rows get the stabilized weight of their class.
        self.class_weight_ = self._follow(self.class_weight_)
        self._points = None
        return stable

    def _raw(self, X, y):
        if y is None:
            raise ValueError(
                f"{self._name}.weigh needs the labels y, because the weight of a row "
                "depends on its class. Call weigh(X, y)."
            )
        return self.class_weight_[
            positions_of(y, self.classes_, owner=f"{self._name}.weigh")
        ]

    @classmethod
    def _instances(cls, labels):
        return [] if cls is ClassLevelWeighting else super()._instances(labels)


def split_by_level(weighting):
    """Split a product of strategies into a part by row and a part by class.

    A strategy weighs by class under three conditions. Its role is emphasis (only
    training uses the weights), all rows of a class get the same weight, and the class
    counts alone determine the weights. All other strategies weigh by row. Each part is
    the product of its strategies, or None if no strategy belongs to the part.
    """
    by_level = {True: [], False: []}
    for factor in factors_of(weighting):
        by_class = isinstance(factor, ClassLevelWeighting)
        by_level[by_class and factor.role == "emphasis"].append(factor)
    return tuple(
        None if not level else level[0] if len(level) == 1 else ProductWeighting(level)
        for level in (by_level[False], by_level[True])
    )


def join_levels(by_row, by_class, mean):
    """Return one fitted strategy that multiplies the two parts of `split_by_level`.

    ``mean`` is the mean, over the rows, of the product of all emphasis weights (weights
    that only training uses).
    """
    if by_row is None:
        return by_class
    scale = mean
    for part in (by_row, by_class):
        if isinstance(part, ProductWeighting):
            scale *= part.scale_
    return fitted_product(
        fitted_factors_of(by_row) + fitted_factors_of(by_class), scale
    )

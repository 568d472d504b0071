"""Base class of strategies that use out-of-fold probabilities of a model."""

import numpy as np

from skweight._held_out.pair_folds import CrossFits, WeightedModel, make_folds
from skweight._utils.columns import drop_columns
from skweight._utils.validation import (
    check_number,
    encode_labels,
    n_rows,
    positions_of,
    say,
)
from skweight.weighting._base import BaseWeighting


class BaseModelWeighting(BaseWeighting):
    """Base class of strategies that depend on a fitted model.

    The strategy learns from out-of-fold probabilities of a model. The model is the
    parameter `estimator` of the strategy or, if that is None, the estimator that is
    trained with the weights. A subclass has the parameters ``estimator``, ``cv``,
    ``n_jobs`` and ``random_state`` and implements ``_learn_from(fits, X, codes, mass,
    **metadata)``, which returns the raw weights of the training rows:

    - ``fits.proba(emphasis=None)`` is an array (n_samples, n_classes): the
      probabilities of each row, from a model fitted without the fold of the row. The
      models are fitted with the population weights times `emphasis`. Each call costs k
      fits, and ``fits.n_fits`` counts the fits;
    - ``codes`` are the positions of the labels in ``classes_``, and ``mass`` holds the
      population weights of the rows. Without population weights, ``mass`` holds ones.

    Weights from out-of-fold probabilities depend on labels. A
    :class:`~skweight.WeightedClassifier` with a calibrator or a threshold scores
    held-out rows by models that were trained without these rows. The labels of these
    rows must not influence the training weights of the models, either. Therefore
    ``_learn_from`` is called once more for each fold, with the rows outside the fold
    and ``fits.without(fold)``. The models of ``fits.without(fold)`` are fitted neither
    on the fold nor on the row that they predict. Set `by_row` to False if all rows of a
    group have the same weight. Such a weight does not reveal the label of a row, so the
    additional calls are not needed.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, sorted.
    n_fits_ : int
        Number of models that were fitted to compute the weights.
    scale_ : float
        Mean of the weights before scaling. All weights are divided by this number.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skweight.weighting import BaseModelWeighting
    >>> class EasyWeighting(BaseModelWeighting):
    ...     '''Look harder at rows that a model finds easy.'''
    ...
    ...     def __init__(self, estimator=None, *, cv=5, n_jobs=None, random_state=None):
    ...         self.estimator, self.cv = estimator, cv
    ...         self.n_jobs, self.random_state = n_jobs, random_state
    ...
    ...     def _learn_from(self, fits, X, codes, mass):
    ...         return fits.proba()[np.arange(codes.size), codes]
    >>> X = np.linspace(-1, 1, 40)[:, np.newaxis]
    >>> y = (X[:, 0] > 0).astype(int)
    >>> weights = EasyWeighting(LogisticRegression()).fit_weigh(X, y)
    >>> bool(weights[0] > 1.2 > 0.9 > weights[20])
    True
    """

    role = "emphasis"
    needs_fits = True
    by_row = True
    weighs_new_rows = False

    def _learn(self, X, y, sample_weight, fits=None, **metadata):
        self.classes_, codes = encode_labels(y)
        # The training rows of a fold may lack a class. The probabilities then still
        # have a column for this class.
        if fits is not None:
            self.classes_ = fits.classes
        if self.classes_.size < 2:
            raise ValueError(
                f"{self._name} needs at least 2 classes; y contains only the class "
                f"{say(self.classes_[0])}."
            )
        mass = np.ones(n_rows(X)) if sample_weight is None else sample_weight
        if fits is None:
            fits = self._own_fits(X, y, sample_weight)
        else:
            codes = positions_of(y, self.classes_, owner=self._name)
            fits = fits.with_population(sample_weight)
            if self.estimator is not None:
                fits = fits.with_estimator(self.estimator)
        before = fits.n_fits
        raw = self._learn_from(fits, X, codes.astype(np.intp), mass, **metadata)
        self.n_fits_ = fits.n_fits - before
        return raw

    def _own_fits(self, X, y, sample_weight):
        """Return fits of the strategy's own estimator."""
        check_number(self.cv, name="cv", low=2)
        if self.estimator is None:
            raise ValueError(
                f"{self._name} needs a model to compute the weights, but got none. "
                "Pass a classifier, such as "
                f"{self._name}(estimator=LogisticRegression())."
            )
        X = drop_columns(X, self.side_columns())
        folds, _ = make_folds(
            X,
            y,
            int(self.cv),
            population=sample_weight,
            random_state=self.random_state,
        )
        model = WeightedModel(self.estimator, self.random_state)
        return CrossFits(
            model,
            X,
            y,
            self.classes_,
            folds,
            population=sample_weight,
            n_jobs=self.n_jobs,
        )

    def _raw(self, X, y, **metadata):
        raise TypeError(
            f"{self._name} computes the weight of a training row from models that "
            "were not fitted on this row. New rows have no such weight. Use the "
            "weights that fit_weigh returns."
        )

    def _learn_from(self, fits, X, codes, mass):
        raise NotImplementedError(f"{self._name} must implement _learn_from.")

    @classmethod
    def _instances(cls, labels):
        return []

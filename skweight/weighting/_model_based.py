"""The contract of strategies that look at a model: out-of-fold probabilities."""

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
    """Base class of strategies that look at a model.

    They learn from out-of-fold probabilities: of the estimator that they are to serve,
    or of an `estimator` of their own. A subclass has the parameters ``estimator``,
    ``cv``, ``n_jobs`` and ``random_state`` and implements
    ``_learn_from(fits, X, codes, mass, **metadata)``, which returns the raw weights of
    the training rows:

    - ``fits.proba(emphasis=None)`` is an array (n_samples, n_classes) of probabilities
      of each row by a model without its fold, fitted on population x emphasis, at k
      fits a call; ``fits.n_fits`` counts them;
    - ``codes`` are the positions of the labels in ``classes_``, and ``mass`` the
      population weight of each row, ones without any.

    Weights learned from a model that saw the labels must not be seen by scores that are
    held out. In the fit of a :class:`~skweight.WeightedClassifier`, whose estimator is
    the model, and where a calibrator or a threshold follows, it is called once more
    for each fold, on the rows outside of it and with ``fits.without(fold)``, whose
    probabilities come from models that saw neither the row nor the fold. Set `by_row`
    to False where a weight is that of a whole group, which tells nothing of the label
    of one row.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, sorted.
    n_fits_ : int
        Number of models fitted for the weights.
    scale_ : float
        Mean raw weight of the training rows.

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
        # Rows of a fold need not have all classes, and probabilities do.
        if fits is not None:
            self.classes_ = fits.classes
        if self.classes_.size < 2:
            raise ValueError(
                f"{self._name} looks at a model of at least 2 classes; y has the one "
                f"class {say(self.classes_[0])}."
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
        """Return fits of the estimator that the strategy was given."""
        check_number(self.cv, name="cv", low=2)
        if self.estimator is None:
            raise ValueError(
                f"{self._name} looks at a model and was given none. Give it one, such "
                f"as {self._name}(estimator=LogisticRegression())."
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
            f"{self._name} weighs training rows by models that did not see them; rows "
            "that were not in training have no such weight. Use the weights that "
            "fit_weigh returns."
        )

    def _learn_from(self, fits, X, codes, mass):
        raise NotImplementedError(f"{self._name} must implement _learn_from.")

    @classmethod
    def _instances(cls, labels):
        return []

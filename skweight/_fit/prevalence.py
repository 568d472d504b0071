"""Predict for a population with other class frequencies: ``set_prevalence``."""

from dataclasses import replace

import numpy as np

from skweight._fit.probabilities import prevalence_shift
from skweight._fit.wrapper import check_fitted


class SetPrevalence:
    """The ``set_prevalence`` of :class:`~skweight.WeightedClassifier`."""

    def set_prevalence(self, prevalence):
        r"""Adapt predictions to a population with other class frequencies.

        Use this method at deployment, if class frequencies are known to differ from the
        class frequencies of the training rows, and the rows within each class have the
        same distribution. No rows are needed, and nothing is fitted. With :math:`\pi`
        the frequencies in training and :math:`\pi'` the frequencies passed,
        probabilities become

        .. math:: p'(k \mid x) \propto p(k \mid x) \, \pi'_k / \pi_k ,

        Labels follow from the new probabilities by the same decision as before.

        Parameters
        ----------
        prevalence : dict, LabelShiftWeighting or None
            ``{label: frequency}``, each in [0, 1]. Classes that are left out share the
            rest, in proportion to their frequencies in training. A fitted
            :class:`~skweight.LabelShiftWeighting` passes the frequencies that it
            estimated from unlabelled rows. To return to the training frequencies, pass
            None or call `fit`.

        Returns
        -------
        self : object
            The classifier, with the frequencies in `prevalence_`.

        Raises
        ------
        ValueError
            If the frequencies do not match the classes, or if the probabilities come
            from a weighted fit without a calibration.

        Examples
        --------
        >>> from skweight import WeightedClassifier
        >>> from skweight.datasets import make_imbalanced
        >>> data = make_imbalanced(4000, prevalence=0.1, random_state=0)
        >>> clf = WeightedClassifier(calibration="sigmoid", random_state=0)
        >>> clf = clf.fit(data.X, data.y)
        >>> round(float(clf.predict_proba(data.X)[:, 1].mean()), 2)
        0.1
        >>> clf = clf.set_prevalence({1: 0.02})
        >>> bool(clf.predict_proba(data.X)[:, 1].mean() < 0.04)
        True
        """
        check_fitted(self, "estimators_")
        if prevalence is None:
            self._map, self.prevalence_ = replace(self._map, shift=None), None
            _tell(self.decision_, self.report_.population_share)
            return self
        multiplier = self.class_multiplier_
        emphasised = np.ptp(multiplier) > 1e-9 * multiplier.max()
        if self.calibrator_ is None and emphasised:
            raise ValueError(
                "set_prevalence needs calibrated probabilities, but this fit was "
                "weighted and has no calibration. Set calibration='auto'."
            )
        shift, self.prevalence_ = prevalence_shift(
            prevalence, self.classes_, np.array(self.report_.population_share)
        )
        self._map = replace(self._map, shift=shift)
        _tell(self.decision_, [*self.prevalence_.values()])
        return self


def _tell(decision, prevalence):
    if hasattr(decision, "follow_prevalence"):
        decision.follow_prevalence(prevalence)

"""Strategies that weigh a row by its class alone."""

import numpy as np

from skweight._utils.validation import check_number, say, values_by_label
from skweight.weighting._class_level import ClassLevelWeighting


class BalancedWeighting(ClassLevelWeighting):
    r"""Give rare classes more weight, so that all classes get the same total weight.

    Try this strategy first if the rare class is the important class. Training then fits
    the rare class more closely, but no information is added. Without calibration, the
    weighted model returns the probabilities for a population with equal class
    frequencies. The role of the weights is emphasis: only training uses them.

    .. math:: w_c \propto \left( \frac{n}{k \, n_c} \right)^{\text{strength}}

    with :math:`n_c` the weighted count of class :math:`c`, :math:`n` the sum of all
    counts and :math:`k` the number of non-empty classes. The weights are then divided
    by the mean weight.

    Parameters
    ----------
    strength : float, default=1.0
        Amount of balancing, in [0, inf). With 0, all rows have the same weight. With
        0.5, a class is weighted by the square root of its full balancing weight. With
        1, every class gets the same total. Above 1, rare classes dominate. A higher
        strength raises the recall of rare classes and lowers their precision.
    stabilizer : None, str, float or stabilizer, default=None
        Limit for a few very large weights. Pass the name of a method (``"clip"``,
        ``"pareto"`` or ``"temper"``), a stabilizer object, or a number: the largest
        weight, in multiples of the mean weight. None leaves the weights unchanged.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, sorted.
    class_weight_ : ndarray of shape (n_classes,)
        Weight of a row, for each class. The mean weight of the training rows is one.
        The weight is zero if all rows of the class have `sample_weight` zero.
    scale_ : float
        Mean of the weights before scaling. All weights are divided by this number.

    Raises
    ------
    ValueError
        In `fit`, if `strength` is negative or not finite, or if the input cannot be
        used.

    See Also
    --------
    EffectiveNumberWeighting : Gives large classes nearly equal weights per row.
    ClassWeighting : Uses class weights that you choose.

    Notes
    -----
    Counts are weighted by `sample_weight`, so a row of weight 2 counts the same as two
    copies of the row. At strength 1 and without `sample_weight`, the weights equal
    ``class_weight="balanced"`` in scikit-learn. A fit takes O(n) time for integer
    labels, and O(n log n) time for other labels.

    References
    ----------
    .. [1] King, G. and Zeng, L. (2001). Logistic regression in rare events data.
       Political Analysis 9(2), 137-163, equation 7.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight import BalancedWeighting
    >>> X, y = np.zeros((10, 1)), np.array(["no"] * 8 + ["yes"] * 2)
    >>> weighting = BalancedWeighting().fit(X, y)
    >>> weighting.class_weight_
    array([0.625, 2.5  ])
    >>> BalancedWeighting(strength=0.5).fit(X, y).class_weight_.round(2)
    array([0.83, 1.67])
    """

    def __init__(self, strength=1.0, *, stabilizer=None):
        self.strength = strength
        self.stabilizer = stabilizer

    def _class_weights(self, classes, masses):
        check_number(self.strength, name="strength", low=0)
        present = masses > 0
        shares = masses[present] / masses.sum()
        weights = np.zeros(masses.size)
        # The ratio is at most 1. Therefore the ratio to the power `strength` does not
        # overflow, even for a large `strength`.
        weights[present] = (shares.min() / shares) ** self.strength
        return weights

    @classmethod
    def _instances(cls, labels):
        return [cls(), cls(strength=0.5)]


class EffectiveNumberWeighting(ClassLevelWeighting):
    r"""Balance classes by their effective number of rows.

    Rows of a large class are similar, so each new row adds less information. The
    effective number of rows measures this information. For small classes, the effective
    number is close to the number of rows. For large classes, the effective number
    approaches its maximum :math:`1/(1-\beta)`, so that large classes get nearly equal
    weights. Use this strategy if full balancing gives very rare classes too much
    weight. The role of the weights is emphasis: only training uses them.

    .. math:: w_c \propto \frac{1}{E_c}, \qquad E_c = \frac{1-\beta^{n_c}}{1-\beta}

    Parameters
    ----------
    beta : float, default=0.999
        Number in [0, 1]. With 0, all classes get the same weight per row; 1 means full
        balancing. A class with many more than :math:`1/(1-\beta)` rows counts as large,
        so a higher `beta` also balances larger classes.
    stabilizer : None, str, float or stabilizer, default=None
        Limit for a few very large weights. Pass the name of a method (``"clip"``,
        ``"pareto"`` or ``"temper"``), a stabilizer object, or a number: the largest
        weight, in multiples of the mean weight. None leaves the weights unchanged.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, sorted.
    class_weight_ : ndarray of shape (n_classes,)
        Weight of a row, for each class. The mean weight of the training rows is one.
    effective_number_ : ndarray of shape (n_classes,)
        The effective number :math:`E_c` of rows of each class.
    scale_ : float
        Mean of the weights before scaling. All weights are divided by this number.

    Raises
    ------
    ValueError
        In `fit`, if `beta` is outside [0, 1], or if the input cannot be used.

    See Also
    --------
    BalancedWeighting : Computes weights from the class shares alone.

    Notes
    -----
    Counts are sums of `sample_weight`. The scale of `sample_weight` matters here,
    because a sum is used as a number of rows. ``WeightedClassifier(normalize=True)``
    first sets the mean of `sample_weight` to one. The power is computed as ``-expm1(n
    log beta)``, which is exact for beta close to one. A fit takes O(n) time.

    References
    ----------
    .. [1] Cui, Y., Jia, M., Lin, T.-Y., Song, Y. and Belongie, S. (2019).
       Class-balanced loss based on effective number of samples. CVPR, equations 2
       and 4.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight import EffectiveNumberWeighting
    >>> X, y = np.zeros((1010, 1)), np.array([0] * 1000 + [1] * 10)
    >>> EffectiveNumberWeighting(beta=0.99).fit(X, y).effective_number_.round(1)
    array([100. ,   9.6])
    """

    def __init__(self, beta=0.999, *, stabilizer=None):
        self.beta = beta
        self.stabilizer = stabilizer

    def _class_weights(self, classes, masses):
        check_number(self.beta, name="beta", low=0, high=1)
        present = masses > 0
        effective = np.zeros(masses.size)
        if self.beta == 0:
            effective[present] = 1.0
        elif self.beta == 1:
            effective[present] = masses[present]
        else:
            effective[present] = -np.expm1(masses[present] * np.log(self.beta)) / (
                1 - self.beta
            )
        self.effective_number_ = effective
        weights = np.zeros(masses.size)
        weights[present] = effective[present].min() / effective[present]
        return weights

    @classmethod
    def _instances(cls, labels):
        return [cls(beta=0.9)]


class ClassWeighting(ClassLevelWeighting):
    r"""Give each class the weight that you choose.

    The role of the weights is emphasis: only training uses them. Use this strategy for
    weights that you found by hand or by a search. If you know the costs of wrong
    decisions, use :class:`CostWeighting`. If you know the class frequencies in
    deployment, use :class:`PriorWeighting`.

    .. math:: w_i \propto \text{class\_weight}[y_i]

    Parameters
    ----------
    class_weight : dict {label: float}
        Weight of each row of a class; only ratios of weights matter. Labels are matched
        by value: ``1``, ``1.0`` and ``True`` are the same label, ``"1"`` is a different
        label.
    strict : bool, default=True
        Whether to raise an error if y lacks a label of `class_weight`, or if a class
        has no weight. With False, unknown labels are ignored, and the weight 1 is used
        for classes without a weight. A cross-validation needs False if a fold may lack
        a class.
    stabilizer : None, str, float or stabilizer, default=None
        Limit for a few very large weights. Pass the name of a method (``"clip"``,
        ``"pareto"`` or ``"temper"``), a stabilizer object, or a number: the largest
        weight, in multiples of the mean weight. None leaves the weights unchanged.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, sorted.
    class_weight_ : ndarray of shape (n_classes,)
        Weight of a row, for each class. The mean weight of the training rows is one.
    scale_ : float
        Mean of the weights before scaling. All weights are divided by this number.

    Raises
    ------
    TypeError
        In `fit`, if `class_weight` is not a dict of numbers.
    ValueError
        In `fit`, if labels are unknown or missing, if a weight is negative, NaN or
        infinite, or if all rows would have weight zero.

    See Also
    --------
    BalancedWeighting : Computes weights from the class frequencies.
    PriorWeighting : Computes weights from known deployment frequencies.

    Notes
    -----
    A fit takes O(n) time for integer labels, and O(n log n) time for other labels.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight import ClassWeighting
    >>> X, y = np.zeros((4, 1)), np.array(["ok", "ok", "ok", "fraud"])
    >>> ClassWeighting({"ok": 1, "fraud": 9}).fit_weigh(X, y).round(2)
    array([0.33, 0.33, 0.33, 3.  ])
    >>> ClassWeighting({"ok": 1, "frod": 9}).fit(X, y)
    Traceback (most recent call last):
        ...
    ValueError: The weighting {label: weight} must have one number for each label of y,
    ['fraud', 'ok']; it names ['frod'], which y does not contain and it lacks ['fraud'].
    Did you mean 'fraud'?
    """

    def __init__(self, class_weight, *, strict=True, stabilizer=None):
        self.class_weight = class_weight
        self.strict = strict
        self.stabilizer = stabilizer

    def _class_weights(self, classes, masses):
        return values_by_label(
            self.class_weight,
            classes,
            name="The weighting {label: weight}",
            strict=self.strict,
            default=1.0,
            remedy="Give every label a weight; the weight 1 does not change the "
            "rows of a label.",
        )

    @classmethod
    def _instances(cls, labels):
        return [cls({label: 1.0 + position for position, label in enumerate(labels)})]


class PriorWeighting(ClassLevelWeighting):
    r"""Weigh rows so that classes are as frequent as in deployment.

    Use this strategy if the class frequencies in training and in deployment differ.
    Examples are case-control studies, enriched samples, or data with all frauds but
    only a sample of the other rows. The role of the weights is population: the weighted
    rows stand for the deployment population, so calibration, thresholds and scores use
    the weights, too. Calibration does not undo these weights.

    .. math:: w_c = \frac{\pi_c}{n_c / n}

    with :math:`\pi_c` the deployment frequency and :math:`n_c` the weighted count of
    class :math:`c`.

    Parameters
    ----------
    target_prior : dict {label: float}
        Frequency of every class in deployment: numbers in [0, 1] with sum 1. A higher
        frequency of a class raises the predicted probabilities of this class.
    stabilizer : None, str, float or stabilizer, default=None
        Limit for a few very large weights. Pass the name of a method (``"clip"``,
        ``"pareto"`` or ``"temper"``), a stabilizer object, or a number: the largest
        weight, in multiples of the mean weight. None leaves the weights unchanged.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, sorted.
    class_weight_ : ndarray of shape (n_classes,)
        Weight of a row, for each class. The mean weight of the training rows is one.
    scale_ : float
        Mean of the weights before scaling. All weights are divided by this number.

    Raises
    ------
    ValueError
        In `fit`, if the frequencies do not sum to one, if labels are unknown or
        missing, or if a class has a positive frequency but no training row.

    See Also
    --------
    BalancedWeighting : Gives rare classes more weight in training only.

    Notes
    -----
    The weights are correct under label shift: the class frequencies differ between
    training and deployment, but the rows within a class have the same distribution. A
    fit takes O(n) time.

    References
    ----------
    .. [1] Elkan, C. (2001). The foundations of cost-sensitive learning. IJCAI,
       theorem 2.

    Examples
    --------
    A study has as many cases as controls, and 2 % of the population have the disease:

    >>> import numpy as np
    >>> from skweight import PriorWeighting
    >>> X, y = np.zeros((4, 1)), np.array([0, 0, 1, 1])
    >>> PriorWeighting({0: 0.98, 1: 0.02}).fit_weigh(X, y)
    array([1.96, 1.96, 0.04, 0.04])
    """

    role = "population"

    def __init__(self, target_prior, *, stabilizer=None):
        self.target_prior = target_prior
        self.stabilizer = stabilizer

    def _class_weights(self, classes, masses):
        prior = values_by_label(
            self.target_prior,
            classes,
            name="target_prior",
            remedy="Give the frequency of every label; the frequencies must sum to 1.",
        )
        if abs(prior.sum() - 1) > 1e-6:
            raise ValueError(
                "target_prior holds the class frequencies of the deployment "
                f"population, so it must sum to 1; it sums to {prior.sum():g}."
            )
        absent = (masses == 0) & (prior > 0)
        if absent.any():
            raise ValueError(
                "target_prior gives a positive frequency to the classes "
                f"{say(classes[absent])}, but no training row of these classes has a "
                "positive sample_weight. Collect rows of these classes, or set "
                "their frequency to 0."
            )
        present = masses > 0
        weights = np.zeros(masses.size)
        weights[present] = prior[present] * masses.sum() / masses[present]
        return weights

    @classmethod
    def _instances(cls, labels):
        return [cls({label: 1 / len(labels) for label in labels})]

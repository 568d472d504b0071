"""`CostMatrix`: what every mistake costs, under names that cannot be mixed up."""

import numpy as np

from skweight._utils.validation import check_choice, check_number, plain, say
from skweight._utils.warn import warn
from skweight.costs import _rules as rules
from skweight.costs._entries import Entry, as_entry
from skweight.costs._report import report_on
from skweight.costs._table import CostTable
from skweight.costs._words import cell_name, distinct, two_readings
from skweight.exceptions import DecisionWarning

METHODS = ("auto", "log_ls", "sum", "max", "zhou_liu")


class CostMatrix(CostTable):
    r"""What it costs to decide for a label when another one is true.

    Made by one of its constructors, all of which name what is true and what is
    decided; an array by itself is refused, because half of the field writes it the
    other way round. Immutable. A cost is a number, the name of a column of X, a
    callable of X, or row-wise metadata, so that costs may differ from row to row.

    The expected cost of deciding :math:`j`, and the decision, are

    .. math:: R_j(x) = \sum_k p_k(x) \, C_{kj}, \qquad \hat y = \arg\min_j R_j(x).

    Parameters
    ----------
    costs : object
        Refused, whatever it is, with both readings of it in words. Use
        :meth:`binary`, :meth:`from_dict`, :meth:`from_frame`, :meth:`from_array`,
        :meth:`from_benefits` or :meth:`ordinal`.

    Attributes
    ----------
    labels : tuple or None
        Class labels. None for a binary matrix that does not know the other label yet.
    pos_label : object
        Label that `fp` and `fn` of a binary matrix speak of.
    columns : list of str or int
        Columns of X that costs are read from.
    metadata_names : list of str
        Metadata that costs are read from.
    is_constant : bool
        Whether all costs are numbers.

    Raises
    ------
    TypeError
        If it is called with an array, whose axes have no names.

    See Also
    --------
    CostSensitiveClassifier : Decides by a cost matrix.
    CostWeighting : Weights from a cost matrix.

    Notes
    -----
    Decisions compare expected costs and never divide, so that they are right where a
    wrong decision is cheaper than the right one, too. Costs may be negative. Adding a
    constant to the costs of one *true* class changes no decision; adding one to those
    of a decision does. Time and memory are O(n K^2) for n rows of K classes.

    References
    ----------
    .. [1] Elkan, C. (2001). The foundations of cost-sensitive learning. IJCAI,
       equations 1 and 2.

    Examples
    --------
    >>> from skweight import CostMatrix
    >>> cost = CostMatrix.binary(pos_label="bad", fp=1, fn=5)
    >>> print(cost.align(["bad", "good"]).describe())
    true 'bad' decided 'bad' costs 0
    true 'bad' decided 'good' costs 5
    true 'good' decided 'bad' costs 1
    true 'good' decided 'good' costs 0
    >>> cost.align(["bad", "good"]).decide([[0.16, 0.84], [0.17, 0.83]])
    array(['good', 'bad'], dtype='<U4')
    """

    __slots__ = ()

    def __init__(self, costs):
        raise TypeError(two_readings(costs))

    # -- constructors ------------------------------------------------------------------

    @classmethod
    def binary(cls, *, pos_label=None, fp, fn, tp=0.0, tn=0.0):
        """Return the costs of the four outcomes of a decision between two classes.

        Each cost is a number, the name of a column of X, a callable ``X -> costs``, or
        ``metadata(name)`` of :mod:`skweight.weighting`.

        Parameters
        ----------
        pos_label : object, default=None
            The positive label. None is 1 (True) for labels that are 0 and 1, -1 and 1,
            or False and True, and an error for all others.
        fp : float, str or callable
            Cost of deciding positive when negative is true: a false alarm.
        fn : float, str or callable
            Cost of deciding negative when positive is true: a miss.
        tp : float, str or callable, default=0.0
            Cost of deciding positive rightly, such as a phone call.
        tn : float, str or callable, default=0.0
            Cost of deciding negative rightly.

        Returns
        -------
        cost : CostMatrix
            The other label is learned from the labels at hand.
        """
        entries = (
            (as_entry(tn, cell="tn"), as_entry(fp, cell="fp")),
            (as_entry(fn, cell="fn"), as_entry(tp, cell="tp")),
        )
        return cls._make(entries, None, plain(pos_label))

    @classmethod
    def from_dict(cls, costs, *, default_correct=0.0):
        """Return the costs of a nested dict, outer keys true, inner keys decided.

        Parameters
        ----------
        costs : dict {true label: {decided label: cost}}
            All wrong decisions must be there.
        default_correct : float, default=0.0
            Cost of right decisions that are not there.

        Returns
        -------
        cost : CostMatrix
            Labels in the order of the outer keys.
        """
        if not hasattr(costs, "items") or not all(
            hasattr(row, "items") for row in costs.values()
        ):
            raise TypeError(
                "CostMatrix.from_dict takes {true label: {decided label: cost}}; got "
                f"{costs!r}."
            )
        rows = {
            plain(true): {plain(decided): cost for decided, cost in row.items()}
            for true, row in costs.items()
        }
        labels = list(rows)
        for true, row in rows.items():
            extra = [label for label in row if label not in rows]
            missing = [label for label in labels if label not in row and label != true]
            if extra or missing:
                raise ValueError(
                    f"The costs of true {say(true)} must name every label of "
                    f"{say(labels)} once: they lack {say(missing)} and have the "
                    f"unknown {say(extra)}. A label that is never true still needs a "
                    "row of its own."
                )
        entries = tuple(
            tuple(
                as_entry(
                    row.get(decided, default_correct)
                    if true == decided
                    else row[decided],
                    cell=cell_name(true, decided),
                )
                for decided in labels
            )
            for true, row in rows.items()
        )
        return cls._make(entries, distinct(labels), None)

    @classmethod
    def from_frame(cls, frame):
        """Return the costs of a DataFrame whose axes are named "true" and "predicted".

        Parameters
        ----------
        frame : pandas.DataFrame
            ``frame.index.name`` and ``frame.columns.name`` are "true" and "predicted",
            either way round; index and columns hold the labels.

        Returns
        -------
        cost : CostMatrix
            Labels in the order of the axis "true".
        """
        names = [
            getattr(getattr(frame, axis, None), "name", None)
            for axis in ("index", "columns")
        ]
        if sorted(map(str, names)) != ["predicted", "true"]:
            raise ValueError(
                "The axes of the frame must be named 'true' and 'predicted'; got "
                f"{names[0]!r} for the index and {names[1]!r} for the columns. Say "
                "frame.rename_axis(index='true', columns='predicted') if a row holds "
                "the costs of one true class, and the other way round if not."
            )
        if names[0] == "predicted":
            frame = frame.T
        return cls.from_dict(
            {true: dict(row.items()) for true, row in frame.iterrows()}
        )

    @classmethod
    def from_array(cls, costs, *, labels, rows):
        """Return the costs of a square array, whose reading is stated.

        Parameters
        ----------
        costs : array-like of shape (n_classes, n_classes)
            Costs: numbers, column names, callables.
        labels : array-like of shape (n_classes,)
            Labels of rows and columns.
        rows : {"true", "predicted"}
            What a row of the array stands for.

        Returns
        -------
        cost : CostMatrix
            Labels in the order given.
        """
        labels = [plain(label) for label in labels]
        check_choice(rows, ("true", "predicted"), name="rows")
        table = [list(row) for row in costs]
        if {len(table), *map(len, table)} != {len(labels)}:
            raise ValueError(
                f"costs must have one row and one column for each of {say(labels)}; "
                f"got {len(table)} rows of lengths {sorted(set(map(len, table)))}."
            )
        if rows == "predicted":
            table = [list(column) for column in zip(*table, strict=True)]
        distinct(labels)
        return cls.from_dict(
            {
                true: dict(zip(labels, row, strict=True))
                for true, row in zip(labels, table, strict=True)
            }
        )

    @classmethod
    def from_benefits(cls, benefits):
        """Return the costs that are the negative of benefits.

        State all benefits against one baseline, such as doing nothing, or a gain is
        counted twice: once as a benefit and once as a cost forgone.

        Parameters
        ----------
        benefits : dict, DataFrame with named axes, or CostMatrix
            What `from_dict` or `from_frame` takes, or what another constructor has
            returned, as in
            ``CostMatrix.from_benefits(CostMatrix.binary(pos_label=1, tp=9, fp=-1,
            fn=0))``.

        Returns
        -------
        cost : CostMatrix
            Every sign is flipped, here and nowhere else.
        """
        table = as_cost_matrix(benefits, name="benefits")
        entries = tuple(tuple(-entry for entry in row) for row in table._entries)
        return cls._make(entries, table._labels, table._pos_label)

    @classmethod
    def ordinal(cls, labels, *, power=1.0):
        """Return costs that grow with the distance between ordered labels.

        Parameters
        ----------
        labels : array-like of shape (n_classes,)
            Labels in their order, lowest first.
        power : float, default=1.0
            Cost of being off by d is ``d ** power``. Raising it makes far misses dear.

        Returns
        -------
        cost : CostMatrix
            Symmetric costs, zero where the decision is right.
        """
        check_number(power, name="power", low=0, include="neither")
        labels = list(labels)
        steps = np.arange(len(labels))
        distance = np.abs(steps[:, None] - steps).astype(float) ** power
        return cls.from_array(distance, labels=labels, rows="true")

    @staticmethod
    def column(name):
        """Return a cost that is read from a column of X, by name or by position.

        Parameters
        ----------
        name : str or int
            Name of the column, or its position in an array. A string by itself means
            the same.

        Returns
        -------
        cost : object
            To be given to a constructor in the place of a number.
        """
        return Entry("column", name)

    # -- weights -----------------------------------------------------------------------

    def class_weight(self, method="auto", X=None, *, sample_weight=None, **metadata):
        """Return the class weights that come closest to the costs.

        Weights say exactly what the matrix says only where every mistake about a true
        class costs the same, as it does with two classes. Costs that differ from row
        to row are averaged first.

        Parameters
        ----------
        method : {"auto", "log_ls", "sum", "max", "zhou_liu"}, default="auto"
            ``"log_ls"``: ratios closest to the cost ratios of all pairs on the log
            scale. ``"sum"`` and ``"max"``: total and largest cost of the mistakes about
            a class. ``"zhou_liu"``: the weights that meet all pairs, an error if there
            are none. ``"auto"``: exact where that is possible, else ``"log_ls"`` with a
            warning.
        X : array-like of shape (n_samples, n_features), default=None
            Rows over which costs are averaged, where they differ.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights of those rows.
        **metadata : dict
            Row-wise arrays that the matrix names.

        Returns
        -------
        class_weight : dict {label: float}
            Weights of mean one over the classes.

        Raises
        ------
        ValueError
            If `method` cannot be used with these costs.

        Warns
        -----
        DecisionWarning
            If ``"auto"`` finds that no weights say exactly the same.
        """
        check_choice(method, METHODS, name="method")
        self._named()
        costs = self.resolve(X, **metadata)
        if costs.ndim == 3:
            costs = np.average(costs, axis=0, weights=sample_weight)
        weights = self._weights(method, costs)
        if not (weights >= 0).all() or not weights.any():
            raise ValueError(
                "These costs leave no weights that are 0 or more and not all 0: "
                f"{dict(zip(self._labels, weights.tolist(), strict=True))}. A mistake "
                "must cost more than the right decision; decide by the costs "
                "themselves instead, which needs no such thing."
            )
        return dict(zip(self._labels, rules.mean_one(weights).tolist(), strict=True))

    def _weights(self, method, costs):
        excess = rules.regret(costs)
        positive = (excess[rules.off_diagonal(len(costs))] > 0).all()
        if method == "sum":
            return rules.row_sum(costs)
        if method == "max" or (method == "auto" and rules.is_row_constant(costs)):
            return rules.row_max(costs)
        if method == "auto":
            method = "log_ls" if positive else "sum"
            warn(
                "No class weights say the same as this cost matrix, since mistakes "
                "about one true class differ in cost; the closest ones are used "
                f"(method={method!r}). Decide by the costs themselves for the rest: "
                "decision=cost.",
                DecisionWarning,
            )
            return self._weights(method, costs)
        if not positive:
            k, j = np.argwhere((excess <= 0) & rules.off_diagonal(len(costs)))[0]
            raise ValueError(
                f"method={method!r} takes ratios of costs, so every mistake must cost "
                f"more than the right decision; {cell_name(*self._pick(k, j))} costs "
                f"{excess[k, j]:g} more. Use method='sum'."
            )
        if method == "log_ls":
            return rules.log_least_squares(costs)
        rank, weights = rules.pair_rank(costs)
        if weights is None:
            raise ValueError(
                "No class weights meet the cost ratios of all pairs of classes (rank "
                f"{rank} of {len(costs)}). Use method='log_ls', which comes closest."
            )
        return weights

    def _pick(self, k, j):
        return self._labels[k], self._labels[j]

    def sample_weight(self, X, y, *, normalize=True, **metadata):
        """Return what is at stake in every row: regret weights of mean one.

        The weight of a row is the cost of the worst decision beyond that of the right
        one. Where another decision is cheaper than the label, no weight can teach it:
        the row gets zero, and a warning counts such rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or None
            Rows; None where costs are numbers.
        y : array-like of shape (n_samples,)
            Their labels.
        normalize : bool, default=True
            Whether the mean is set to one; False leaves the weights in money.
        **metadata : dict
            Row-wise arrays that the matrix names.

        Returns
        -------
        weights : ndarray of shape (n_samples,)
            Weights, of mean one if normalised.

        Warns
        -----
        DecisionWarning
            If some rows are cheaper decided otherwise than their label says.
        """
        codes = self.encode(y)
        weights, flipped = rules.regret_weights(
            self.of_decisions(y, X, **metadata), codes
        )
        if flipped.any():
            warn(
                f"In {np.count_nonzero(flipped):,} of {flipped.size:,} rows another "
                "decision costs less than the label, so that no weight can be right; "
                "they get weight 0. Check the signs of the costs with "
                "print(cost.check(X, y)), or decide by the costs themselves: "
                "decision=cost.",
                DecisionWarning,
            )
        if not weights.any():
            raise ValueError(
                "Nothing is at stake in any row: the label is never cheaper than "
                "another decision. Look at print(cost.check(X, y))."
            )
        return weights / weights.mean() if normalize else weights

    def check(self, X=None, y=None, **metadata):
        """Return what the matrix implies.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), default=None
            Rows, where costs differ from row to row.
        y : array-like of shape (n_samples,), default=None
            Labels of those rows, to count the rows in which nothing is at stake or
            another decision is cheaper.
        **metadata : dict
            Row-wise arrays that the matrix names.

        Returns
        -------
        report : CostReport
            Printing it gives sentences.
        """
        costs = self.resolve(X, **metadata)
        labels = self._labels or ("negative", "positive")
        return report_on(costs, labels, None if y is None else self.encode(y))

    @classmethod
    def _instances(cls, labels):
        """Return costs under which mistakes about later labels are dearer."""

        def dearer(last):
            return cls.from_dict(
                {
                    true: {
                        decided: last if true == labels[-1] else 1.0 + position
                        for decided in labels
                        if decided != true
                    }
                    for position, true in enumerate(labels)
                }
            )

        return [dearer(9.0), dearer(cls.column(0))]


def as_cost_matrix(spec, *, labels=None, name="cost"):
    """Turn what can be read in one way only into a `CostMatrix`.

    Parameters
    ----------
    spec : CostMatrix, dict or DataFrame
        A matrix; a dict with the keys ``fp``, ``fn`` and, if wanted, ``tp``, ``tn``
        and ``pos_label``; a nested dict {true: {decided: cost}}; or a DataFrame with
        axes named "true" and "predicted".
    labels : array-like, default=None
        Labels at hand, for the message that refuses an array.
    name : str, default="cost"
        What to call it in messages.

    Returns
    -------
    cost : CostMatrix
    """
    if isinstance(spec, CostMatrix):
        return spec
    if hasattr(spec, "index") and hasattr(spec, "columns"):
        return CostMatrix.from_frame(spec)
    if hasattr(spec, "items"):
        if {"fp", "fn"} <= set(spec):
            unknown = set(spec) - {"fp", "fn", "tp", "tn", "pos_label"}
            if not unknown:
                return CostMatrix.binary(**spec)
        return CostMatrix.from_dict(spec)
    raise TypeError(two_readings(spec, labels, name))

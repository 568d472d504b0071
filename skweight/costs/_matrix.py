"""`CostMatrix`: the cost of every mistake, with named axes."""

import numpy as np

from skweight._utils.examples import dearer_costs
from skweight._utils.validation import check_number, plain, say
from skweight.costs import _rules as rules
from skweight.costs._entries import Entry
from skweight.costs._immutable import Immutable
from skweight.costs._labels import join_labels
from skweight.costs._read import read, read_array, read_binary, read_frame, read_nested
from skweight.costs._report import report_on
from skweight.costs._weights import closest_weights, stakes


class CostMatrix(Immutable):
    r"""Costs of decisions, given the true label.

    All constructors name the true labels and the decisions. A plain array raises an
    error, because its rows may be true labels or decisions. The object is immutable. A
    cost is a number, the name of a column of X, a callable of X, or row-wise metadata.
    Costs may therefore differ between rows. A decision is usually a label, but other
    decisions are possible, such as asking a human.

    The expected cost of deciding :math:`j`, and the decision, are

    .. math:: R_j(x) = \sum_k p_k(x) \, C_{kj}, \qquad \hat y = \arg\min_j R_j(x).

    Parameters
    ----------
    costs : dict or DataFrame
        A nested dict ``{true label: {decided label: cost}}`` as in :meth:`from_dict`, a
        dict with ``fp`` and ``fn`` as in :meth:`binary`, or a DataFrame with axes named
        "true" and "predicted" as in :meth:`from_frame`. See also :meth:`from_array`,
        :meth:`from_benefits` and :meth:`ordinal`.

    Attributes
    ----------
    labels : tuple or None
        Class labels. None for a binary matrix whose negative label is not known yet.
    decisions : tuple or None
        All decisions: the labels in the order of `labels`, then other decisions.
    pos_label : object
        Positive label of a binary matrix, to which `fp` and `fn` refer.
    columns : list of str or int
        Columns of X from which costs are read.
    metadata_names : list of str
        Metadata from which costs are read.
    is_constant : bool
        Whether all costs are numbers.

    Raises
    ------
    TypeError
        If `costs` is an array, because the axes of an array have no names.

    See Also
    --------
    CostSensitiveClassifier : Decides by a cost matrix.
    CostWeighting : Computes weights from a cost matrix.

    Notes
    -----
    Costs may be negative, and a wrong decision may be cheaper than the right decision.
    A constant that is added to the costs of one *true* class changes no decision. A
    constant that is added to the costs of one decision may change decisions. Labels and
    other decisions of different types are returned in an array of dtype object. Time
    and memory are O(n K D) for n rows, K classes and D decisions.

    References
    ----------
    .. [1] Elkan, C. (2001). The foundations of cost-sensitive learning. IJCAI,
       equations 1 and 2.
    .. [2] Chow, C. (1970). On optimum recognition error and reject tradeoff. IEEE
       Transactions on Information Theory 16(1), equation 4, for a decision that is not
       a label.

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
    >>> asking = cost.with_decision("ask", 0.3).align(["bad", "good"])
    >>> asking.decide([[0.05, 0.95], [0.16, 0.84], [0.9, 0.1]])
    array(['good', 'ask', 'bad'], dtype='<U4')
    """

    __slots__ = ("_cells",)

    def __init__(self, costs):
        self.__setstate__(as_cost_matrix(costs, name="costs").__getstate__())

    @classmethod
    def _of(cls, cells):
        self = object.__new__(cls)
        self.__setstate__({"_cells": cells})
        return self

    # -- constructors ------------------------------------------------------------------

    @classmethod
    def binary(cls, *, pos_label=None, fp, fn, tp=0.0, tn=0.0):
        """Return the costs of the four outcomes of a decision between two classes.

        Each cost is a number, the name of a column of X, a callable ``X -> costs``, or
        ``metadata(name)`` of :mod:`skweight.weighting`.

        Parameters
        ----------
        pos_label : object, default=None
            The positive label. None means 1 or True, and is allowed only for labels
            0/1, -1/1 and False/True.
        fp : float, str or callable
            Cost of deciding positive when negative is true: a false alarm.
        fn : float, str or callable
            Cost of deciding negative when positive is true: a miss.
        tp : float, str or callable, default=0.0
            Cost of correctly deciding positive, such as a phone call.
        tn : float, str or callable, default=0.0
            Cost of correctly deciding negative.

        Returns
        -------
        cost : CostMatrix
            Costs. The negative label is set when the matrix is used with labels.
        """
        return cls._of(read_binary(fp, fn, tp, tn, pos_label))

    @classmethod
    def from_dict(cls, costs, *, default_correct=0.0):
        """Create costs from a nested dict ``{true label: {decision: cost}}``.

        Parameters
        ----------
        costs : dict {true label: {decided label: cost}}
            Costs of all wrong decisions. An inner key that is not an outer key, such as
            "ask", is a decision that is not a label. Every true label needs a cost of
            this decision.
        default_correct : float, default=0.0
            Cost of right decisions that are not in the dict.

        Returns
        -------
        cost : CostMatrix
            The cost matrix, with labels in the order of the outer keys.
        """
        return cls._of(read_nested(costs, default_correct))

    @classmethod
    def from_frame(cls, frame):
        """Create costs from a DataFrame whose axes are named "true" and "predicted".

        Parameters
        ----------
        frame : pandas.DataFrame
            ``frame.index.name`` and ``frame.columns.name`` are "true" and "predicted",
            in either order. Index and columns hold the labels. Further values on the
            axis "predicted" are decisions that are not labels.

        Returns
        -------
        cost : CostMatrix
            The cost matrix, with labels in the order of the axis "true".
        """
        return cls.from_dict(read_frame(frame))

    @classmethod
    def from_array(cls, costs, *, labels, rows):
        """Create costs from a square array, given the meaning of its rows.

        Parameters
        ----------
        costs : array-like of shape (n_classes, n_classes)
            Costs. Each cost is a number, the name of a column, or a callable.
        labels : array-like of shape (n_classes,)
            Labels of the rows and of the columns, in this order.
        rows : {"true", "predicted"}
            What a row of the array stands for: a true label or a predicted label.

        Returns
        -------
        cost : CostMatrix
            Costs, with the labels in the given order.
        """
        return cls.from_dict(read_array(costs, labels, rows))

    @classmethod
    def from_benefits(cls, benefits):
        """Create costs that are the negative of benefits.

        Measure all benefits from the same baseline, such as doing nothing. Otherwise a
        gain is counted twice: as a benefit and as an avoided cost.

        Parameters
        ----------
        benefits : dict, DataFrame with named axes, or CostMatrix
            An input of `from_dict` or `from_frame`, or a matrix of benefits, such as
            ``CostMatrix.binary(pos_label=1, tp=9, fp=-1, fn=0)``.

        Returns
        -------
        cost : CostMatrix
            The cost matrix: every benefit with its sign changed.
        """
        return cls._of(as_cost_matrix(benefits, name="benefits")._cells.negated())

    @classmethod
    def ordinal(cls, labels, *, power=1.0):
        """Return costs that grow with the distance between ordered labels.

        Parameters
        ----------
        labels : array-like of shape (n_classes,)
            Labels in their order, lowest first.
        power : float, default=1.0
            An error of distance d costs ``d ** power``. A higher power makes large
            errors more expensive, relative to small errors.

        Returns
        -------
        cost : CostMatrix
            Symmetric costs; a right decision costs zero.
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
            Name of the column, or its position in an array. A plain string works as
            well.

        Returns
        -------
        cost : object
            Argument for a constructor, instead of a number.
        """
        return Entry("column", name)

    def with_decision(self, decision, cost):
        """Return the costs with an additional decision that is not a label.

        An example is to ask a human. The additional decision is chosen if its expected
        cost is lower than the expected cost of every label.

        Parameters
        ----------
        decision : str or int
            Value that `predict` returns for this decision; not one of the labels.
        cost : float, str, callable or dict
            Cost of the decision, in a form that :meth:`binary` accepts: one cost for
            all true labels, or a dict ``{true label: cost}``. With a higher cost, the
            decision is chosen less often.

        Returns
        -------
        cost : CostMatrix
            A new matrix with the additional decision; the old matrix stays as it is.
        """
        return self._of(self._cells.with_decision(plain(decision), cost))

    # -- attributes --------------------------------------------------------------------

    @property
    def labels(self):
        """Labels of the matrix, or None if the negative label is not known yet."""
        return self._cells.labels

    @property
    def decisions(self):
        """All decisions: the labels, then other decisions."""
        return self._cells.decisions

    @property
    def pos_label(self):
        """Positive label, to which `fp` and `fn` refer, or None if none was passed."""
        return self._cells.pos_label

    @property
    def columns(self):
        """Columns of X from which costs are read."""
        return self._cells.sources("column")

    @property
    def metadata_names(self):
        """Names of the metadata from which costs are read."""
        return self._cells.sources("metadata")

    @property
    def is_constant(self):
        """Whether all costs are numbers."""
        return all(cell.kind == "number" for row in self._cells.entries for cell in row)

    def describe(self):
        """Return one sentence per cell.

        Returns
        -------
        text : str
            One line for each cost, such as "true 'bad' decided 'good' costs 5".
        """
        return "\n".join(self._cells.sentences())

    def to_frame(self):
        """Return the costs as a table.

        Returns
        -------
        table : pandas.DataFrame
            Costs; the index is named "true", the columns are named "predicted".
        """
        import pandas as pd

        cells = [
            [cell.source if cell.kind == "number" else cell.say() for cell in row]
            for row in self._cells.known().entries
        ]
        return pd.DataFrame(
            cells,
            index=pd.Index(self.labels, name="true"),
            columns=pd.Index(self.decisions, name="predicted"),
        )

    def align(self, classes):
        """Return the matrix in the order of the classes.

        Parameters
        ----------
        classes : array-like of shape (n_classes,)
            All labels of the matrix, each once.

        Returns
        -------
        cost : CostMatrix
            Costs in the order of `classes`; decisions that are not labels come last.

        Raises
        ------
        ValueError
            If labels are missing or unknown, or a positive label is needed.
        """
        return self._of(self._cells.in_order(classes))

    # -- costs -------------------------------------------------------------------------

    def resolve(self, X=None, **metadata):
        """Return the costs as numbers, ``[..., true, decided]``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), default=None
            Rows from which costs are read; None if all costs are numbers.
        **metadata : dict
            Arrays that the matrix requests by name; each has one value per row.

        Returns
        -------
        costs : ndarray of shape (n_classes, n_decisions) or \
                (n_samples, n_classes, n_decisions)
            One matrix per row if a cost differs between rows; otherwise a single
            matrix. If the labels of a binary matrix are not known, the negative class
            is first.
        """
        cells = self._cells.values(X, metadata)
        flat = np.broadcast_arrays(*(cost for row in cells for cost in row))
        costs = np.stack(flat, axis=-1)
        return costs.reshape(*costs.shape[:-1], len(cells), len(cells[0]))

    def risk(self, proba, X=None, **metadata):
        """Return the expected cost of every decision.

        Parameters
        ----------
        proba : array-like of shape (n_samples, n_classes)
            True probabilities; columns follow `labels`. Probabilities of a model that
            was fitted with class weights must be corrected first.
        X : array-like of shape (n_samples, n_features), default=None
            Rows from which costs are read, if costs differ between rows.
        **metadata : dict
            Arrays that the matrix requests by name; each has one value per row.

        Returns
        -------
        risk : ndarray of shape (n_samples, n_decisions)
            Column j is the expected cost of ``decisions[j]``.
        """
        labels = self._cells.known().labels
        proba = np.asarray(proba, dtype=np.float64)
        if proba.ndim != 2 or proba.shape[1] != len(labels):
            raise ValueError(
                f"proba must have one column for each of {say(labels)}, in this "
                f"order; got shape {proba.shape}."
            )
        # Costs are summed cell by cell, so that no array of shape (n, K, D) is needed.
        risk = np.zeros((len(proba), len(self.decisions)))
        for k, row in enumerate(self._cells.values(X, metadata)):
            for j, cost in enumerate(row):
                rules.check_length(cost, len(proba), f"proba has {len(proba)} rows")
                risk[:, j] += proba[:, k] * cost
        return risk

    def decide(self, proba, X=None, **metadata):
        """Return the decision with the lowest expected cost.

        Parameters
        ----------
        proba : array-like of shape (n_samples, n_classes)
            True probabilities; columns follow `labels`.
        X : array-like of shape (n_samples, n_features), default=None
            Rows from which costs are read, if costs differ between rows.
        **metadata : dict
            Arrays that the matrix requests by name; each has one value per row.

        Returns
        -------
        decisions : ndarray of shape (n_samples,)
            The decision of lowest expected cost in each row. In a tie, the most
            probable label is chosen; if probabilities are equal, too, the first label.
        """
        risk = self.risk(proba, X, **metadata)
        decided = rules.choose(risk, np.asarray(proba))
        return join_labels(np.array(self.labels), self._cells.further)[decided]

    def incurred(self, y_true, y_pred, X=None, **metadata):
        """Return the cost of every decision.

        Parameters
        ----------
        y_true, y_pred : array-like of shape (n_samples,)
            True labels, and the decisions for the same rows.
        X : array-like of shape (n_samples, n_features), default=None
            Rows from which costs are read, if costs differ between rows.
        **metadata : dict
            Arrays that the matrix requests by name; each has one value per row.

        Returns
        -------
        costs : ndarray of shape (n_samples,)
            Cost of the decision in each row.
        """
        cells = self._cells.with_labels_of(y_true, y_pred)
        codes = cells.codes(y_true), cells.codes_of_decisions(y_pred)
        return rules.taken(*codes, cells.values(X, metadata))

    def of_decisions(self, y_true, X=None, **metadata):
        """Return the cost of every possible decision in every row.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            True labels.
        X : array-like of shape (n_samples, n_features), default=None
            Rows from which costs are read, if costs differ between rows.
        **metadata : dict
            Arrays that the matrix requests by name; each has one value per row.

        Returns
        -------
        costs : ndarray of shape (n_samples, n_decisions)
            Column j holds the costs of ``decisions[j]``.
        """
        codes, cells = self._cells.codes(y_true), self._cells.values(X, metadata)
        decided = (np.full(codes.size, j) for j in range(len(cells[0])))
        return np.column_stack(
            [rules.taken(codes, column, cells) for column in decided]
        )

    # -- weights -----------------------------------------------------------------------

    def class_weight(self, method="auto", X=None, *, sample_weight=None, **metadata):
        """Return the class weights that express the costs best.

        Weights can express a matrix exactly only if all mistakes about a true class
        have the same cost. With two classes, this is always the case. Costs that differ
        between rows are averaged first. Decisions that are not labels are ignored.

        Parameters
        ----------
        method : {"auto", "log_ls", "sum", "max", "zhou_liu"}, default="auto"
            ``"log_ls"``: the log ratios of the weights are as close as possible to the
            log cost ratios of all pairs of classes. ``"sum"`` and ``"max"``: the weight
            of a class is the total or the largest cost of the mistakes about this
            class. ``"zhou_liu"``: the weights match the cost ratios of all pairs; if no
            such weights exist, an error is raised. ``"auto"``: exact weights if they
            exist; otherwise ``"log_ls"`` with a warning.
        X : array-like of shape (n_samples, n_features), default=None
            Rows over which costs are averaged, if costs differ between rows.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights of the rows of `X`.
        **metadata : dict
            Arrays that the matrix requests by name; each has one value per row.

        Returns
        -------
        class_weight : dict {label: float}
            Weight of each class. The mean over the classes is one.

        Raises
        ------
        ValueError
            If `method` cannot be used with these costs.

        Warns
        -----
        If ``"auto"`` finds that no class weights are equivalent to the costs.
        """
        costs = rules.of_labels(self._of(self._cells.known()).resolve(X, **metadata))
        if costs.ndim == 3:
            costs = np.average(costs, axis=0, weights=sample_weight)
        weights = closest_weights(costs, method, self.labels)
        return dict(zip(self.labels, weights.tolist(), strict=True))

    def sample_weight(self, X, y, *, normalize=True, **metadata):
        """Return the weight of each row, computed from the costs, with a mean of one.

        The weight of a row is the cost of the worst label minus the cost of the true
        label. If another label is cheaper than the true label, the weight of the row is
        zero, and a warning gives the number of such rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or None
            Rows from which costs are read; None if all costs are numbers.
        y : array-like of shape (n_samples,)
            Labels of the rows.
        normalize : bool, default=True
            Whether to scale the weights to a mean of one. If False, the weights have
            the unit of the costs, such as money.
        **metadata : dict
            Arrays that the matrix requests by name; each has one value per row.

        Returns
        -------
        weights : ndarray of shape (n_samples,)
            Weight of each row, with a mean of one if `normalize` is true.

        Warns
        -----
        DecisionWarning
            If in some rows another decision is cheaper than the label.
        """
        costs = self.of_decisions(y, X, **metadata)[:, : len(self._cells.entries)]
        weights = stakes(costs, self._cells.codes(y))
        return weights / weights.mean() if normalize else weights

    def check(self, X=None, y=None, **metadata):
        """Return a report on the consequences of the matrix.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), default=None
            Rows from which costs are read, if costs differ between rows.
        y : array-like of shape (n_samples,), default=None
            Labels of the rows. With labels, the report also counts rows in which all
            decisions cost the same, and rows in which another decision is cheaper than
            the label.
        **metadata : dict
            Arrays that the matrix requests by name; each has one value per row.

        Returns
        -------
        report : CostReport
            The report; it prints as sentences.
        """
        costs = self.resolve(X, **metadata)
        names = self.decisions or ("negative", "positive", *self._cells.further)
        return report_on(costs, names, None if y is None else self._cells.codes(y))

    @classmethod
    def _instances(cls, labels):
        """Return cost matrices for the shared tests; later true labels cost more."""
        return [
            cls.from_dict(dearer_costs(labels, last)) for last in (9.0, cls.column(0))
        ]

    def __repr__(self):
        return f"CostMatrix({'; '.join(self._cells.sentences())})"


def as_cost_matrix(spec, *, labels=None, name="cost"):
    """Return a `CostMatrix` for a dict or DataFrame; refuse ambiguous arrays.

    ``labels`` are the known labels; the error message for an array shows these labels.
    """
    if isinstance(spec, CostMatrix):
        return spec
    return CostMatrix._of(read(spec, labels, name))

"""`CostMatrix`: what every mistake costs, under names that cannot be mixed up."""

import numpy as np
from sklearn.utils.validation import column_or_1d

from skweight._utils.validation import (
    check_labels,
    check_number,
    encode_labels,
    plain,
    positions_of,
    say,
)
from skweight.costs import _rules as rules
from skweight.costs._entries import Entry, as_entry
from skweight.costs._report import report_on
from skweight.costs._weights import closest_weights, stakes
from skweight.costs._words import (
    distinct,
    hint_at_positions,
    join_labels,
    order_of_two,
    positive_among,
    read_array,
    read_frame,
    read_nested,
    two_readings,
)


class CostMatrix:
    r"""What it costs to decide for a label when another one is true.

    All constructors name what is true and what is decided; an array by itself is
    refused, because half of the field writes it the other way round. Immutable. A cost
    is a number, the name of a column of X, a callable of X, or row-wise metadata, so
    that costs may differ from row to row. What can be decided are the labels, and maybe
    something that is no label, such as to ask a human.

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
        Class labels. None for a binary matrix that does not know the other label yet.
    decisions : tuple or None
        What can be decided: the labels, in their order, then what is no label.
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
    of a decision does. Time and memory are O(n K D) for n rows of K classes and D
    decisions.

    Decisions that are no label, beside labels of another type, are returned in an array
    of dtype object, in which every label keeps its type: ``[0, 1, "ask"]``. Beside
    labels of the same type, text or numbers, they are returned in an array of that.

    References
    ----------
    .. [1] Elkan, C. (2001). The foundations of cost-sensitive learning. IJCAI,
       equations 1 and 2.
    .. [2] Chow, C. (1970). On optimum recognition error and reject tradeoff. IEEE
       Transactions on Information Theory 16(1), equation 4, for the decision that is
       no label.

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

    __slots__ = ("_entries", "_further", "_labels", "_pos_label")

    def __init__(self, costs):
        self.__setstate__(as_cost_matrix(costs, name="costs").__getstate__())

    @classmethod
    def _make(cls, entries, labels, pos_label, further=()):
        self = object.__new__(cls)
        state = entries, tuple(further), labels, pos_label
        self.__setstate__(dict(zip(CostMatrix.__slots__, state, strict=True)))
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
            All wrong decisions must be there. An inner key that is no outer key, such
            as "ask", is a decision that is no label; every row must have its cost.
        default_correct : float, default=0.0
            Cost of right decisions that are not there.

        Returns
        -------
        cost : CostMatrix
            Labels in the order of the outer keys.
        """
        labels, further, entries = read_nested(costs, default_correct)
        return cls._make(entries, labels, None, further)

    @classmethod
    def from_frame(cls, frame):
        """Return the costs of a DataFrame whose axes are named "true" and "predicted".

        Parameters
        ----------
        frame : pandas.DataFrame
            ``frame.index.name`` and ``frame.columns.name`` are "true" and "predicted",
            either way round; index and columns hold the labels. Further columns, of the
            axis "predicted", are decisions that are no label.

        Returns
        -------
        cost : CostMatrix
            Labels in the order of the axis "true".
        """
        return cls.from_dict(read_frame(frame))

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
        return cls.from_dict(read_array(costs, labels, rows))

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
        gains = as_cost_matrix(benefits, name="benefits")
        entries = tuple(tuple(-entry for entry in row) for row in gains._entries)
        return cls._make(entries, gains._labels, gains._pos_label, gains._further)

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

    def with_decision(self, decision, cost):
        """Return the costs with one more decision, which is no label.

        Such as to ask a human, to order a test, or to abstain. It is chosen in the rows
        in which it is expected to cost less than every label.

        Parameters
        ----------
        decision : str or int
            What `predict` returns there; none of the labels.
        cost : float, str, callable or dict
            What it costs, as in :meth:`binary`: whatever is true, or by true label
            ``{true label: cost}``. Raising it makes the decision rarer.

        Returns
        -------
        cost : CostMatrix
            This one does not change.
        """
        name = plain(decision)
        if hasattr(cost, "items"):
            cost = {plain(true): value for true, value in cost.items()}
            labels = self._labels or tuple(cost)
            if set(cost) != set(labels):
                raise ValueError(
                    f"The decision {say(name)} needs a cost for each of {say(labels)}; "
                    f"got costs for {say(list(cost))}."
                )
            self = self.align(labels)
            cost = [cost[label] for label in labels]
        else:
            cost = [cost] * len(self._entries)
        entries = tuple(
            (*row, as_entry(value, cell=f"The cost of true {true} decided {say(name)}"))
            for true, row, value in zip(self._names(), self._entries, cost, strict=True)
        )
        further = (*self._further, name)
        distinct([*(self._labels or [self._pos_label]), *further])
        return self._make(entries, self._labels, self._pos_label, further)

    # -- what it is --------------------------------------------------------------------

    @property
    def labels(self):
        """Class labels, or None where the other label is not known yet."""
        return self._labels

    @property
    def decisions(self):
        """What can be decided: the labels, then what is no label."""
        return None if self._labels is None else (*self._labels, *self._further)

    @property
    def pos_label(self):
        """Label that `fp` and `fn` speak of; None where it was not given."""
        return self._pos_label

    @property
    def columns(self):
        """Columns of X that costs are read from."""
        return self._sources("column")

    @property
    def metadata_names(self):
        """Names of the metadata that costs are read from."""
        return self._sources("metadata")

    @property
    def is_constant(self):
        """Whether all costs are numbers."""
        return all(cell.kind == "number" for row in self._entries for cell in row)

    def _sources(self, kind):
        cells = [cell for row in self._entries for cell in row if cell.kind == kind]
        return list(dict.fromkeys(cell.source for cell in cells))

    def describe(self):
        """Return one sentence per cell.

        Returns
        -------
        text : str
            Lines such as "true 'bad' decided 'good' costs 5".
        """
        return "\n".join(self._sentences())

    def _sentences(self):
        names = self._names()
        decided = [*names, *map(say, self._further)]
        for true, row in zip(names, self._entries, strict=True):
            for decision, entry in zip(decided, row, strict=True):
                yield f"true {true} decided {decision} costs {entry.say()}"

    def _names(self):
        """Return the true labels in words."""
        if self._labels is not None:
            return [say(label) for label in self._labels]
        if self._pos_label is None:
            return ["negative", "positive"]
        return ["any other label", say(self._pos_label)]

    def to_frame(self):
        """Return the costs as a table.

        Returns
        -------
        table : pandas.DataFrame
            Index named "true", columns named "predicted".
        """
        import pandas as pd

        cells = [
            [cell.source if cell.kind == "number" else cell.say() for cell in row]
            for row in self._named()._entries
        ]
        return pd.DataFrame(
            cells,
            index=pd.Index(self._labels, name="true"),
            columns=pd.Index(self.decisions, name="predicted"),
        )

    def align(self, classes):
        """Return the matrix in the order of the classes.

        Parameters
        ----------
        classes : array-like of shape (n_classes,)
            All labels, each once.

        Returns
        -------
        cost : CostMatrix
            Rows and columns follow `classes`; what is no label comes last.

        Raises
        ------
        ValueError
            If labels are missing or unknown, or a positive label is needed.
        """
        classes = [plain(label) for label in classes]
        if self._labels is None:
            order = order_of_two(self._pos_label, classes)
        else:
            missing = [label for label in classes if label not in self._labels]
            extra = [label for label in self._labels if label not in classes]
            if missing or extra:
                raise ValueError(
                    f"The cost matrix must name exactly the labels of y, {say(classes)}"
                    f": missing are {say(missing)}, unknown to y are {say(extra)}. "
                    "Costs cannot be guessed: add or remove those rows and columns, "
                    "with labels of the same type as in y." + hint_at_positions(classes)
                )
            order = [self._labels.index(label) for label in classes]
        distinct([*classes, *self._further])
        n_decisions = len(self._entries[0])
        columns = [*order, *range(len(order), n_decisions)]
        entries = tuple(tuple(self._entries[k][j] for j in columns) for k in order)
        return self._make(entries, tuple(classes), self._pos_label, self._further)

    def _named(self):
        if self._labels is None:
            raise ValueError(
                "This binary cost matrix does not know the other label yet. Use "
                "cost.align([label, other_label]), in the order of the columns of the "
                "probabilities."
            )
        return self

    # -- what it costs -----------------------------------------------------------------

    def resolve(self, X=None, **metadata):
        """Return the costs as numbers, ``[..., true, decided]``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), default=None
            Rows, where costs are read from columns or computed.
        **metadata : dict
            Row-wise arrays that the matrix names.

        Returns
        -------
        costs : ndarray of shape (n_classes, n_decisions) or \
                (n_samples, n_classes, n_decisions)
            Per row only if some cost is. A binary matrix that does not know its labels
            has the negative class first.
        """
        cells = self._cells(X, metadata)
        flat = np.broadcast_arrays(*(cost for row in cells for cost in row))
        costs = np.stack(flat, axis=-1)
        return costs.reshape(*costs.shape[:-1], len(cells), len(cells[0]))

    def _cells(self, X, metadata):
        names = self._names()
        decided = [*names, *map(say, self._further)]
        return [
            [
                entry.values(
                    X, metadata, cell=f"The cost of true {true} decided {decision}"
                )
                for decision, entry in zip(decided, row, strict=True)
            ]
            for true, row in zip(names, self._entries, strict=True)
        ]

    def risk(self, proba, X=None, **metadata):
        """Return the expected cost of every decision.

        Parameters
        ----------
        proba : array-like of shape (n_samples, n_classes)
            True probabilities; columns follow `labels`. Probabilities of a model that
            was fitted with class weights must be corrected first.
        X : array-like of shape (n_samples, n_features), default=None
            The same rows, where costs differ from row to row.
        **metadata : dict
            Row-wise arrays that the matrix names.

        Returns
        -------
        risk : ndarray of shape (n_samples, n_decisions)
            Column j is the expected cost of ``decisions[j]``.
        """
        labels = self._named().labels
        proba = np.asarray(proba, dtype=np.float64)
        if proba.ndim != 2 or proba.shape[1] != len(labels):
            raise ValueError(
                f"proba must have one column for each of {say(labels)}, in this "
                f"order; got shape {proba.shape}."
            )
        # Cell by cell: the (n, K, D) array is never made.
        risk = np.zeros((len(proba), len(self.decisions)))
        for k, row in enumerate(self._cells(X, metadata)):
            for j, cost in enumerate(row):
                rules.check_length(cost, len(proba), f"proba has {len(proba)} rows")
                risk[:, j] += proba[:, k] * cost
        return risk

    def decide(self, proba, X=None, **metadata):
        """Return the decision of least expected cost.

        Parameters
        ----------
        proba : array-like of shape (n_samples, n_classes)
            True probabilities; columns follow `labels`.
        X : array-like of shape (n_samples, n_features), default=None
            The same rows, where costs differ from row to row.
        **metadata : dict
            Row-wise arrays that the matrix names.

        Returns
        -------
        decisions : ndarray of shape (n_samples,)
            Of equally cheap ones the more probable label, then the first.
        """
        risk = self.risk(proba, X, **metadata)
        decided = rules.choose(risk, np.asarray(proba))
        return join_labels(np.array(self._labels), self._further)[decided]

    def incurred(self, y_true, y_pred, X=None, **metadata):
        """Return what every decision has cost.

        Parameters
        ----------
        y_true, y_pred : array-like of shape (n_samples,)
            True labels, and decisions.
        X : array-like of shape (n_samples, n_features), default=None
            The same rows, where costs differ from row to row.
        **metadata : dict
            Row-wise arrays that the matrix names.

        Returns
        -------
        costs : ndarray of shape (n_samples,)
            Cost of each row.
        """
        cost = self._named_by(y_true, y_pred)
        codes = cost._encode(y_true), cost._encode(y_pred, decided=True)
        return rules.taken(*codes, cost._cells(X, metadata))

    def of_decisions(self, y_true, X=None, **metadata):
        """Return what every possible decision would have cost.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            True labels.
        X : array-like of shape (n_samples, n_features), default=None
            The same rows, where costs differ from row to row.
        **metadata : dict
            Row-wise arrays that the matrix names.

        Returns
        -------
        costs : ndarray of shape (n_samples, n_decisions)
            Column j holds the costs of ``decisions[j]``.
        """
        codes, cells = self._encode(y_true), self._cells(X, metadata)
        decided = (np.full(codes.size, j) for j in range(len(cells[0])))
        return np.column_stack(
            [rules.taken(codes, column, cells) for column in decided]
        )

    def _encode(self, y, *, decided=False):
        """Return the position of every label, or decision, among those of the matrix.

        Negative is 0 and positive 1 where the other label is not known.
        """
        if decided and self._further:
            # Text and numbers may stand side by side, and cannot be sorted.
            y = column_or_1d(y if hasattr(y, "dtype") else np.array(y, dtype=object))
            names = self._named().decisions
            return positions_of(y.astype(object), names, owner="The cost matrix")
        y = check_labels(y, owner="CostMatrix")
        present = [plain(label) for label in encode_labels(y)[0]]
        if self._labels is None:
            return (y == positive_among(self._pos_label, present)).astype(np.intp)
        unknown = [label for label in present if label not in self._labels]
        if unknown:
            raise ValueError(
                f"The cost matrix has no costs for the labels {say(unknown)}; it names "
                f"{say(self._labels)}. Mind their spelling and type, or make a matrix "
                "that names them."
            )
        return positions_of(y, np.array(self._labels), owner="The cost matrix")

    def _named_by(self, *labels):
        """Return the matrix with both labels known, as far as the rows can tell.

        Labels that are looked up one vector at a time would let a misspelt decision
        pass for the other label.
        """
        if self._labels is not None:
            return self
        present = dict.fromkeys(
            plain(y) for vector in labels for y in np.unique(vector)
        )
        present = [label for label in present if label not in self._further]
        positive = positive_among(self._pos_label, present)
        others = [label for label in present if label != positive]
        return self.align([*others, positive]) if others else self

    # -- weights -----------------------------------------------------------------------

    def class_weight(self, method="auto", X=None, *, sample_weight=None, **metadata):
        """Return the class weights that come closest to the costs.

        Weights say exactly what the matrix says only where every mistake about a true
        class costs the same, as it does with two classes. Costs that differ from row
        to row are averaged first. Decisions that are no label are left out: no weight
        can express them.

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
        costs = rules.of_labels(self._named().resolve(X, **metadata))
        if costs.ndim == 3:
            costs = np.average(costs, axis=0, weights=sample_weight)
        weights = closest_weights(costs, method, self._labels)
        return dict(zip(self._labels, weights.tolist(), strict=True))

    def sample_weight(self, X, y, *, normalize=True, **metadata):
        """Return what is at stake in every row: regret weights of mean one.

        The weight of a row is the cost of the worst label beyond that of the right
        one. Where another label is cheaper than the right one, no weight can teach it:
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
        costs = self.of_decisions(y, X, **metadata)[:, : len(self._entries)]
        weights = stakes(costs, self._encode(y))
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
        names = self.decisions or ("negative", "positive", *self._further)
        return report_on(costs, names, None if y is None else self._encode(y))

    @classmethod
    def _instances(cls, labels):
        """Return costs under which mistakes about later labels are dearer."""

        def dearer(last):
            costs = {
                true: {
                    decided: last if true == labels[-1] else 1.0 + position
                    for decided in labels
                    if decided != true
                }
                for position, true in enumerate(labels)
            }
            return cls.from_dict(costs)

        return [dearer(9.0), dearer(cls.column(0))]

    # -- Python ------------------------------------------------------------------------

    def __repr__(self):
        return f"CostMatrix({'; '.join(self._sentences())})"

    def __eq__(self, other):
        if not isinstance(other, CostMatrix):
            return NotImplemented
        return self.__getstate__() == other.__getstate__()

    def __hash__(self):
        return hash(tuple(self.__getstate__().values()))

    def __setattr__(self, name, value):
        raise AttributeError(
            "A CostMatrix does not change; make a new one with its constructors."
        )

    def __delattr__(self, name):
        self.__setattr__(name, None)

    # pickle and skops store the object by its state, and set it past __setattr__.
    def __getstate__(self):
        return {name: getattr(self, name) for name in CostMatrix.__slots__}

    def __setstate__(self, state):
        for name, value in state.items():
            object.__setattr__(self, name, value)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __sklearn_clone__(self):
        return self


def as_cost_matrix(spec, *, labels=None, name="cost"):
    """Turn what can be read in one way only into a `CostMatrix`.

    Parameters
    ----------
    spec : CostMatrix, dict or DataFrame
        What `CostMatrix` takes, or one.
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
    if not hasattr(spec, "items"):
        raise TypeError(two_readings(spec, labels, name))
    if {"fp", "fn"} <= set(spec) <= {"fp", "fn", "tp", "tn", "pos_label"}:
        return CostMatrix.binary(**spec)
    return CostMatrix.from_dict(spec)

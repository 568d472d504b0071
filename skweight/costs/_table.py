"""What a cost matrix is and what it costs; the constructors are elsewhere."""

import numpy as np

from skweight._utils.validation import (
    check_labels,
    encode_labels,
    plain,
    positions_of,
    say,
)
from skweight.costs import _rules as rules
from skweight.costs._words import find_pos_label, hint_at_positions


class CostTable:
    """Labelled, immutable costs: the part of `CostMatrix` that looks things up."""

    __slots__ = ("_entries", "_labels", "_pos_label")

    @classmethod
    def _make(cls, entries, labels, pos_label):
        self = object.__new__(cls)
        object.__setattr__(self, "_entries", entries)
        object.__setattr__(self, "_labels", labels)
        object.__setattr__(self, "_pos_label", pos_label)
        return self

    # -- what it is --------------------------------------------------------------------

    @property
    def labels(self):
        """Class labels, or None where the other label is not known yet."""
        return self._labels

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
        return all(one.kind == "number" for row in self._entries for one in row)

    def _sources(self, kind):
        flat = [one for row in self._entries for one in row if one.kind == kind]
        return list(dict.fromkeys(one.source for one in flat))

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
        for true, row in zip(names, self._entries, strict=True):
            for decided, entry in zip(names, row, strict=True):
                yield f"true {true} decided {decided} costs {entry.say()}"

    def _names(self):
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

        labels = self._named().labels
        cells = [
            [one.source if one.kind == "number" else one.say() for one in row]
            for row in self._entries
        ]
        return pd.DataFrame(
            cells,
            index=pd.Index(labels, name="true"),
            columns=pd.Index(labels, name="predicted"),
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
            Rows and columns follow `classes`.

        Raises
        ------
        ValueError
            If labels are missing or unknown, or a positive label is needed.
        """
        classes = [plain(label) for label in classes]
        if self._labels is None:
            order = self._order_of_two(classes)
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
        entries = tuple(tuple(self._entries[k][j] for j in order) for k in order)
        return self._make(entries, tuple(classes), self._pos_label)

    def _order_of_two(self, classes):
        """Return the position, negative 0 and positive 1, of each of the classes."""
        if len(classes) == 1:
            raise ValueError(
                f"CostMatrix.binary speaks of two labels, and y has 1 class: "
                f"{say(classes)}. Fit it on rows of both."
            )
        if len(classes) != 2:
            raise ValueError(
                "Only binary classification is supported by CostMatrix.binary, and y "
                f"has {len(classes)} classes: {say(classes)}. Use CostMatrix.from_dict("
                "{true label: {decided label: cost}}), which names every mistake."
            )
        positive = find_pos_label(self._pos_label, classes)
        return [1 if label == positive else 0 for label in classes]

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
        """Return the costs as numbers, ``[..., true, predicted]``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), default=None
            Rows, where costs are read from columns or computed.
        **metadata : dict
            Row-wise arrays that the matrix names.

        Returns
        -------
        costs : ndarray of shape (n_classes, n_classes) or \
                (n_samples, n_classes, n_classes)
            Per row only if some cost is. A binary matrix that does not know its labels
            has the negative class first.
        """
        cells = self._cells(X, metadata)
        n_labels = len(cells)
        flat = np.broadcast_arrays(*(one for row in cells for one in row))
        rows = [flat[k * n_labels : (k + 1) * n_labels] for k in range(n_labels)]
        return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)

    def _cells(self, X, metadata):
        names = self._names()
        return [
            [
                entry.values(
                    X, metadata, cell=f"The cost of true {true} decided {name}"
                )
                for name, entry in zip(names, row, strict=True)
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
        risk : ndarray of shape (n_samples, n_classes)
            Column j is the expected cost of deciding ``labels[j]``.
        """
        labels = self._named().labels
        proba = np.asarray(proba, dtype=np.float64)
        if proba.ndim != 2 or proba.shape[1] != len(labels):
            raise ValueError(
                f"proba must have one column for each of {say(labels)}, in this "
                f"order; got shape {proba.shape}."
            )
        cells = self._cells(X, metadata)
        # Cell by cell: the (n, K, K) array is never made.
        risk = np.zeros(proba.shape)
        for k, row in enumerate(cells):
            for j, cost in enumerate(row):
                if np.ndim(cost) and np.size(cost) != proba.shape[0]:
                    raise ValueError(
                        f"proba has {proba.shape[0]} rows and the costs have "
                        f"{np.size(cost)}. Pass the X of exactly these rows."
                    )
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
        labels : ndarray of shape (n_samples,)
            Decisions. Of equally cheap ones the more probable, then the first.
        """
        risk = self.risk(proba, X, **metadata)
        return np.array(self._labels)[rules.choose(risk, np.asarray(proba))]

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
        cost = self.named_by(y_true, y_pred)
        codes = cost.encode(y_true), cost.encode(y_pred)
        return self._take(*codes, cost._cells(X, metadata))

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
        costs : ndarray of shape (n_samples, n_classes)
            Column j holds the costs of deciding ``labels[j]``.
        """
        codes = self.encode(y_true)
        cells = self._cells(X, metadata)
        return np.column_stack(
            [
                self._take(codes, np.full(codes.size, decided), cells)
                for decided in range(len(cells))
            ]
        )

    def encode(self, y):
        """Return the position of every label among the labels of the matrix.

        Parameters
        ----------
        y : array-like of shape (n_samples,)
            Labels.

        Returns
        -------
        codes : ndarray of shape (n_samples,)
            Positions; negative 0 and positive 1 where the other label is not known.
        """
        y = check_labels(y, owner="CostMatrix")
        found = [plain(label) for label in encode_labels(y)[0]]
        if self._labels is None:
            return (y == self._positive_among(found)).astype(np.intp)
        unknown = [label for label in found if label not in self._labels]
        if unknown:
            raise ValueError(
                f"The cost matrix has no costs for the labels {say(unknown)}; it names "
                f"{say(self._labels)}. Mind their spelling and type, or make a matrix "
                "that names them."
            )
        return positions_of(y, np.array(self._labels), owner="The cost matrix")

    def named_by(self, *labels):
        """Return the matrix with both labels known, as far as the rows can tell.

        Labels that are looked up one vector at a time would let a misspelt decision
        pass for the other label.

        Parameters
        ----------
        *labels : array-like of shape (n_samples,)
            All labels at hand: true ones, decisions, a baseline.

        Returns
        -------
        cost : CostMatrix
            The same where its labels are known, or one label alone is at hand.
        """
        if self._labels is not None:
            return self
        vectors = [check_labels(one, owner="CostMatrix") for one in labels]
        found = dict.fromkeys(
            plain(label) for vector in vectors for label in encode_labels(vector)[0]
        )
        positive = self._positive_among(list(found))
        others = [label for label in found if label != positive]
        return self.align([*others, positive]) if others else self

    def _positive_among(self, found):
        positive = find_pos_label(self._pos_label, found)
        others = [label for label in found if label != positive]
        if len(others) > 1:
            raise ValueError(
                f"CostMatrix.binary speaks of {say(positive)} and one other label; "
                f"there are {say(others)}. Mind their spelling, or use "
                "CostMatrix.from_dict, which names every mistake."
            )
        return positive

    @staticmethod
    def _take(true, decided, cells):
        costs = np.empty(true.size)
        for k, row in enumerate(cells):
            for j, cost in enumerate(row):
                rows = (true == k) & (decided == j)
                if np.ndim(cost) and np.size(cost) != true.size:
                    raise ValueError(
                        f"There are {true.size} labels and costs of {np.size(cost)} "
                        "rows. Pass the X of exactly these rows."
                    )
                costs[rows] = cost[rows] if np.ndim(cost) else cost
        return costs

    # -- Python ------------------------------------------------------------------------

    def __repr__(self):
        return f"CostMatrix({'; '.join(self._sentences())})"

    def __eq__(self, other):
        if not isinstance(other, CostTable):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self):
        return hash(self._key())

    def _key(self):
        return self._entries, self._labels, self._pos_label

    def __setattr__(self, name, value):
        raise AttributeError(
            "A CostMatrix does not change; make a new one with its constructors."
        )

    def __delattr__(self, name):
        self.__setattr__(name, None)

    def __reduce__(self):
        return _remake, (type(self), *self._key())

    # What skops stores an object by; pickle goes by __reduce__.
    def __getstate__(self):
        return dict(zip(CostTable.__slots__, self._key(), strict=True))

    def __setstate__(self, state):
        for name, value in state.items():
            object.__setattr__(self, name, value)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __sklearn_clone__(self):
        return self


def _remake(cls, *key):
    return cls._make(*key)

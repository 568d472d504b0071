"""Report whether a cost matrix is reasonable, and can be expressed by weights."""

from dataclasses import asdict, dataclass

import numpy as np

from skweight._utils.validation import say
from skweight.costs import _rules as rules
from skweight.costs._weights import is_row_constant, pair_rank, regret_weights


@dataclass(frozen=True, repr=False)
class CostReport:
    """Report on a cost matrix; returned by :meth:`skweight.CostMatrix.check`.

    Attributes
    ----------
    labels : list
        Class labels.
    kind : {"insensitive", "class", "instance"}
        "insensitive": all mistakes cost the same. "class": costs depend on the classes
        only. "instance": costs differ between rows.
    n_rows : int
        Number of rows checked; 1 for a matrix that is the same for all rows.
    n_unreasonable : int
        Rows in which a wrong decision costs less than the right decision.
    n_dominated : dict {decision: int}
        Rows in which the decision is not chosen for any probabilities, because it is
        never cheaper than all others. With three or more classes, a row is counted only
        if a single other decision is never worse.
    exact : bool
        Whether class weights are equivalent to the matrix (if costs differ between
        rows: row weights). The condition is that all mistakes about a true class cost
        the same, and that all decisions are labels.
    consistent : bool or None
        Whether one set of class weights matches the cost ratio of every pair of
        classes. This condition is necessary for `exact`, but not sufficient. None if
        costs differ between rows.
    rank : int or None
        Rank of the linear system of all pairs. If `consistent`, the rank is below the
        number of classes.
    n_zero : int or None
        Rows in which all decisions cost the same, given the label; None without labels.
    n_flipped : int or None
        Rows in which another decision is cheaper than the label.

    Examples
    --------
    >>> from skweight import CostMatrix
    >>> CostMatrix.ordinal(["low", "mid", "high"]).check().exact
    False
    """

    labels: list
    kind: str
    n_rows: int
    n_unreasonable: int
    n_dominated: dict
    exact: bool
    consistent: bool | None
    rank: int | None
    n_zero: int | None = None
    n_flipped: int | None = None

    @property
    def reasonable(self):
        """Whether the right decision is the cheapest decision in all rows."""
        return self.n_unreasonable == 0

    def to_dict(self):
        """Return the report as plain Python values.

        Returns
        -------
        report : dict
            Every attribute under its name.
        """
        return {**asdict(self), "reasonable": self.reasonable}

    def _lines(self):
        kinds = {
            "insensitive": "all mistakes cost the same, so that costs change nothing",
            "class": "costs depend on the classes alone",
            "instance": f"costs differ from row to row ({self.n_rows:,} rows)",
        }
        yield kinds[self.kind]
        if self.reasonable:
            yield "reasonable: the right decision is never dearer than a wrong one"
        else:
            yield (
                f"not reasonable: in {self.n_unreasonable:,} of {self.n_rows:,} rows a "
                "wrong decision costs less than the right one"
            )
        for label, count in self.n_dominated.items():
            if count:
                yield (
                    f"deciding {say(label)} never pays in {count:,} of "
                    f"{self.n_rows:,} rows"
                )
        if self.exact:
            yield "weights can say exactly the same"
        else:
            rank = "" if self.rank is None else f" (rank {self.rank})"
            yield (f"weights can only come close{rank}: decide by the costs themselves")
        if self.n_flipped:
            yield f"{self.n_flipped:,} labelled rows are cheaper decided otherwise"
        if self.n_zero:
            yield f"{self.n_zero:,} labelled rows have nothing at stake"

    def __repr__(self):
        return "\n".join(["What the costs imply", *(f"- {s}" for s in self._lines())])


def report_on(costs, names, codes=None):
    """Return the report on costs of shape (K, D) or (n, K, D); `names` has D names."""
    per_row = costs.ndim == 3
    every = costs if per_row else costs[None]
    cells = rules.of_labels(every)
    n_labels, further = cells.shape[-1], cells.shape[-1] < len(names)
    excess = rules.regret(every)
    mistakes = rules.regret(cells)[:, rules.off_diagonal(n_labels)]
    varies = per_row and not np.allclose(excess, excess[:1], rtol=1e-12, atol=0)
    flat = np.ptp(mistakes) <= rules.TIE * max(np.abs(mistakes).max(), 1e-300)
    n_unreasonable = int(np.count_nonzero(rules.unreasonable(every)))
    kind = "insensitive" if flat and not further else "class"
    kind = "instance" if varies else kind
    rank = None if per_row else pair_rank(rules.of_labels(costs))[0]
    stakes = {}
    if codes is not None:
        at_label = np.broadcast_to(cells, (codes.size, *cells.shape[1:]))
        weights, flipped = regret_weights(at_label[np.arange(codes.size), codes], codes)
        stakes = {
            "n_zero": int(np.count_nonzero(~flipped & (weights == 0))),
            "n_flipped": int(np.count_nonzero(flipped)),
        }
    return CostReport(
        labels=list(names[:n_labels]),
        kind=kind,
        n_rows=len(every),
        n_unreasonable=n_unreasonable,
        n_dominated=dict(
            zip(names, rules.dominated(every).sum(axis=0).tolist(), strict=True)
        ),
        exact=is_row_constant(cells) and not n_unreasonable and not further,
        consistent=None if per_row else rank < n_labels,
        rank=rank,
        **stakes,
    )

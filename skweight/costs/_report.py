"""Report whether right decisions cost least, and whether weights can replace costs."""

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
        Number of rows in which a wrong decision costs less than the right decision.
    n_dominated : dict {decision: int}
        Number of rows in which the decision is never chosen, because for all
        probabilities another decision is as cheap or cheaper. With three or more
        classes, a row is counted only if the same other decision is as cheap or cheaper
        for all probabilities.
    exact : bool
        Whether weights are equivalent to the matrix: row weights if costs differ
        between rows, otherwise class weights. Weights are equivalent if all mistakes
        about a true class cost the same and if all decisions are labels.
    consistent : bool or None
        Whether class weights exist whose ratios match the cost ratios of all pairs of
        classes. If `exact` is true, `consistent` is true, too. If `consistent` is true,
        `exact` may be false. None if costs differ between rows.
    rank : int or None
        Rank of the linear system that compares all pairs of classes. The rank is below
        the number of classes if `consistent` is true. None if costs differ between
        rows.
    n_zero : int or None
        Number of rows in which all decisions cost the same, given the label; None
        without labels.
    n_flipped : int or None
        Number of rows in which another decision is cheaper than the label; None without
        labels.

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
        """Whether the right decision is the cheapest decision in each row."""
        return self.n_unreasonable == 0

    def to_dict(self):
        """Return the report as plain Python values.

        Returns
        -------
        report : dict
            The attributes of the report, by name.
        """
        return {**asdict(self), "reasonable": self.reasonable}

    def _lines(self):
        kinds = {
            "insensitive": "all mistakes cost the same, so the costs do not change "
            "any decision",
            "class": "costs depend on the classes alone",
            "instance": f"costs differ from row to row ({self.n_rows:,} rows)",
        }
        yield kinds[self.kind]
        if self.reasonable:
            yield (
                "reasonable: the right decision never costs more than a wrong decision"
            )
        else:
            yield (
                f"not reasonable: in {self.n_unreasonable:,} of {self.n_rows:,} "
                "rows, a wrong decision costs less than the right decision"
            )
        for label, count in self.n_dominated.items():
            if count:
                yield (
                    f"the decision {say(label)} is never the cheapest in {count:,} "
                    f"of {self.n_rows:,} rows"
                )
        if self.exact:
            yield "weights can express these costs exactly"
        else:
            rank = "" if self.rank is None else f" (rank {self.rank})"
            yield (
                f"weights cannot express these costs exactly{rank}: use the costs "
                "in the decision"
            )
        if self.n_flipped:
            yield (
                f"in {self.n_flipped:,} rows, another decision is cheaper than the "
                "label"
            )
        if self.n_zero:
            yield f"in {self.n_zero:,} rows, all decisions cost the same"

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

"""Rows that arrive in chunks: weights for a stream, and mini-batches with quotas."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from skweight._utils.roles import in_range
from skweight._utils.validation import (
    check_choice,
    check_count,
    check_labels,
    check_number,
    check_weights,
    did_you_mean,
    encode_labels,
    say,
    values_by_label,
)
from skweight.delivery._draw import systematic_resample

__all__ = ["BalancedBatches", "Streaming"]


# Exponents s by mode: a row of weight w is drawn w ** s times on average.
DRAWN_SHARE = {"weight": 0.0, "hybrid": 0.5, "sample": 1.0}

# Exponent of training weights as a function of the finished share of the warm-up.
_SCHEDULES = {
    "linear": lambda share: share,
    "step": np.floor,
    "cosine": lambda share: (1 - np.cos(np.pi * share)) / 2,
}


class Streaming(BaseEstimator):
    r"""How ``partial_fit`` weighs the rows of a stream.

    Pass this object as ``WeightedClassifier(streaming=...)``. A row of total weight w
    is drawn :math:`w^s` times on average, and gets the weight :math:`w^{1-s}` each
    time. The mean contribution of the row is therefore w for every s.

    Parameters
    ----------
    mode : {"weight", "sample", "hybrid"}, default="weight"
        ``"weight"`` (s = 0): every row once, with its weight. This mode is exact, and
        suits learners that sum over rows, such as naive Bayes. ``"sample"`` (s = 1):
        rows are drawn by their weights. This mode suits stochastic gradients, for which
        large weights would make the steps uneven, or unstable at a large learning rate
        [1]_. ``"hybrid"`` (s = 1/2): the square root of each weight is used to draw the
        row, and again to weight it.
    half_life : float, default=None
        Number of rows after which an earlier row counts only half in the total weights
        of the classes. With a smaller number, the weights follow changes of class
        shares faster, but are noisier. None: nothing is forgotten.
    warmup : int, default=None
        Number of rows during which emphasis (weights that only change training) grows
        from all ones to the full weights of the strategy. A gradient-based learner then
        first learns its features on original rows, before rare classes dominate
        (deferred re-weighting [3]_). Population weights apply from the first row on.
        Rows of an earlier `fit` count towards this number. None: full emphasis from the
        first row.
    schedule : {"linear", "step", "cosine"}, default="linear"
        How emphasis grows during the warm-up. ``"linear"``: evenly. ``"step"``: all at
        once, after `warmup` rows. ``"cosine"``: slowly at both ends. Only used with a
        `warmup`.

    See Also
    --------
    WeightedClassifier.partial_fit : Uses this object.
    BalancedBatches : Batches with exact class quotas, if all rows are at hand at once.

    Notes
    -----
    Class shares are ratios of decaying sums, :math:`\sum_i \lambda^{n-i} [y_i = k]`
    divided by the sum of these sums over k. Each share is a moving average with a
    corrected start, as in Adam [2]_: the time before the first row has no influence.

    With `warmup` T, row t has the emphasis (training weight) :math:`e_t^{a(t)}`,
    divided by its mean over the population. For the three schedules, :math:`a(t)` is
    :math:`t / T`, :math:`[t \ge T]`, and :math:`(1 - \cos(\pi t / T)) / 2`; from T on
    it is 1. ``calibration="prior"`` removes the effect of the total emphasis of all
    rows so far.

    References
    ----------
    .. [1] An, J., Ying, L., Zhu, Y. (2021). Why resampling outperforms reweighting for
       correcting sampling bias with stochastic gradients. ICLR, section 3.
    .. [2] Kingma, D., Ba, J. (2015). Adam: a method for stochastic optimization. ICLR,
       section 3.
    .. [3] Cao, K., Wei, C., Gaidon, A., Arechiga, N., Ma, T. (2019). Learning
       imbalanced datasets with label-distribution-aware margin loss. NeurIPS,
       section 3.4.

    Examples
    --------
    >>> from sklearn.linear_model import SGDClassifier
    >>> from skweight import Streaming, WeightedClassifier
    >>> from skweight.datasets import make_imbalanced
    >>> data = make_imbalanced(2000, prevalence=0.05, random_state=0)
    >>> clf = WeightedClassifier(
    ...     SGDClassifier(loss="log_loss", random_state=0),
    ...     streaming=Streaming("sample", half_life=1000),
    ...     random_state=0,
    ... )
    >>> for start in range(0, 2000, 100):
    ...     chunk = slice(start, start + 100)
    ...     clf = clf.partial_fit(data.X[chunk], data.y[chunk], classes=[0, 1])
    >>> [round(share, 1) for share in clf.report_.training_share]
    [0.5, 0.5]
    """

    def __init__(
        self, mode="weight", *, half_life=None, warmup=None, schedule="linear"
    ):
        self.mode = mode
        self.half_life = half_life
        self.warmup = warmup
        self.schedule = schedule

    def check(self):
        """Raise if a parameter has an invalid value."""
        check_choice(self.mode, list(DRAWN_SHARE), name="streaming.mode")
        if self.half_life is not None:
            check_number(self.half_life, name="half_life", low=0, include="neither")
        check_choice(self.schedule, list(_SCHEDULES), name="streaming.schedule")
        if self.warmup is not None:
            check_number(self.warmup, name="warmup", low=1)

    def strength(self, rows):
        """Return the exponent of training weights after given numbers of rows.

        Parameters
        ----------
        rows : array-like
            Numbers of previous rows.

        Returns
        -------
        strength : ndarray
            Exponents of the emphasis, in [0, 1].
        """
        rows = np.asarray(rows, dtype=np.float64)
        if self.warmup is None:
            return np.ones_like(rows)
        return _SCHEDULES[self.schedule](np.minimum(rows / self.warmup, 1.0))

    @classmethod
    def _instances(cls, labels):
        """Return instances of this class for tests on rows with the given labels."""
        return [cls(), cls("sample", half_life=100), cls(warmup=50)]


def resolve_streaming(spec):
    """Return the :class:`Streaming` for a value of ``streaming=``."""
    if isinstance(spec, Streaming):
        return spec
    if isinstance(spec, str) and spec in DRAWN_SHARE:
        return Streaming(spec)
    raise ValueError(
        f"streaming must be one of {list(DRAWN_SHARE)}, or a Streaming; got {spec!r}."
        f"{did_you_mean(spec, DRAWN_SHARE)}"
    )


class BalancedBatches:
    r"""Create mini-batches (as row numbers) in which every class has its quota.

    Use this class for learners that are fitted batch by batch: loops over
    ``partial_fit``, and the ``DataLoader`` of PyTorch, whose argument ``batch_sampler``
    accepts this object (PyTorch itself is not needed). Weights on the rows of a batch
    make the steps of gradient descent uneven, or even unstable. If rows are instead
    drawn in proportion to their weights, the mean gradient is the same and the steps
    are even [1]_.

    A batch of m rows has :math:`m \, q_k / \sum_j q_j` rows of class k, with quotas
    :math:`q`. If this number is not a whole number, it is rounded up in some batches
    and down in other batches. In every batch, and in total, the number of rows of a
    class is wrong by less than one row. If class k has :math:`m_k` draws in an epoch,
    row i of this class is drawn

    .. math:: \lfloor m_k w_i / \textstyle\sum_{j \in k} w_j \rfloor

    times or once more, evenly spread over the epoch.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Class labels of the rows.
    batch_size : int
        Rows in a batch. With larger batches, the steps are less noisy, but there are
        fewer steps.
    weights : array-like of shape (n_samples,), default=None
        How often a row is drawn, relative to the other rows of its class. The shares of
        the classes depend on the weights only if `quotas` is ``"proportional"``. None:
        equal weights. A row of weight zero is never drawn.
    quotas : None, "proportional" or dict, default=None
        Shares of the classes in every batch. None: equal shares. ``"proportional"``: in
        proportion to the total weights of the classes. A dict ``{label: share}`` gives
        rows per batch, or shares in any other unit.
    n_batches : int, default=None
        Batches in an epoch. None: all ranks (processes) together draw as many rows as
        `y` has.
    rank : int, default=0
        Number of this process in distributed training, from 0. Each rank gets its own
        batches of the same epoch. The quotas hold for each rank.
    world_size : int, default=1
        Number of processes.
    random_state : int, RandomState instance or None, default=None
        Seed. Epochs differ from each other, and the same seed gives the same epochs.
        With several ranks, `random_state` must be the same integer on all ranks.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, sorted.
    quotas_ : ndarray of shape (n_classes,)
        Rows of every class in a batch, on average.
    class_multiplier_ : ndarray of shape (n_classes,)
        Share of every class in the batches, divided by its share of the total weight. A
        :class:`~skweight.calibration.PriorCalibrator` corrects probabilities with these
        factors.
    epoch : int
        Number of the next epoch.

    Raises
    ------
    ValueError
        If parameters cannot be used, or a class with a quota has no row to draw.

    See Also
    --------
    skweight.WeightedClassifier : Has a ``partial_fit`` for rows that arrive in chunks.

    Notes
    -----
    An epoch costs O(n log n) time and O(n) memory.

    References
    ----------
    .. [1] An, J., Ying, L., Zhu, Y. (2021). Why resampling outperforms reweighting for
       correcting sampling bias with stochastic gradients. ICLR, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight import BalancedBatches
    >>> y = np.array(["rare"] + ["common"] * 9)
    >>> batches = BalancedBatches(y, 4, random_state=0)
    >>> for rows in batches:
    ...     print(np.sort(y[rows]))
    ['common' 'common' 'rare' 'rare']
    ['common' 'common' 'rare' 'rare']
    ['common' 'common' 'rare' 'rare']
    """

    def __init__(
        self,
        y,
        batch_size,
        *,
        weights=None,
        quotas=None,
        n_batches=None,
        rank=0,
        world_size=1,
        random_state=None,
    ):
        y = check_labels(y, owner="BalancedBatches")
        self.classes_, codes = encode_labels(y)
        self.batch_size = check_count(batch_size, name="batch_size")
        self.world_size = check_count(world_size, name="world_size")
        self.rank = check_count(rank, name="rank", low=0)
        if self.rank >= self.world_size:
            raise ValueError(
                f"rank must be below world_size={self.world_size}, because the first "
                f"rank is 0; got {rank!r}."
            )
        if self.world_size > 1 and not isinstance(random_state, int | np.integer):
            raise ValueError(
                "With world_size > 1, random_state must be the same integer on every "
                "rank; otherwise the ranks draw from different epochs. Got "
                f"{random_state!r}."
            )
        self.n_batches = (
            -(-codes.size // (self.batch_size * self.world_size))
            if n_batches is None
            else check_count(n_batches, name="n_batches")
        )
        self._weights = None
        if weights is not None:
            self._weights = in_range(check_weights(weights, codes.size))
        self._rows = [np.flatnonzero(codes == k) for k in range(self.classes_.size)]
        masses = np.bincount(codes, self._weights, self.classes_.size)
        shares = self._shares(quotas, masses)
        self.quotas_ = self.batch_size * shares
        self.class_multiplier_ = np.divide(
            shares * masses.sum(), masses, out=np.ones_like(shares), where=masses > 0
        )
        self._seed = check_random_state(random_state).randint(2**31 - 1)
        self.epoch = 0

    def set_epoch(self, epoch):
        """Set the epoch of the next iteration, to resume or repeat an epoch.

        Parameters
        ----------
        epoch : int
            Number of the epoch; the first is 0.

        Returns
        -------
        self : object
            The batches.
        """
        check_number(epoch, name="epoch", low=0)
        self.epoch = int(epoch)
        return self

    def __len__(self):
        return self.n_batches

    def __iter__(self):
        rng = np.random.RandomState(
            np.random.MT19937(np.random.SeedSequence([self._seed, self.epoch]))
        )
        self.epoch += 1
        seats = apportion(self.quotas_, self.n_batches * self.world_size)
        drawn = [
            self._draw(rows, total, rng)
            for rows, total in zip(self._rows, seats.sum(axis=0), strict=True)
        ]
        ends = np.cumsum(seats, axis=0)
        # In each step, the ranks (processes) get consecutive batches, so that these
        # batches together keep the quotas. From step to step, the ranks take the
        # batches in another order, so that each rank keeps the quotas too.
        steps = np.arange(self.n_batches)
        mine = steps * self.world_size + (self.rank + steps) % self.world_size
        for batch_number in mine:
            start, end = ends[batch_number] - seats[batch_number], ends[batch_number]
            batch = np.concatenate(
                [
                    rows[first:last]
                    for rows, first, last in zip(drawn, start, end, strict=True)
                ]
            )
            yield rng.permutation(batch)

    def _shares(self, quotas, masses):
        if quotas is None:
            shares = np.ones(masses.size)
        elif isinstance(quotas, str) and quotas == "proportional":
            shares = masses
        elif hasattr(quotas, "items"):
            shares = values_by_label(quotas, self.classes_, name="quotas")
        else:
            raise TypeError(
                "quotas must be None, 'proportional' or a dict {label: share}; got "
                f"{quotas!r}."
            )
        if not shares.sum() > 0:
            raise ValueError("quotas are zero for every class, so no row can be drawn.")
        empty = (shares > 0) & (masses == 0)
        if empty.any():
            raise ValueError(
                f"The classes {say(self.classes_[empty])} have a quota, but no row of "
                "positive weight. Set their quota to 0, or give their rows a positive "
                "weight."
            )
        return shares / shares.sum()

    def _draw(self, rows, n_draws, rng):
        """Return rows of one class, drawn by weight and spread evenly over an epoch."""
        rows = rng.permutation(rows)
        weights = np.ones(rows.size) if self._weights is None else self._weights[rows]
        if not n_draws:
            return rows[:0]
        drawn = systematic_resample(weights, n_draws, random_state=rng)
        times = np.bincount(drawn, minlength=rows.size)
        # If a row is drawn c times, the epoch is divided into c equal parts, and one
        # draw of the row is placed in each part. So the row does not occur twice in one
        # batch.
        first = np.cumsum(times) - times
        turn = np.arange(drawn.size) - first[drawn]
        place = (turn + rng.uniform(size=rows.size)[drawn]) / times[drawn]
        return rows[drawn[np.argsort(place, kind="stable")]]


def apportion(quotas, n_batches):
    """Return whole numbers of rows per batch and class, close to fractional quotas.

    Parameters
    ----------
    quotas : ndarray of shape (n_classes,)
        Rows per batch and class; their sum is a whole number.
    n_batches : int
        Number of batches.

    Returns
    -------
    seats : ndarray of shape (n_batches, n_classes), dtype int
        Rows of each class in each batch. The sum for each batch is the sum of `quotas`.
    """
    size = round(quotas.sum())
    seats = np.empty((n_batches, quotas.size), dtype=np.intp)
    due = np.zeros(quotas.size)
    for batch in range(n_batches):
        due = due + quotas
        # A number that is below a whole number only by a rounding error counts as this
        # whole number.
        counts = np.maximum(np.floor(due + 1e-9), 0).astype(np.intp)
        rest = size - counts.sum()
        if rest > 0:
            counts[np.argsort(counts - due, kind="stable")[:rest]] += 1
        elif rest < 0:
            # The classes should get more rows in total than the batch has, because some
            # classes got more than their share in earlier batches. So some classes get
            # one row less in this batch.
            ahead = np.where(counts > 0, due - counts, np.inf)
            counts[np.argsort(ahead, kind="stable")[:-rest]] -= 1
        seats[batch] = counts
        due -= counts
    return seats

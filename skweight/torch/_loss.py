"""A loss with weights, and class weights as a tensor."""

import numpy as np
from sklearn.base import clone

from skweight._utils.optional import import_optional
from skweight._utils.roles import varies_within
from skweight._utils.validation import check_labels, encode_labels
from skweight.weighting import resolve_weighting

torch = import_optional("torch", extra="torch", feature="skweight.torch")


def class_weight_tensor(weighting, y, sample_weight=None, *, dtype=None):
    """Return the weight of every class as a tensor.

    Parameters
    ----------
    weighting : str, dict, strategy or list of these
        A value of the parameter ``weighting`` of `WeightedClassifier`. The weights must
        depend only on the class, for example ``"balanced"``, ``{label: weight}`` or
        ``BalancedWeighting(strength=0.5)``.
    y : array-like of shape (n_samples,)
        Labels of the training rows, of any type.
    sample_weight : array-like of shape (n_samples,), default=None
        Population weights of the training rows; None means ones.
    dtype : torch.dtype, default=None
        Type of the tensor; None uses the default type of PyTorch.

    Returns
    -------
    weight : torch.Tensor of shape (n_classes,)
        Weights of the classes in the order of the sorted labels. The mean weight of the
        rows is 1, so that the learning rate has the same meaning as without weights.

    Raises
    ------
    ValueError
        If two rows of the same class have different weights.
    ImportError
        If PyTorch is not installed.

    See Also
    --------
    WeightedLoss : Uses the tensor as ``class_weight=``.

    Examples
    --------
    >>> from skweight.torch import class_weight_tensor
    >>> class_weight_tensor("balanced", [0, 0, 0, 1])
    tensor([0.6667, 2.0000])
    """
    codes = encode_labels(check_labels(y, owner="class_weight_tensor"))[1]
    # There are no features.
    X = np.empty((codes.shape[0], 0))
    strategy = clone(resolve_weighting(weighting))
    weight = strategy.fit_weigh(X, y, sample_weight=sample_weight)
    if varies_within(weight, codes):
        raise ValueError(
            f"weighting must give all rows of a class the same weight; got "
            f"weighting={weighting!r}. Pass a weight per row instead: "
            "WeightedLoss(loss)(input, target, sample_weight)."
        )
    first = np.unique(codes, return_index=True)[1]
    return torch.tensor(weight[first], dtype=dtype or torch.get_default_dtype())


class WeightedLoss(torch.nn.Module):
    r"""A loss of PyTorch with weights, divided by the number of rows.

    ``CrossEntropyLoss(weight=...)`` divides the loss of a batch by the total weight of
    its rows. Then a batch without rows of the rare class counts as much as a batch with
    three rows of the rare class. Therefore the mean over all batches is not the
    weighted loss of all rows. With batches of 8 rows and 2 % rows of the rare class,
    the mean gradient of the batches is nearly orthogonal to the gradient over all rows
    (cosine 0.15). If the loss of a batch is divided by the number m of its rows, the
    mean over the batches is right for every batch size [1]_:

    .. math:: \frac{1}{m} \sum_{i=1}^m w_i\, c_{y_i}\, \ell(z_i, y_i).

    Parameters
    ----------
    loss : callable
        Function that returns a loss for each row: a criterion with
        ``reduction="none"``, or a function of input and target. If the function returns
        several losses for a row, one for each element of the output, the mean of these
        losses is used.
    class_weight : torch.Tensor of shape (n_classes,), default=None
        Weight of every class, for example from :func:`class_weight_tensor`. With class
        weights, the targets must be the codes 0, 1, ... of the classes. The tensor is
        stored as a buffer of the module.

    See Also
    --------
    WeightedNetClassifier : The same loss in skorch.
    skweight.BalancedBatches : Batches with equally many rows of every class.

    Notes
    -----
    The weights should have a mean of 1 over all rows, like the weights from the
    strategies of this library. If the mean is not 1, the weights also change the
    effective learning rate.

    References
    ----------
    .. [1] J. Byrd, Z. Lipton, "What is the effect of importance weighting in deep
       learning?", ICML 2019, section 3.

    Examples
    --------
    >>> import torch
    >>> from skweight.torch import WeightedLoss, class_weight_tensor
    >>> y = torch.tensor([0, 0, 0, 1])
    >>> logits = torch.zeros(4, 2)
    >>> criterion = WeightedLoss(
    ...     torch.nn.CrossEntropyLoss(reduction="none"),
    ...     class_weight_tensor("balanced", y),
    ... )
    >>> criterion(logits, y)
    tensor(0.6931)
    >>> criterion(logits[:1], y[:1])  # a batch of one frequent row
    tensor(0.4621)
    """

    def __init__(self, loss, class_weight=None):
        super().__init__()
        self.loss = loss
        if class_weight is not None:
            class_weight = torch.as_tensor(class_weight).detach().clone()
        self.register_buffer("class_weight", class_weight)

    def forward(self, input, target, sample_weight=None):
        """Return the loss of a batch.

        Parameters
        ----------
        input : torch.Tensor of shape (n_rows, ...)
            Output of the model.
        target : torch.Tensor of shape (n_rows, ...)
            Labels of the rows, or codes of labels.
        sample_weight : torch.Tensor of shape (n_rows,), default=None
            Weight of every row; None means ones.

        Returns
        -------
        loss : torch.Tensor
            A scalar.

        Raises
        ------
        ValueError
            If `loss` does not return a loss for each row, or shapes do not match.
        """
        losses = self.loss(input, target)
        if self.class_weight is not None:
            by_row = self.class_weight[target.long()]
            if by_row.ndim != 1:
                raise ValueError(
                    "class_weight needs one code of a class for each row; got targets "
                    f"of shape {tuple(target.shape)}. Pass sample_weight instead."
                )
            sample_weight = by_row if sample_weight is None else by_row * sample_weight
        return mean_over_rows(losses, len(target), sample_weight)


def mean_over_rows(losses, n_rows, weight):
    """Return the weighted sum of the losses, divided by the number of rows."""
    if losses.ndim == 0 or len(losses) != n_rows:
        raise ValueError(
            f"The loss must return a value for each of the {n_rows} rows; got shape "
            f"{tuple(losses.shape)}. Create the loss with reduction='none'."
        )
    by_row = losses.reshape(n_rows, -1).mean(dim=1)
    if weight is None:
        return by_row.mean()
    weight = torch.as_tensor(weight, device=by_row.device).to(by_row.dtype)
    if weight.shape != by_row.shape:
        raise ValueError(
            f"sample_weight must have shape ({n_rows},), one weight for each row; got "
            f"{tuple(weight.shape)}."
        )
    return weight @ by_row / n_rows

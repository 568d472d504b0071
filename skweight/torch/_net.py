"""A skorch classifier whose fit takes weights."""

from collections.abc import Mapping

from skweight._utils.optional import import_optional
from skweight._utils.validation import check_weights
from skweight.torch._loss import mean_over_rows, torch

skorch = import_optional(
    "skorch", extra="torch", feature="skweight.torch.WeightedNetClassifier"
)

# Key of the row weights in the dict that also holds the features.
_WEIGHT, _FEATURES = "skweight_sample_weight", "X"


class WeightedNetClassifier(skorch.NeuralNetClassifier):
    r"""A ``NeuralNetClassifier`` of skorch whose ``fit`` takes ``sample_weight``.

    ``skorch.NeuralNetClassifier`` does not pass row weights to the loss. With
    ``criterion__weight``, skorch divides the loss of a batch by the total weight of the
    rows of the batch (see :class:`WeightedLoss`). ``WeightedNetClassifier`` splits,
    shuffles and batches the row weights together with the rows. The loss of a batch of
    m rows is :math:`\frac{1}{m} \sum_i w_i \ell_i`.
    :class:`~skweight.WeightedClassifier` can therefore fit a network with any strategy.

    Parameters
    ----------
    module : torch.nn.Module class or instance
        The network.
    criterion : torch.nn.Module class, default=NLLLoss
        Loss, created with ``reduction="none"``. As in skorch, the default loss expects
        probabilities, the output of a softmax. For a network that returns logits, use
        ``torch.nn.CrossEntropyLoss``.
    **kwargs : object
        Other parameters of ``skorch.NeuralNetClassifier``.

    See Also
    --------
    WeightedLoss : The loss, for your own training loop.

    Notes
    -----
    The loss on the validation rows of ``train_split`` is weighted, too. If the weights
    include class weights, do not use this weighted loss for early stopping. Use
    :class:`~skweight.metrics.RefinedLogLoss` instead.

    If the row weights include class weights, do not also set ``criterion__weight``.
    Otherwise, the loss would contain the class weights twice.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from skweight import WeightedClassifier
    >>> from skweight.datasets import make_imbalanced
    >>> from skweight.torch import WeightedNetClassifier
    >>> data = make_imbalanced(1000, prevalence=0.1, random_state=0)
    >>> X = data.X.astype(np.float32)
    >>> _ = torch.manual_seed(0)
    >>> net = WeightedNetClassifier(
    ...     torch.nn.Linear(5, 2),
    ...     criterion=torch.nn.CrossEntropyLoss,
    ...     train_split=None,
    ...     max_epochs=20,
    ...     lr=0.3,
    ...     verbose=0,
    ... )
    >>> clf = WeightedClassifier(net, calibration="sigmoid", cv=3, random_state=0)
    >>> p = clf.fit(X, data.y).predict_proba(X)[:, 1]
    >>> print(f"{clf.estimator_.predict_proba(X)[:, 1].mean():.2f} {p.mean():.2f}")
    0.32 0.10
    """

    def __init__(self, module, *, criterion=torch.nn.NLLLoss, **kwargs):
        super().__init__(module, criterion=criterion, **kwargs)

    def fit(self, X, y, sample_weight=None, **fit_params):
        """Fit the network with weights.

        Parameters
        ----------
        X : array-like, torch.Tensor or dict of these
            Features of the training rows, of any type that skorch accepts, except a
            Dataset.
        y : array-like of shape (n_samples,)
            Codes of the labels (0, 1, ...), as the criterion expects them.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; None means ones.
        **fit_params : object
            The same as in skorch.

        Returns
        -------
        self : object
            The fitted classifier.
        """
        return super().fit(self._with_weights(X, y, sample_weight), y, **fit_params)

    def partial_fit(self, X, y, classes=None, sample_weight=None, **fit_params):
        """Continue the training, with weights.

        Parameters
        ----------
        X : array-like, torch.Tensor or dict of these
            Features of the training rows, as in `fit`.
        y : array-like of shape (n_samples,)
            Codes of the labels.
        classes : array-like, default=None
            The same as in skorch.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; None means ones.
        **fit_params : object
            The same as in skorch.

        Returns
        -------
        self : object
            The classifier.
        """
        X = self._with_weights(X, y, sample_weight)
        return super().partial_fit(X, y, classes=classes, **fit_params)

    def get_params_for(self, prefix):
        """Return the parameters of a part; criteria get ``reduction="none"``.

        Parameters
        ----------
        prefix : str
            Name of the part of the network, such as ``"module"`` or ``"criterion"``.

        Returns
        -------
        params : dict
            The parameters of the part.
        """
        params = super().get_params_for(prefix)
        return {**params, "reduction": "none"} if prefix == "criterion" else params

    def infer(self, x, **fit_params):
        """Return the output of the module for a batch, without the weights.

        Parameters
        ----------
        x : torch.Tensor or dict
            Batch of rows.
        **fit_params : object
            The same as in skorch.

        Returns
        -------
        output : torch.Tensor
            Output of the module.
        """
        if isinstance(x, Mapping) and _WEIGHT in x:
            x = {name: value for name, value in x.items() if name != _WEIGHT}
            if list(x) == [_FEATURES]:
                x = x[_FEATURES]
        return super().infer(x, **fit_params)

    def get_loss(self, y_pred, y_true, X=None, *args, **kwargs):
        """Return the weighted loss of a batch, divided by the number of rows.

        Parameters
        ----------
        y_pred : torch.Tensor
            Output of the module.
        y_true : torch.Tensor
            Codes of the labels.
        X : torch.Tensor or dict, default=None
            Batch of rows, with the weights of the rows.
        *args, **kwargs : object
            The same as in skorch.

        Returns
        -------
        loss : torch.Tensor
            A scalar.
        """
        losses = super().get_loss(y_pred, y_true, X, *args, **kwargs)
        weight = X[_WEIGHT] if isinstance(X, Mapping) and _WEIGHT in X else None
        return mean_over_rows(losses, len(y_true), weight)

    @staticmethod
    def _with_weights(X, y, sample_weight):
        """Return rows together with their weights."""
        if sample_weight is None:
            return X
        weight = check_weights(sample_weight, len(y))
        rows = dict(X) if isinstance(X, Mapping) else {_FEATURES: X}
        return {**rows, _WEIGHT: weight}

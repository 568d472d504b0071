"""What scorers of our own share: they ask for their metadata as scikit-learn's do."""

from sklearn.utils.metadata_routing import MetadataRequest


class RoutedScorer:
    """Base of scorers ``scorer(estimator, X, y, sample_weight=None, **metadata)``."""

    _weight_request = None

    def _metadata_names(self):
        """Return the row-wise arrays, besides weights, that the scorer must be given.

        They are requested by the mere fact that they are named.
        """
        return []

    def set_score_request(self, *, sample_weight):
        """Say whether `sample_weight` is to be routed to the scorer.

        Parameters
        ----------
        sample_weight : bool, None or str
            As in scikit-learn. Other arrays that the scorer was told to read are
            requested by that alone.

        Returns
        -------
        self : object
            The scorer.
        """
        self._weight_request = sample_weight
        return self

    def get_metadata_routing(self):
        """Return what the scorer asks for.

        Returns
        -------
        routing : MetadataRequest
            Requests of scikit-learn.
        """
        request = MetadataRequest(owner=type(self).__name__)
        request.score.add_request(param="sample_weight", alias=self._weight_request)
        for name in self._metadata_names():
            request.score.add_request(param=name, alias=True)
        return request

"""Base of scorers with metadata routing, as in scikit-learn."""

from sklearn.utils.metadata_routing import MetadataRequest


class RoutedScorer:
    """Base of scorers ``scorer(estimator, X, y, sample_weight=None, **metadata)``."""

    _weight_request = None

    def _metadata_names(self):
        """Return the names of all requested arrays except `sample_weight`.

        A scorer requests an array if one of its parameters names the array.
        """
        return []

    def set_score_request(self, *, sample_weight):
        """Request `sample_weight` for the scorer, or not.

        Parameters
        ----------
        sample_weight : bool, None or str
            The request for `sample_weight`, as in scikit-learn. Other arrays that the
            scorer uses are always requested.

        Returns
        -------
        self : object
            The scorer.
        """
        self._weight_request = sample_weight
        return self

    def get_metadata_routing(self):
        """Return the metadata that the scorer requests.

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

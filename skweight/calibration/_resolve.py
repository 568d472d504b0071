"""Turn the value of ``calibration=`` into a calibrator."""

import inspect

from sklearn.base import ClassifierMixin

from skweight._utils.validation import did_you_mean
from skweight.calibration._anchored import AnchoredCalibrator
from skweight.calibration._auto import AutoCalibrator
from skweight.calibration._beta import BetaCalibrator
from skweight.calibration._focal import FocalCalibrator
from skweight.calibration._isotonic import IsotonicCalibrator
from skweight.calibration._prior import PriorCalibrator
from skweight.calibration._quadratic import QuadraticCalibrator
from skweight.calibration._scaling import (
    StructuredMatrixScalingCalibrator,
    VectorScalingCalibrator,
)
from skweight.calibration._sigmoid import SigmoidCalibrator
from skweight.calibration._temperature import TemperatureCalibrator
from skweight.calibration._venn_abers import VennAbersCalibrator

# Add a row here to give a new calibrator a name.
CALIBRATORS = {
    "anchored": AnchoredCalibrator,
    "auto": AutoCalibrator,
    "beta": BetaCalibrator,
    "focal": FocalCalibrator,
    "isotonic": IsotonicCalibrator,
    "matrix": StructuredMatrixScalingCalibrator,
    "prior": PriorCalibrator,
    "quadratic": QuadraticCalibrator,
    "sigmoid": SigmoidCalibrator,
    "temperature": TemperatureCalibrator,
    "vector": VectorScalingCalibrator,
    "venn_abers": VennAbersCalibrator,
}

# The literature uses the following names for the calibrators of this package. A
# spelling suggestion cannot find these names, because they differ too much from the
# names of this package.
_OTHER_WORDS = {
    "inversion": "prior",
    "logistic": "sigmoid",
    "pav": "isotonic",
    "pava": "isotonic",
    "platt": "sigmoid",
    "sms": "matrix",
    "structured_matrix_scaling": "matrix",
    "svs": "vector",
    "vector_scaling": "vector",
}


def resolve_calibrator(spec):
    """Return the calibrator for a specification.

    Parameters
    ----------
    spec : None, str or calibrator
        A name, such as ``"auto"``, ``"sigmoid"`` or ``"prior"``; an object with
        ``fit(scores, y, sample_weight)`` and ``predict_proba(scores)``; or None for no
        calibration.

    Returns
    -------
    calibrator : object or None
        If ``spec`` is a name, a new calibrator; otherwise ``spec`` itself. Clone
        ``spec`` before fitting.

    Raises
    ------
    ValueError
        If the name is unknown.
    TypeError
        If ``spec`` is neither a name nor a calibrator nor None.

    Examples
    --------
    >>> from skweight.calibration._resolve import resolve_calibrator
    >>> resolve_calibrator("isotonic")
    IsotonicCalibrator()
    """
    if spec is None:
        return None
    if isinstance(spec, str) and spec in CALIBRATORS:
        return CALIBRATORS[spec]()
    names = ", ".join(map(repr, CALIBRATORS))
    if isinstance(spec, str):
        word = spec.lower()
        hint = did_you_mean(_OTHER_WORDS.get(word, word), CALIBRATORS)
        raise ValueError(
            f"calibration must be one of {names}, a calibrator object or None; got "
            f"{spec!r}.{hint}"
        )
    if inspect.isclass(spec):
        raise TypeError(
            f"calibration must be one of {names}, a calibrator object or None; got the "
            f"class {spec.__name__}. Pass an instance: {spec.__name__}()."
        )
    if isinstance(spec, ClassifierMixin):
        raise TypeError(
            f"calibration must be one of {names}, None, or a calibrator of scores; "
            f"got the classifier {spec!r}. A classifier learns from X, but a "
            "calibrator learns from scores. For a logistic regression on the scores, "
            "pass 'sigmoid'."
        )
    missing = [
        name
        for name in ("fit", "predict_proba")
        if not callable(getattr(spec, name, None))
    ]
    if missing:
        raise TypeError(
            f"calibration must be one of {names}, None, or an object with fit(scores, "
            f"y, sample_weight) and predict_proba(scores); got {spec!r} of type "
            f"{type(spec).__name__}, which lacks {' and '.join(missing)}."
        )
    return spec

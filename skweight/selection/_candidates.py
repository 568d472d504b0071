"""The classifiers of a comparison: every weighting with every calibration."""

from dataclasses import dataclass

from sklearn.base import clone, is_classifier

from skweight._utils.validation import check_number, is_sequence, say
from skweight.calibration._resolve import resolve_calibrator
from skweight.classifier import WeightedClassifier
from skweight.stabilizers import TemperStabilizer
from skweight.weighting import ProductWeighting, resolve_weighting
from skweight.weighting._base import factors_of

UNWEIGHTED = "none"
NOT_CALIBRATED = "not calibrated"


@dataclass(frozen=True)
class Strategy:
    """What a comparison stores about a strategy, without rows and models."""

    name: str
    weighting: str
    calibration: str
    strength: float | None
    unweighted: bool
    settings: str


@dataclass(frozen=True)
class Candidate:
    """One strategy of a comparison: a name, and a classifier to be fitted."""

    name: str
    weighting: str
    calibration: str
    strength: float | None
    unweighted: bool
    classifier: object

    def told(self):
        """Return the stored part."""
        return Strategy(
            self.name,
            self.weighting,
            self.calibration,
            self.strength,
            self.unweighted,
            repr(sorted(self.classifier.get_params().items(), key=lambda kv: kv[0])),
        )


def candidates(estimator, weightings, calibrations, strengths, ablation, X_target):
    """Return the candidates in the order of the result.

    Each candidate is a `WeightedClassifier`, even without a weighting, because a
    `WeightedClassifier` passes population weights to every part that needs weights.
    """
    weightings = {
        name: spec if _is_ready(spec) else with_target(spec, X_target)
        for name, spec in named_weightings(weightings).items()
    }
    calibrations = named_calibrations(calibrations)
    crossed = [
        (w, c, None)
        for w, spec in weightings.items()
        if not _is_ready(spec)
        for c in calibrations
    ]
    if ablation:
        # Each part is removed alone, and then both together.
        crossed += [
            candidate
            for w, c, _ in list(crossed)
            for candidate in ((UNWEIGHTED, c, None), (w, NOT_CALIBRATED, None))
        ] + [(UNWEIGHTED, NOT_CALIBRATED, None)]
        calibrations = {**calibrations, NOT_CALIBRATED: None}
        weightings = {UNWEIGHTED: None, **weightings}
    crossed += [
        (w, c, float(strength))
        for w, spec in weightings.items()
        if spec is not None and not _is_ready(spec)
        for c in (list(calibrations)[:1])
        for strength in _checked(strengths)
    ]
    many = len({c for _, c, _ in crossed}) > 1
    candidates = {}
    for w, c, strength in crossed:
        name = w if strength is None else f"{w}, strength {strength:g}"
        name = f"{name} + {c}" if many else name
        if name not in candidates:
            classifier = _classifier(estimator, weightings[w], calibrations[c])
            if strength is not None:
                classifier = with_strength(classifier, strength)
            candidates[name] = Candidate(
                name, w, c, strength, weightings[w] is None, classifier
            )
    for name, spec in weightings.items():
        if _is_ready(spec):
            classifier = _as_weighted(spec)
            calibration = _name_of(classifier.calibration, NOT_CALIBRATED)
            candidates[name] = Candidate(
                name, name, calibration, None, False, classifier
            )
    return list(candidates.values())


def named_weightings(weightings):
    """Return a dict of weightings by name; "none" (no weights) is always included."""
    if weightings is None:
        weightings = ["balanced"]
    if not hasattr(weightings, "items"):
        specs = weightings if is_sequence(weightings) else [weightings]
        named = {_name_of(spec, UNWEIGHTED): spec for spec in specs}
        if len(named) < len(specs):
            raise ValueError(
                f"Of {len(specs)} strategies in weightings, two have the same name; "
                f"the names are {say(list(named))}. Pass a dict {{name: weighting}}."
            )
        weightings = named
    weightings = {str(name): spec for name, spec in weightings.items()}
    if not any(spec is None for spec in weightings.values()):
        if UNWEIGHTED in weightings:
            raise ValueError(
                f"weightings uses the name {UNWEIGHTED!r} for a strategy, but this "
                "name means no weights, which are always compared. Use another name."
            )
        weightings = {UNWEIGHTED: None, **weightings}
    return weightings


def named_calibrations(calibrations):
    """Return the calibrations by name; None means no calibration."""
    if hasattr(calibrations, "items"):
        return {str(name): spec for name, spec in calibrations.items()}
    specs = calibrations if is_sequence(calibrations) else [calibrations]
    for spec in specs:
        resolve_calibrator(spec)  # refuses what means nothing
    return {_name_of(spec, NOT_CALIBRATED): spec for spec in specs}


def with_target(spec, X_target):
    """Return a weighting; its strategies without target rows get `X_target`.

    If the value of ``weighting=`` is invalid, the error is raised here, before any fit.
    """
    weighting = resolve_weighting(spec)
    if weighting is None or X_target is None:
        return spec
    weighting = clone(weighting)
    lacking = [
        key
        for key, value in weighting.get_params().items()
        if key.rpartition("__")[2] == "X_target" and value is None
    ]
    return weighting.set_params(**dict.fromkeys(lacking, X_target))


def with_strength(classifier, strength):
    """Return the classifier with emphasis weights of this strength."""
    weighting = resolve_weighting(classifier.weighting)
    changed, left = _strengthened(clone(weighting), strength)
    classifier = clone(classifier).set_params(weighting=changed)
    if not left:
        return classifier
    if isinstance(weighting, ProductWeighting) or classifier.stabilizer is not None:
        raise ValueError(
            f"strengths cannot be applied to {weighting!r}, because {say(left)} has "
            "no parameter strength or exponent. A power of the product would change "
            "the other factors, too. Compare strengths of such a strategy alone, "
            "without a stabilizer."
        )
    return classifier.set_params(stabilizer=TemperStabilizer(exponent=strength))


def _strengthened(weighting, strength):
    """Set the strength of a weighting; also return its parts without a strength."""
    if isinstance(weighting, ProductWeighting):
        factors, left = factors_of(weighting), []
        roles = {factor.role for factor in factors}
        for position, factor in enumerate(factors):
            # Population weights have no strength to change.
            if factor.role == "emphasis" or "emphasis" not in roles:
                factors[position], without = _strengthened(clone(factor), strength)
                left += without
        return ProductWeighting(factors), left
    for parameter in ("strength", "exponent"):
        if parameter in weighting.get_params(deep=False):
            return weighting.set_params(**{parameter: strength}), []
    return weighting, [type(weighting).__name__]


def _checked(strengths):
    strengths = [] if strengths is None else list(strengths)
    for strength in strengths:
        check_number(strength, name="strengths", low=0)
    return strengths


def _classifier(estimator, weighting, calibration):
    if isinstance(estimator, WeightedClassifier):
        return clone(estimator).set_params(weighting=weighting, calibration=calibration)
    return WeightedClassifier(estimator, weighting=weighting, calibration=calibration)


def _is_ready(spec):
    """Return whether an entry of `weightings` is a classifier (used unchanged)."""
    return hasattr(spec, "fit") and is_classifier(spec)


def _as_weighted(classifier):
    if isinstance(classifier, WeightedClassifier):
        return clone(classifier)
    return WeightedClassifier(classifier, weighting=None, calibration=None)


def _name_of(spec, of_none):
    if spec is None:
        return of_none
    return spec if isinstance(spec, str) else repr(spec)

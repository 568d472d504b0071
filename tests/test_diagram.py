"""The diagram of a wrapper: weighting, calibration and decision, not one part alone."""

import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import (
    BalancedWeighting,
    CostMatrix,
    CostSensitiveClassifier,
    WeightedClassifier,
    WeightedRegressor,
)
from skweight._utils import compat
from skweight.calibration import SigmoidCalibrator


@pytest.fixture(scope="module")
def rows():
    return make_classification(200, n_features=4, weights=[0.8], random_state=0)


def test_parts_that_go_by_a_name_are_shown(rows):
    clf = WeightedClassifier(
        make_pipeline(StandardScaler(), LogisticRegression()),
        calibration="sigmoid",
        stabilizer=10,
        resampler="random_over",
        decision=0.3,
        ensemble=False,
        cv=3,
    )
    for fitted in (False, True):
        html = (clf.fit(*rows) if fitted else clf)._repr_html_()
        for piece in (
            "BalancedWeighting",
            "CapStabilizer",
            "RandomOverSampler",
            "StandardScaler",
            "LogisticRegression",
            "SigmoidCalibrator",
            "ThresholdDecision",
        ):
            assert piece in html, (piece, fitted)


def test_what_is_not_there_is_said(rows):
    clf = WeightedClassifier(weighting=None, calibration=None).fit(*rows)
    assert "as the estimator predicts" in clf._repr_html_()
    regressor = WeightedRegressor().fit(rows[0], rows[1])
    assert "calibration" not in [role for role, _ in regressor._parts()]


def test_fold_models_are_counted(rows):
    clf = WeightedClassifier(
        LogisticRegression(), calibration="sigmoid", ensemble=True, cv=3
    )
    assert "estimator: 1 of 3" in clf.fit(*rows)._repr_html_()


def test_costs_and_searches_show_the_parts(rows):
    cost = CostMatrix.binary(fp=1, fn=9)
    clf = CostSensitiveClassifier(LogisticRegression(), cost=cost, cv=3)
    assert "ExpectedCostDecision" in clf.fit(*rows)._repr_html_()
    search = GridSearchCV(WeightedClassifier(calibration="sigmoid"), {"cv": [2, 3]})
    assert "SigmoidCalibrator" in search._repr_html_()


def test_what_a_fit_will_refuse_is_shown_as_it_is_written():
    html = WeightedClassifier(calibration="<i>no</i>")._repr_html_()
    assert "&lt;i&gt;no" in html
    assert "<i>no" not in html


def test_links_lead_to_the_pages_of_the_documentation(monkeypatch):
    address = "https://example.org/docs"
    monkeypatch.setattr(compat, "_address_of_documentation", lambda: address)
    links = {
        BalancedWeighting(): "skweight.BalancedWeighting",
        SigmoidCalibrator(): "skweight.calibration.SigmoidCalibrator",
        WeightedClassifier(calibration=None): "skweight.WeightedClassifier",
    }
    for part, name in links.items():
        assert part._get_doc_link() == f"{address}/api/{name}.html"

    class Mine(BalancedWeighting):
        """A strategy of a user, which has no page of ours."""

    assert Mine()._get_doc_link() == ""
    html = WeightedClassifier(calibration="sigmoid")._repr_html_()
    for name in links.values():
        assert f"{address}/api/{name}.html" in html


def test_an_address_is_that_of_the_package_or_none(monkeypatch):
    class Metadata:
        def get_all(self, name):
            return ["Source, https://example.org", "Documentation, https://d.org/x/"]

    read = compat._address_of_documentation.__wrapped__
    monkeypatch.setattr(compat, "metadata", lambda name: Metadata())
    assert read() == "https://d.org/x"
    monkeypatch.setattr(Metadata, "get_all", lambda self, name: None)
    assert read() == ""

    def missing(name):
        raise compat.PackageNotFoundError

    monkeypatch.setattr(compat, "metadata", missing)
    assert read() == ""

"""Weights in PyTorch: losses, samplers, balanced batches, and skorch."""

import pickle
import re
import runpy
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skweight import (
    BalancedBatches,
    BalancedWeighting,
    ColumnWeighting,
    WeightedClassifier,
)
from skweight.datasets import make_imbalanced

torch = pytest.importorskip("torch", reason="torch is not installed: NOT TESTED")

import skweight.torch as weighted  # noqa: E402

CE = torch.nn.CrossEntropyLoss


@pytest.fixture
def rare():
    """Return rows and labels with 2 % positives."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(10_000, 4)).astype(np.float32)
    X[:, 3] = 1  # an intercept
    y = (rng.random(10_000) < 0.02).astype(np.int64)
    X[y == 1, 0] += 1
    return torch.tensor(X), torch.tensor(y)


def gradient(loss, X, y, weight=None):
    """Return the gradient of a loss at a linear model of zeros."""
    coefficients = torch.zeros(X.shape[1], 2, requires_grad=True)
    extra = () if weight is None else (weight,)
    loss(X @ coefficients, y, *extra).backward()
    return coefficients.grad.flatten()


def cosine(a, b):
    return float(a @ b / (a.norm() * b.norm()))


# -- losses ----------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [8, 32, 128])
def test_the_mean_over_batches_is_the_gradient_of_all_rows(rare, batch_size):
    X, y = rare
    class_weight = weighted.class_weight_tensor("balanced", y)
    ours = weighted.WeightedLoss(CE(reduction="none"), class_weight)
    theirs = CE(weight=class_weight)
    full = gradient(theirs, X, y)
    assert_allclose(cosine(gradient(ours, X, y), full), 1, atol=1e-6)
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(y), generator=generator)
    batches = order[: len(y) // batch_size * batch_size].reshape(-1, batch_size)
    by_loss = {
        name: torch.stack([gradient(loss, X[b], y[b]) for b in batches]).mean(dim=0)
        for name, loss in (("ours", ours), ("theirs", theirs))
    }
    assert cosine(by_loss["ours"], full) >= 0.999
    if batch_size == 8:
        assert cosine(by_loss["theirs"], full) < 0.5


def test_weights_of_rows_are_class_weights_row_by_row(rare):
    X, y = rare
    weight = torch.tensor(BalancedWeighting().fit_weigh(X.numpy(), y.numpy()))
    by_row = weighted.WeightedLoss(CE(reduction="none"))
    by_class = weighted.WeightedLoss(
        CE(reduction="none"), weighted.class_weight_tensor("balanced", y)
    )
    assert_allclose(gradient(by_row, X, y, weight), gradient(by_class, X, y), rtol=1e-5)
    both = gradient(by_class, X, y, weight)
    squared = gradient(by_row, X, y, weight**2)
    assert_allclose(both, squared, rtol=1e-5)


def test_any_elementwise_loss_will_do():
    target, weight = torch.rand(6, 3), torch.tensor([0.0, 1, 2, 3, 4, 2])
    output = torch.rand(6, 3)
    loss = weighted.WeightedLoss(torch.nn.MSELoss(reduction="none"))
    expected = (weight * ((output - target) ** 2).mean(dim=1)).sum() / 6
    assert_allclose(loss(output, target, weight), expected, rtol=1e-6)
    function = weighted.WeightedLoss(lambda a, b: (a - b).abs().sum(dim=1))
    assert_allclose(
        function(output, target), (output - target).abs().sum(dim=1).mean(), rtol=1e-6
    )


def test_a_loss_is_kept_with_its_class_weights():
    loss = weighted.WeightedLoss(CE(reduction="none"), [1.0, 3.0])
    assert "class_weight" in loss.state_dict()
    again = pickle.loads(pickle.dumps(loss))
    logits, y = torch.randn(5, 2), torch.tensor([0, 1, 1, 0, 1])
    assert_allclose(again(logits, y), loss(logits, y))
    assert loss.double().class_weight.dtype == torch.float64


def test_what_cannot_be_weighted_is_refused():
    logits, y = torch.randn(5, 2), torch.tensor([0, 1, 1, 0, 1])
    with pytest.raises(ValueError, match="with reduction='none'"):
        weighted.WeightedLoss(CE())(logits, y)
    loss = weighted.WeightedLoss(CE(reduction="none"))
    with pytest.raises(ValueError, match=r"must have shape \(5,\)"):
        loss(logits, y, torch.ones(4))
    dense = weighted.WeightedLoss(torch.nn.MSELoss(reduction="none"), [1.0, 2.0])
    with pytest.raises(ValueError, match="Pass sample_weight instead"):
        dense(torch.ones(2, 2), torch.ones(2, 2))


# -- class weights ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "spec",
    ["balanced", {"a": 1, "b": 5, "c": 20}, BalancedWeighting(strength=0.5)],
)
def test_class_weights_are_those_of_the_strategy(spec):
    y = np.repeat(["a", "b", "c"], [70, 20, 10])
    tensor = weighted.class_weight_tensor(spec, y)
    assert tensor.dtype == torch.get_default_dtype()
    rows = tensor.double().numpy()[np.unique(y, return_inverse=True)[1]]
    assert_allclose(rows.mean(), 1, rtol=1e-6)
    clf = WeightedClassifier(weighting=spec, calibration=None)
    clf.fit(np.random.default_rng(0).normal(size=(100, 2)), y)
    ratio = tensor.double().numpy() / clf.class_multiplier_
    assert_allclose(ratio, ratio[0], rtol=1e-6)


def test_population_weights_count_in_class_weights():
    y, times = np.array([0, 0, 1]), np.array([3.0, 1.0, 2.0])
    tensor = weighted.class_weight_tensor("balanced", y, times, dtype=torch.float64)
    assert_allclose(tensor, [0.75, 1.5])


def test_weights_that_differ_within_a_class_are_no_class_weights():
    with pytest.raises(ValueError, match="Pass a weight per row"):
        weighted.class_weight_tensor(lambda X, y: np.arange(1.0, 5), [0, 0, 1, 1])
    with pytest.raises((ValueError, IndexError)):
        weighted.class_weight_tensor(ColumnWeighting(0), [0, 0, 1, 1])


# -- what draws rows -------------------------------------------------------------------


def test_weights_go_into_the_sampler_of_pytorch(rare):
    X, y = rare
    weight = BalancedWeighting().fit_weigh(X.numpy(), y.numpy())
    sampler = torch.utils.data.WeightedRandomSampler(
        weight, len(y), generator=torch.Generator().manual_seed(0)
    )
    share = y[list(sampler)].float().mean()
    assert abs(share - 0.5) < 4 * 0.5 / np.sqrt(len(y))


@pytest.mark.parametrize("n_workers", [0, 2])
def test_quotas_are_exact_in_a_loader_on_two_ranks(rare, n_workers):
    y = rare[1]
    drawn = []
    for rank in (0, 1):
        batches = BalancedBatches(
            y, 64, n_batches=10, rank=rank, world_size=2, random_state=0
        )
        loader = torch.utils.data.DataLoader(
            torch.utils.data.TensorDataset(torch.arange(len(y)), y),
            batch_sampler=batches,
            num_workers=n_workers,
        )
        rows, labels = zip(*loader, strict=True)
        assert [int(batch.sum()) for batch in labels] == [32] * 10
        drawn.append(torch.cat(rows).numpy())
    common = [rows[y.numpy()[rows] == 0] for rows in drawn]
    assert not set(common[0]) & set(common[1])


# -- skorch ----------------------------------------------------------------------------


@pytest.fixture
def net():
    pytest.importorskip("skorch", reason="skorch is not installed: NOT TESTED")

    def make(cls=weighted.WeightedNetClassifier, **params):
        torch.manual_seed(0)
        return cls(
            torch.nn.Linear(5, params.pop("n_outputs", 2)),
            criterion=CE,
            lr=0.5,
            verbose=0,
            **{"max_epochs": 15, "batch_size": -1, "train_split": None, **params},
        )

    return make


@pytest.fixture(scope="module")
def rows():
    data = make_imbalanced(600, prevalence=0.1, random_state=0)
    return data.X.astype(np.float32), data.y.astype(np.int64)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_in_full_batches_it_is_the_weight_of_the_criterion(net, rows, n_classes):
    import skorch

    X, y = rows
    y = y + (np.arange(y.size) % 7 == 0) * (n_classes - 2)
    class_weight = weighted.class_weight_tensor("balanced", y)
    theirs = net(
        skorch.NeuralNetClassifier,
        criterion__weight=class_weight,
        n_outputs=n_classes,
    ).fit(X, y)
    weight = class_weight.numpy()[y]
    ours = net(n_outputs=n_classes).fit(X, y, sample_weight=weight)
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6)
    plain = net(n_outputs=n_classes).fit(X, y)
    assert np.abs(plain.predict_proba(X) - ours.predict_proba(X)).max() > 0.05


def test_a_weight_of_k_is_k_rows_and_zero_is_none(net, rows):
    X, y = rows
    times = np.random.default_rng(0).integers(0, 4, size=y.size)
    repeated = np.repeat(np.arange(y.size), times)
    mean_one = times / times.mean()
    once = net().fit(X, y, sample_weight=mean_one).predict_proba(X)
    more = net().fit(X[repeated], y[repeated]).predict_proba(X)
    assert_allclose(once, more, atol=1e-6)


def test_weights_follow_their_rows_through_batches_and_splits(net, rows):
    """A row that counts for nothing may have any label."""
    X, y = rows
    weight = (np.arange(y.size) % 3 > 0).astype(float)
    wrong = np.where(weight > 0, y, 1 - y)
    params = {"batch_size": 50, "iterator_train__shuffle": True}
    for dictionary in (False, True):
        rows_of = {"input": X} if dictionary else X
        fitted = [
            net(**params).fit(rows_of, labels, sample_weight=weight)
            for labels in (y, wrong)
        ]
        first, second = (model.predict_proba(rows_of) for model in fitted)
        assert_allclose(first, second, atol=1e-6)


def test_the_validation_loss_is_weighted(net, rows):
    X, y = rows
    import skorch
    from skorch.helper import predefined_split

    weight = np.where(y == 1, 5.0, 0.5)
    split = predefined_split(skorch.dataset.Dataset(X, y))
    plain = net(train_split=split).fit(X, y, sample_weight=weight)
    p = plain.predict_proba(X)[np.arange(y.size), y]
    # Rows that came without weights count alike.
    assert_allclose(plain.history[-1, "valid_loss"], -np.log(p).mean(), rtol=1e-4)


def test_it_is_an_estimator(net, rows):
    X, y = rows
    copy = clone(net(criterion__label_smoothing=0.1))
    assert copy.criterion__label_smoothing == 0.1
    torch.manual_seed(0)
    fitted = copy.fit(X, y, sample_weight=np.ones(y.size))
    again = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(again.predict(X), fitted.predict(X))
    losses = fitted.history[:, "train_loss"]
    assert losses[-1] < losses[0]
    more = fitted.partial_fit(X, y, sample_weight=np.ones(y.size))
    assert more.history[-1, "train_loss"] < losses[-1]
    with pytest.raises(ValueError, match="one weight per row"):
        net().fit(X, y, sample_weight=np.ones(3))


def test_a_weighted_classifier_reaches_the_network(net, rows):
    X, y = rows
    clf = WeightedClassifier(net(), calibration="sigmoid", cv=3, random_state=0)
    clf.fit(X, y)
    assert [step.way for step in clf.report_.deliveries] == ["sample_weight"]
    raw = clf.estimator_.predict_proba(X)[:, 1]
    assert raw.mean() > 2 * y.mean()
    assert_allclose(clf.predict_proba(X)[:, 1].mean(), y.mean(), rtol=0.15)


def test_nothing_is_loaded_before_it_is_used():
    import subprocess
    import sys

    code = (
        "import sys, skweight, skweight.torch;"
        "assert 'torch' not in sys.modules;"
        "assert 'WeightedLoss' in dir(skweight.torch);"
        "skweight.torch.WeightedLoss;"
        "assert 'torch' in sys.modules and 'skorch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = weighted.Nothing


def test_a_training_loop_from_weights_to_decisions(rare):
    """What the guide shows, held to the frequencies."""
    X, y = rare
    train, held_out = slice(0, 7000), slice(7000, None)
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 2)
    criterion = weighted.WeightedLoss(
        CE(reduction="none"), weighted.class_weight_tensor("balanced", y[train])
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    losses = []
    for _ in range(3):
        for rows in torch.randperm(7000).split(100):
            optimizer.zero_grad()
            loss = criterion(model(X[rows]), y[rows])
            loss.backward()
            optimizer.step()
        losses.append(criterion(model(X[train]), y[train]).item())
    assert all(later < 0.7 for later in losses)
    assert all(b < a + 0.05 for a, b in pairwise(losses))
    from skweight.calibration import SigmoidCalibrator

    with torch.no_grad():
        logits = model(X).numpy()
    scores = logits[:, 1] - logits[:, 0]
    calibrator = SigmoidCalibrator().fit(scores[held_out], y[held_out].numpy())
    proba = calibrator.predict_proba(scores[held_out])[:, 1]
    assert_allclose(proba.mean(), y[held_out].double().mean(), rtol=0.05)


def test_the_loop_of_the_gallery_decides_nearly_as_well_as_the_truth(capsys):
    folder = Path(__file__).resolve().parents[2] / "examples" / "3_calibration"
    runpy.run_path(str(folder / "torch_training_loop.py"))
    printed = capsys.readouterr().out
    weighted, calibrated = re.findall(r"possible cost: (\d\.\d+)", printed)
    assert 1 < float(calibrated) < 1.2 < float(weighted)

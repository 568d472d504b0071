"""The eleven workloads of the accuracy table, and the peers that are installed."""

import importlib.util
import os
import warnings
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from skweight.datasets import make_covariate_shift
from skweight.density_ratio import (
    KLIEP,
    KMM,
    ULSIF,
    ClassifierRatio,
    DensityRatioSearch,
    KernelLogisticRatio,
)

# Name: kind, number of features, rows of the source. The target has 1000 rows.
WORKLOADS = {
    "toy": ("narrow", 1, 200),
    "mean 2:100": ("mean", 2, 100),
    "mean 5:100": ("mean", 5, 100),
    "mean 10:100": ("mean", 10, 100),
    "mean 20:100": ("mean", 20, 100),
    "mean 10:300": ("mean", 10, 300),
    "mean 2:1000": ("mean", 2, 1000),
    "mean 5:1000": ("mean", 5, 1000),
    "mean 10:1000": ("mean", 10, 1000),
    "mean 20:1000": ("mean", 20, 1000),
    "nonlin 10:1000": ("nonlinear", 10, 1000),
}

OURS = {
    "DensityRatioSearch (default)": lambda seed: DensityRatioSearch(random_state=seed),
    "logistic": lambda seed: KernelLogisticRatio(n_centers=0, random_state=seed),
    "KernelLogisticRatio": lambda seed: KernelLogisticRatio(random_state=seed),
    "ULSIF()": lambda seed: ULSIF(random_state=seed),
    "ULSIF(0.2, back_transform=True)": lambda seed: ULSIF(
        0.2, back_transform=True, random_state=seed
    ),
    "KLIEP()": lambda seed: KLIEP(random_state=seed),
    "KMM()": lambda seed: KMM(random_state=seed),
    "ClassifierRatio(), boosting": lambda seed: ClassifierRatio(random_state=seed),
}


def draw(name, seed):
    """Return source, target, and the true ratio of the source rows."""
    kind, n_features, n_source = WORKLOADS[name]
    data = make_covariate_shift(
        n_source, 1000, n_features=n_features, kind=kind, random_state=seed
    )
    return data.X_source, data.X_target, data.ratio(data.X_source)


# Features of the large problems.
D = 20


def draw_many(n, seed=0):
    """Return rows of N(0, I) and N(e_1, I), and the true ratio of the former."""
    rng = np.random.default_rng(seed)
    X_source, X_target = rng.normal(size=(n, D)), rng.normal(size=(n, D))
    X_target[:, 0] += 1
    return X_source, X_target, np.exp(X_source[:, 0] - 0.5)


def relative_error(ratio, true):
    """Return the squared error of normalised weights over that of equal weights."""
    ratio, true = ratio / ratio.sum(), true / true.sum()
    return float(np.sum((ratio - true) ** 2) / np.sum((1 / true.size - true) ** 2))


def our_ratio(make):
    """Return a function of source, target and seed, quiet about small samples."""

    def ratio(X_source, X_target, seed):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return make(seed).fit_ratio(X_source, X_target)

    return ratio


def median_gammas(X_source, X_target):
    """Return nine kernel coefficients around that of the median distance."""
    rows = np.random.default_rng(0).permutation(len(X_target))[:100]
    both = np.concatenate([X_source[:1000], X_target[:1000]])
    distances = ((both[:, np.newaxis] - X_target[rows]) ** 2).sum(axis=2)
    return list(0.5 / np.median(distances) * 2.0 ** np.arange(-5, 4))


def peers():
    """Return the peers that are installed, as functions like ours, and versions.

    pykliep is on no package index; the environment variable PYKLIEP names its file.
    """
    measured, versions = {}, []
    for package, add in (
        ("densratio", _densratio),
        ("adapt", _adapt),
        ("skada", _skada),
    ):
        if importlib.util.find_spec(package) is not None:
            try:
                versions.append(f"{package} {version(package)}")
            except PackageNotFoundError:
                continue
            measured.update(add())
    if "PYKLIEP" in os.environ:
        measured.update(_pykliep(os.environ["PYKLIEP"]))
        versions.append("pykliep of 2017")
    return measured, versions


def one_width():
    """Return peers that search one of their nine widths, by the name of the peer.

    Their time is that of the search divided by nine: each width costs the same, and
    nothing else costs anything beside it.
    """
    by_name = {}
    if importlib.util.find_spec("densratio") is not None:
        by_name["densratio uLSIF"] = _densratio(sigma=1.0)["densratio uLSIF"]
    if importlib.util.find_spec("adapt") is not None:
        for n_ridges in (5, 9):
            some = _adapt(n_widths=1, n_ridges=n_ridges)
            by_name[f"ADAPT ULSIF, 9 x {n_ridges} grid"] = some["ADAPT ULSIF, grid"]
    return by_name


def pykliep_steps(max_iter):
    """Return pykliep with fewer than its 5,000 steps."""
    return _pykliep(os.environ["PYKLIEP"], max_iter=max_iter)["pykliep"]


def _densratio(**search):
    from densratio import densratio

    def method(**options):
        def ratio(X_source, X_target, seed):
            np.random.seed(seed)  # noqa: NPY002, the generator it draws from
            result = densratio(X_target, X_source, verbose=False, **options, **search)
            return np.asarray(result.compute_density_ratio(X_source)).ravel()

        return ratio

    return {
        "densratio uLSIF": method(method="uLSIF"),
        "densratio RuLSIF 0.1": method(method="RuLSIF", alpha=0.1),
        "densratio KLIEP": method(method="KLIEP"),
    }


def _adapt(n_widths=9, n_ridges=5):
    from adapt import instance_based

    lambdas = list(np.logspace(-3, 1, n_ridges))

    def method(cls, grid, **options):
        def ratio(X_source, X_target, seed):
            gamma = median_gammas(X_source, X_target)[:n_widths]
            own = {"gamma": gamma} if grid else {}
            model = cls(Xt=X_target, verbose=0, random_state=seed, **own, **options)
            return np.asarray(model.fit_weights(X_source, X_target)).ravel()

        return ratio

    relative = {"alpha": 0.1, "lambdas": lambdas}
    return {
        "ADAPT ULSIF, grid": method(instance_based.ULSIF, True, lambdas=lambdas),
        "ADAPT RULSIF, grid": method(instance_based.RULSIF, True, **relative),
        "ADAPT KLIEP, one sigma": method(instance_based.KLIEP, False),
        "ADAPT KLIEP, grid": method(instance_based.KLIEP, True, cv=5),
    }


def _skada():
    from skada import _reweight

    def method(name, grid=False):
        def ratio(X_source, X_target, seed):
            by_name = {}
            if grid:
                by_name = {
                    "gamma": median_gammas(X_source, X_target),
                    "random_state": seed,
                }
            X = np.concatenate([X_source, X_target])
            domain = np.repeat([1, -2], [len(X_source), len(X_target)])
            model = getattr(_reweight, f"{name}ReweightAdapter")(**by_name)
            model.fit(X, sample_domain=domain)
            weights = model.compute_weights(X, sample_domain=domain)
            return np.asarray(weights)[: len(X_source)]

        return ratio

    return {
        "skada Density": method("Density"),
        "skada Gaussian": method("Gaussian"),
        "skada Discriminator": method("Discriminator"),
        "skada KLIEP, grid": method("KLIEP", grid=True),
    }


def _pykliep(path, **options):
    spec = importlib.util.spec_from_file_location("pykliep", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def ratio(X_source, X_target, seed):
        model = module.DensityRatioEstimator(**options)
        model.fit(X_source, X_target)
        return np.asarray(model.predict(X_source)).ravel()

    return {"pykliep": ratio}

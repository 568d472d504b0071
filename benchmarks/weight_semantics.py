"""What a weight means to 20 learners: the table of the guide.

Largest difference of an output (a probability, or a decision value where there is
none), bold where the answer is no. Learners whose fits change with their seed are
compared in the mean over 20 seeds, against their noise.
"""

from _common import run, table
from catboost import CatBoostClassifier
from lightgbm import LGBMClassifier
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import (
    LogisticRegression,
    Perceptron,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier

from skweight.testing import check_weight_semantics

LEARNERS = [
    LogisticRegression(),
    RidgeClassifier(),
    LinearSVC(random_state=0),
    SVC(),
    SGDClassifier(loss="log_loss"),
    Perceptron(),
    GaussianNB(),
    BernoulliNB(),
    LinearDiscriminantAnalysis(),
    DecisionTreeClassifier(max_depth=4, random_state=0),
    RandomForestClassifier(10),
    ExtraTreesClassifier(10),
    BaggingClassifier(n_estimators=10),
    AdaBoostClassifier(n_estimators=20, random_state=0),
    GradientBoostingClassifier(n_estimators=20, random_state=0),
    HistGradientBoostingClassifier(max_iter=20),
    LGBMClassifier(n_estimators=20, verbose=-1, n_jobs=1),
    XGBClassifier(n_estimators=20, n_jobs=1),
    CatBoostClassifier(
        iterations=20, verbose=0, thread_count=1, allow_writing_files=False
    ),
    MLPClassifier((8,), max_iter=2000, tol=1e-3),
    KNeighborsClassifier(),
    make_pipeline(StandardScaler(), LogisticRegression()),
]
QUESTIONS = {
    "times 10": ("scale", "is_scale_free"),
    "2 is twice": ("repetition", "is_repetition"),
    "0 is absent": ("absence", "is_absence"),
    "is class_weight": ("class_weight", "is_class_weight"),
}


def answer(semantics, question, attribute):
    holds = getattr(semantics, attribute)
    if holds is None:
        return "-"
    size = f"{semantics.differences[question]:.0e}"
    size = "0" if semantics.differences[question] == 0 else size
    return size if holds else f"**{size}**"


def measure(options):
    """Yield the table."""
    learners = LEARNERS[:1] if options.quick else LEARNERS
    rows = []
    for learner in learners:
        semantics = check_weight_semantics(learner)
        name = type(learner).__name__
        if hasattr(learner, "steps"):
            name = "Pipeline of a scaler and LogisticRegression"
        rows.append(
            {
                "learner": name,
                "reached": "yes" if semantics.reaches_fit else "**no**",
                **{
                    title: answer(semantics, *asked)
                    for title, asked in QUESTIONS.items()
                },
                "seeds": semantics.n_seeds,
            }
        )
    yield table(rows)


if __name__ == "__main__":
    run(measure, __doc__, "weight_semantics")

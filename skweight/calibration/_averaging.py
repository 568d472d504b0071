"""When the average of the fold models is better than one model fitted on all rows."""

# Ratio of the held-out log loss to that of the class frequencies. Below it, the model
# predicts nearly all labels rightly, and averaging several models makes it worse.
NEARLY_KNOWN = 0.3
# Features per effective row of the rarest class. From this ratio on, linear models of
# different folds differ enough for their average to be better.
FEATURES_PER_RARE_ROW = 0.1


def averaging_pays(relative_loss, *, of_trees, n_features, n_rare):
    """Return whether averages of fold models have the lower log loss.

    Averaging helps models of high variance: trees, and linear models with many features
    per row. For other models the average is nearly the same model at k times the cost.
    Where the classes are nearly separable, averaging is worse. The thresholds were
    measured by benchmarks/calibration_choice.py.

    Parameters
    ----------
    relative_loss : float
        Calibrated log loss on held-out rows, divided by that of the class frequencies.
    of_trees : bool
        Whether the model is made of trees; else it counts as linear.
    n_features : int
        Columns of X.
    n_rare : float
        Effective rows of the rarest class.
    """
    if not relative_loss >= NEARLY_KNOWN:  # NaN where nothing could be held out
        return False
    return bool(of_trees or n_features >= FEATURES_PER_RARE_ROW * n_rare)

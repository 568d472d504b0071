"""When the average of the fold models is better than one model fitted on all rows."""

# Held-out log loss over that of the class frequencies below which a model nearly knows
# the labels. An average of models then blurs what each of them has right.
NEARLY_KNOWN = 0.3
# Features for each effective row of the rarest class from which on a linear model
# changes enough with its rows for an average to be worth its price.
FEATURES_PER_RARE_ROW = 0.1


def averaging_pays(relative_loss, *, of_trees, n_features, n_rare):
    """Return whether averages of fold models have the lower log loss.

    Trees change much with their rows, and linear models with many features for their
    rows do; averages of others are nearly the same model, at k times the price. Where
    the rows can nearly be told apart, an average loses an exact rule. Measured by
    benchmarks/calibration_choice.py.

    Parameters
    ----------
    relative_loss : float
        Calibrated log loss on held-out rows, over that of the class frequencies.
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

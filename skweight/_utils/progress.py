"""Show the progress of many fits: what was fitted, how many fits are done, seconds."""

import sys
from time import perf_counter

from joblib import effective_n_jobs
from sklearn.utils.parallel import Parallel, delayed

from skweight._utils.compat import NoCallbacks, has_callbacks


class Progress:
    """Reports each finished fit: by a line on standard error, and to callbacks.

    Parameters
    ----------
    owner : estimator
        The estimator that fits.
    verbose : int
        Whether to print.
    context : callback context of scikit-learn, or NoCallbacks, default=None
        The context through which callbacks get reports; None if there are no callbacks.
    """

    def __init__(self, owner, verbose, context=None):
        self.owner = owner
        self.verbose = verbose
        self.context = NoCallbacks() if context is None else context
        self.n_fits = self.n_done = 0
        self.about = ""  # name of these fits, printed before each fit

    def begin(self, n_fits):
        """Set the number of fits to come."""
        self.n_fits, self.n_done = n_fits, 0

    def begin_more(self, n_fits):
        """Add further fits to the number to come."""
        self.n_fits += n_fits

    def run(self, function, calls, names, *, n_jobs=None):
        """Call a function on each of several arguments, and report each finished call.

        Returns
        -------
        results : list
            Results of the function, in the order of the calls.
        """
        calls = list(calls)
        if not (self.verbose or has_callbacks(self.owner)):
            if effective_n_jobs(n_jobs) == 1:  # also joblib takes its time
                return [function(*args) for args in calls]
            return Parallel(n_jobs=n_jobs)(delayed(function)(*args) for args in calls)
        timed = Parallel(n_jobs=n_jobs, return_as="generator")(
            delayed(_timed)(function, args) for args in calls
        )
        results = []
        for name in (f"{self.about}{name}" for name in names):
            task = self.context.subcontext(task_name=name)
            task.call_on_fit_task_begin(estimator=self.owner)
            result, seconds = next(timed)
            results.append(result)
            self._tell(name, seconds)
            task.call_on_fit_task_end(estimator=self.owner)
        return results

    def call(self, name, function, *args):
        """Call a function in this process, and report the call."""
        name = f"{self.about}{name}"
        task = self.context.subcontext(task_name=name)
        task.call_on_fit_task_begin(estimator=self.owner)
        result, seconds = _timed(function, args)
        self._tell(name, seconds)
        task.call_on_fit_task_end(estimator=self.owner)
        return result

    def _tell(self, name, seconds):
        self.n_done += 1
        if self.verbose:
            count = f"(fit {self.n_done} of {self.n_fits})"
            line = line_of(type(self.owner).__name__, f"{count} {name}", seconds)
            print(line, file=sys.stderr)


def line_of(owner, message, seconds):
    """Return a line in the format of scikit-learn's Pipeline."""
    end = f" {message}, total={seconds:6.1f}s"
    return f"[{owner}] ".ljust(70 - len(end), ".") + end


def _timed(function, args):
    start = perf_counter()
    result = function(*args)
    return result, perf_counter() - start

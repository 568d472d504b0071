"""Check that a user's class has the required methods, before other checks run."""

from skweight._utils.validation import say, write_object


def assert_has_methods(part, names):
    """Raise an AssertionError that names the missing methods of an object."""
    assert not isinstance(part, type), (
        f"the checks need an object, not the class {part.__name__}.{write_object(part)}"
    )
    names = ["get_params", "set_params", *names]
    missing = [name for name in names if not callable(getattr(part, name, None))]
    assert not missing, (
        f"{type(part).__name__} lacks the methods {say(missing)}. Derive it from "
        "sklearn.base.BaseEstimator, which has get_params and set_params, and write "
        'the other methods as described in the user guide, "Extend skweight".'
    )

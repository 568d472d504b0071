"""Docstrings say what the code does: parameters, defaults, an example that runs.

The examples themselves are run by pytest's doctest collection.
"""

import ast
import dataclasses
import inspect
import re
from importlib import import_module
from importlib.util import find_spec

import pytest
from numpydoc.docscrape import NumpyDocString
from numpydoc.validate import validate

import skweight

NOT_DOCUMENTED = {"self", "cls"}
# Of numpydoc's checks, those that do not ask for anything a reader would miss.
NOT_ASKED = {
    "ES01": "an extended summary, where one line says it all",
    "EX01": "an example of each method; the one of the class is asked for below",
    "GL01": "a line break before the summary, against the formatter",
    "RT02": "no name for a single return value; names read better",
    "SA01": "See Also, where there is nothing to see",
}


def public_objects():
    """Yield (full name, object) for every public class, function and own method.

    A method that classes inherit is one function: it comes with the first of them.
    """
    methods = set()
    actual = {f"skweight.{name}": getattr(skweight, name) for name in skweight._HOMES}
    # What is in skweight.torch cannot be looked at without PyTorch and skorch.
    absent = set() if find_spec("skorch") else {"torch"}
    for module in sorted(set(skweight.__all__) - set(skweight._HOMES) - absent):
        module = import_module(f"skweight.{module}")
        for name in set(module.__all__) - set(skweight._HOMES):
            actual[f"{module.__name__}.{name}"] = getattr(module, name)
    for name, one in sorted(actual.items(), key=lambda item: item[0]):
        if callable(one):
            yield name, one
        if inspect.isclass(one):
            for attribute, member in inspect.getmembers(one, inspect.isfunction):
                ours = member.__module__.startswith("skweight.")
                if ours and not attribute.startswith("_") and member not in methods:
                    methods.add(member)
                    yield f"{name}.{attribute}", member


OBJECTS = dict(public_objects())
PUBLIC = {
    name: actual
    for name, actual in OBJECTS.items()
    if inspect.isclass(actual) or "." not in actual.__qualname__
}


def each(objects):
    return pytest.mark.parametrize("found", objects.values(), ids=list(objects))


def is_record(found):
    """Tell the classes that hold results: users read their fields, we fill them."""
    return dataclasses.is_dataclass(found) or hasattr(found, "_fields")


def signature_of(found):
    """Return the parameters a caller passes, with the stars they are written with."""
    if inspect.isclass(found) and not is_record(found):
        [first, *_] = [base for base in found.__mro__ if "__init__" in vars(base)]
        if not first.__module__.startswith("skweight."):
            return {}
    stars = {
        inspect.Parameter.VAR_POSITIONAL: "*",
        inspect.Parameter.VAR_KEYWORD: "**",
    }
    return {
        stars.get(parameter.kind, "") + name: parameter
        for name, parameter in inspect.signature(found).parameters.items()
        if name not in NOT_DOCUMENTED
    }


def parameters_of(found):
    """Return {name: type text} as documented; ``a, b : type`` documents two.

    The fields of a record may be documented as parameters or as attributes.
    """
    text = NumpyDocString(inspect.getdoc(found))
    entries = text["Parameters"]
    if is_record(found):
        entries = entries or text["Attributes"]
    return {name: entry.type for entry in entries for name in entry.name.split(", ")}


@each(OBJECTS)
def test_parameters_are_those_of_the_signature(found):
    assert list(parameters_of(found)) == list(signature_of(found))


@each({name: member for name, member in OBJECTS.items() if not is_record(member)})
def test_documented_defaults_are_the_defaults(found):
    documented = parameters_of(found)
    for name, parameter in signature_of(found).items():
        match = re.search(r"\bdefault=(.+)$", documented[name])
        if parameter.default is inspect.Parameter.empty:
            assert match is None, f"{name} is required, yet a default is documented"
            continue
        assert match, f"{name} has the default {parameter.default!r}, not documented"
        try:
            value = ast.literal_eval(match[1])
        except (SyntaxError, ValueError):
            assert match[1] == getattr(
                parameter.default, "__name__", repr(parameter.default)
            )
        else:
            assert value == parameter.default, name
            assert type(value) is type(parameter.default), name


@pytest.mark.parametrize("name", OBJECTS)
def test_numpydoc_finds_no_fault(name):
    # The fields of a record may be attributes; the first test compares them.
    excused = {"PR01"} if is_record(OBJECTS[name]) else set()
    faults = [
        (code, text)
        for code, text in validate(name)["errors"]
        if code not in excused | set(NOT_ASKED)
    ]
    assert not faults


@each(PUBLIC)
def test_every_public_name_has_an_example(found):
    examples = "\n".join(NumpyDocString(inspect.getdoc(found))["Examples"])
    assert ">>> " in examples


def test_a_wrong_docstring_is_noticed():
    """The tests above would see each of the three mistakes."""

    def wrong(alpha, beta=0.1):
        """Do nothing.

        Parameters
        ----------
        alpha : float, default=1.0
            Required in truth.
        gamma : float, default=0.01
            Named and valued otherwise in truth.
        """

    def wrong_value(beta=0.1):
        """Do nothing.

        Parameters
        ----------
        beta : float, default=0.01
            Ten times as large in truth.
        """

    with pytest.raises(AssertionError):
        test_parameters_are_those_of_the_signature(wrong)
    with pytest.raises(AssertionError):
        test_documented_defaults_are_the_defaults(wrong_value)
    with pytest.raises(AssertionError):
        test_every_public_name_has_an_example(wrong)


def test_the_docstring_of_the_classifier_names_first_what_most_users_need():
    lines = inspect.getdoc(skweight.WeightedClassifier).splitlines()
    assert len(lines) < 200
    first = "\n".join(lines[: lines.index("Parameters")])
    assert first.count("\n") < 40
    for name in ("estimator", "weighting", "calibration", "decision", "cv"):
        assert f"- `{name}`: " in first

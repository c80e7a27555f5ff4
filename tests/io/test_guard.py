import pytest

from xoceansar.errors import (
    MissingDependencyError,
    ProductError,
    UnsupportedProductError,
    VignetteError,
)
from xoceansar.io.guard import guard


@pytest.mark.parametrize(
    "error",
    [IndexError("7"), OverflowError("too\nlarge"), ZeroDivisionError(), KeyError("a"),
     OSError(5, "Input/output error"), NotImplementedError("method 77")],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_whatever_a_file_causes_names_the_vignette_the_file_and_a_remedy(error):
    with pytest.raises(VignetteError) as caught, guard("one", "a/one.xml"):
        raise error
    message = str(caught.value)
    assert message.startswith("vignette one: a/one.xml cannot be read (")
    assert type(error).__name__ in message
    assert "\n" not in message
    assert "Download the product again, or leave the vignette out." in message
    assert caught.value.__cause__ is error


def test_errors_that_say_it_already_pass():
    with pytest.raises(VignetteError, match=r"^vignette one: bad$"), guard("one", "f.xml"):  # fmt: skip
        raise ProductError("bad")
    said = VignetteError("vignette two: said")
    with pytest.raises(VignetteError) as caught, guard("one", "f.xml"):
        raise said
    assert caught.value is said


@pytest.mark.parametrize(
    "error",
    [UnsupportedProductError, MissingDependencyError, MemoryError, NameError, ImportError, KeyboardInterrupt],
)  # fmt: skip
def test_what_is_no_fault_of_the_vignette_passes(error):
    with pytest.raises(error) as caught, guard("one", "f.xml"):
        raise error("elsewhere")
    assert not isinstance(caught.value, VignetteError)

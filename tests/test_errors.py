import pytest

from xoceansar import errors


def test_every_error_is_ours_and_a_builtin_that_callers_catch():
    leaves = {
        errors.MissingVariableError: ValueError,
        errors.DimensionError: ValueError,
        errors.UnitsError: ValueError,
        errors.ChunkingError: ValueError,
        errors.DomainError: ValueError,
        errors.VignetteError: ValueError,
        errors.UnsupportedProductError: ValueError,
        errors.BundleError: ValueError,
        errors.WeightsMismatchError: RuntimeError,
        errors.MissingDependencyError: ImportError,
    }
    for leaf, builtin in leaves.items():
        assert issubclass(leaf, errors.OceansarError)
        assert issubclass(leaf, builtin)


def test_warnings_point_at_the_callers_line():
    with pytest.warns(errors.OceansarWarning, match="know this") as caught:
        errors.warn("know this")
    assert caught[0].filename == __file__

import pytest

from xoceansar import errors


def test_every_error_is_ours_and_a_builtin_that_callers_catch():
    leaves = {
        errors.MissingVariableError: ValueError,
        errors.DimensionError: ValueError,
        errors.UnitsError: ValueError,
        errors.ChunkingError: ValueError,
        errors.DomainError: ValueError,
        errors.ConfidenceError: ValueError,
        errors.PathError: ValueError,
        errors.ProductError: ValueError,
        errors.VignetteError: ValueError,
        errors.UnsupportedProductError: ValueError,
        errors.BundleError: ValueError,
        errors.TrainingError: ValueError,
        errors.ArchiveError: RuntimeError,
        errors.WeightsMismatchError: RuntimeError,
        errors.MissingDependencyError: ImportError,
        errors.CatalogueError: ValueError,
        errors.LabelError: ValueError,
        errors.CredentialsError: PermissionError,
    }
    kinds = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, Exception)
    }
    assert kinds - set(leaves) == {errors.OceansarError, errors.OceansarWarning}
    for leaf, builtin in leaves.items():
        assert issubclass(leaf, errors.OceansarError)
        assert issubclass(leaf, builtin)


def test_warnings_point_at_the_callers_line():
    with pytest.warns(errors.OceansarWarning, match="know this") as caught:
        errors.warn("know this")
    assert caught[0].filename == __file__

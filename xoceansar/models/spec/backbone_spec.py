"""What a bundle says about its network."""

from dataclasses import dataclass, field
from typing import Any

from xoceansar.models.spec.architecture import check_architecture, check_arguments
from xoceansar.models.spec.choices import (
    POOLINGS,
    Pooling,
    require,
    require_choice,
    require_positive,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneSpec:
    """The network whose pooled tokens are the embedding.

    Parameters
    ----------
    architecture : str
        Name of a network in timm's registry.
    embedding_dim : int
        Length of the embedding: the width of the network times the vectors that `pooling`
        concatenates.
    pooling : {"cls", "mean", "cls+mean", "cls+mean+std", "cls+mean+std+max"}
        Which summary of the tokens is the embedding: the class token, or the mean, the standard
        deviation and the maximum of the patch tokens (registers left out), or several end to end.
    patch_size : int, optional
        Side of a patch in pixels; None for a convolutional network.
    kwargs : mapping
        Further arguments of the network, as timm names them; those that do not decide its shape are
        refused. Not to be modified.
    file : str
        Name of the weights in the bundle.
    sha256 : str
        SHA-256 of that file: the identity of the weights; empty until they are written.

    Examples
    --------
    >>> backbone = BackboneSpec(
    ...     architecture="vit_tiny_patch16_224", embedding_dim=192, pooling="mean"
    ... )
    >>> backbone.patch_size, backbone.tokens(224)
    (16, 196)
    """

    architecture: str
    embedding_dim: int
    pooling: Pooling
    patch_size: int | None = 16
    kwargs: dict[str, Any] = field(default_factory=dict, hash=False)
    file: str = "backbone.safetensors"
    sha256: str = ""

    def __post_init__(self) -> None:
        check_architecture(self.architecture)
        check_arguments(self.kwargs)
        require_choice(self.pooling, "backbone.pooling", POOLINGS)
        require_positive(self.embedding_dim, "backbone.embedding_dim")
        parts = POOLINGS[self.pooling]
        require(
            self.embedding_dim % parts == 0,
            f"backbone.embedding_dim, with pooling {self.pooling!r},",
            f"a multiple of {parts}",
            self.embedding_dim,
        )
        if self.patch_size is not None:
            require_positive(self.patch_size, "backbone.patch_size")

    @property
    def width(self) -> int:
        """Length of one token vector."""
        return self.embedding_dim // POOLINGS[self.pooling]

    def tokens(self, size: int) -> int:
        """Count the patch tokens of a square image.

        Parameters
        ----------
        size : int
            Side of the image, in pixels.

        Returns
        -------
        int
            Number of tokens; a convnet counts as one of patch 16.

        Examples
        --------
        >>> backbone = BackboneSpec(
        ...     architecture="vit_tiny_patch16_224", embedding_dim=192, pooling="mean"
        ... )
        >>> backbone.tokens(64)  # 4 x 4 patches of 16 x 16 pixels
        16
        """
        return max(1, size // (self.patch_size or 16)) ** 2

"""The config of a pretraining: a typed TOML file, and errors that name the key.

>>> config = load_config("two-cores")
>>> config.backbone.architecture
'vit_tiny_patch16_224'
"""

import difflib
import json
import tomllib
from collections.abc import Mapping
from importlib import resources
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

from pydantic import Field, ValidationError, model_validator

from xoceansar._paths import read_regular
from xoceansar.errors import TrainingError
from xoceansar.train.pretraining.model_tables import (
    AugmentationConfig,
    BackboneConfig,
    CropsConfig,
    DataConfig,
    HeadConfig,
    InputConfig,
    LossesConfig,
    MasksConfig,
    Table,
)
from xoceansar.train.pretraining.run_tables import (
    SCHEDULED,
    CurationConfig,
    OptimisationConfig,
    WatchConfig,
)

if TYPE_CHECKING:
    from xoceansar.train.pretraining.augmentation import Augmentation


#: Names of the configs in the package.
SHIPPED: Final = ("paper", "one-gpu", "two-cores")
#: Bytes of a config.
_LARGEST: Final = 2**20
#: Characters of a wrong value that a message shows.
_SHOWN: Final = 200


class PretrainConfig(Table):
    """All that decides a pretraining but the vignettes.

    Parameters
    ----------
    name : str
        Of the bundle that it makes.
    seed : int
        Of the first weights and of all that is drawn.
    input, backbone, data, crops, augmentation, masks, head, losses, optimisation, curation, watch
        The tables: see `xoceansar.train.pretraining.model_tables` and `xoceansar.train.pretraining.run_tables`.

    See Also
    --------
    load_config : Read one from a file.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    input: InputConfig
    backbone: BackboneConfig
    data: DataConfig = DataConfig()
    crops: CropsConfig
    augmentation: AugmentationConfig = AugmentationConfig()
    masks: MasksConfig = MasksConfig()
    head: HeadConfig
    losses: LossesConfig = LossesConfig()
    optimisation: OptimisationConfig
    curation: CurationConfig = CurationConfig()
    watch: WatchConfig = WatchConfig()

    @property
    def peak_learning_rate(self) -> float:
        """Peak of the learning rate at the batch of this config."""
        return self.optimisation.peak_learning_rate

    def views(self) -> "Augmentation":
        """Return what `xoceansar.train.pretraining.augmentation.make_views` takes.

        Returns
        -------
        Augmentation
        """
        # Inside, because a config is checked at once and torch takes seconds to import.
        from xoceansar.train.pretraining.augmentation import Augmentation

        return Augmentation(**self.crops.model_dump(), **self.augmentation.model_dump())

    def with_steps(self, steps: int) -> "PretrainConfig":
        """Shorten or lengthen the training, its schedules in proportion.

        Parameters
        ----------
        steps : int
            Optimiser steps, 1 or more.

        Returns
        -------
        PretrainConfig
            The warm-ups and the freezing of the prototypes keep their share of the steps.

        Raises
        ------
        TrainingError
            If `steps` is not a positive whole number.

        Examples
        --------
        >>> config = load_config("paper").with_steps(2)
        >>> config.optimisation.steps, config.optimisation.warmup_steps
        (2, 0)
        """
        table = self.to_dict()
        optimisation = table["optimisation"]
        before = optimisation["steps"]
        for key in SCHEDULED:
            optimisation[key] = optimisation[key] * steps // before
        optimisation["steps"] = steps
        return parse_config(table)

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, strings, lists and dicts, as JSON and TOML have them.

        Returns
        -------
        dict
            What `parse_config` turns into an equal config. Values that are None are left out.
        """
        return self.model_dump(mode="json", exclude_none=True)

    def to_toml(self) -> str:
        """Write the config, defaults included, as TOML.

        Returns
        -------
        str
            What `load_config` reads back as an equal config.
        """
        return "\n".join(_toml_lines(self.to_dict())) + "\n"

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        patch, size = self.backbone.patch_size, self.input.size
        for key, side in (
            ("input.size", size),
            ("crops.global_size", self.crops.global_size),
            ("crops.local_size", self.crops.local_size),
            ("curation.size", self.curation.size or size),
        ):
            if side % patch or side > size:
                raise ValueError(
                    f"{key} must be a multiple of backbone.patch_size {patch} and at most "
                    f"input.size {size}; got {side}."
                )
        return self


def load_config(source: str | PathLike[str]) -> PretrainConfig:
    """Read a config from a TOML file, or a shipped one by its name.

    Parameters
    ----------
    source : str or path-like
        A path, or ``"paper"``, ``"one-gpu"`` or ``"two-cores"``.

    Returns
    -------
    PretrainConfig

    Raises
    ------
    TrainingError
        If there is no such file, it is no TOML, or a key or a value is wrong: the message lists
        every one of them, with what was needed and found.

    Examples
    --------
    >>> load_config("paper").optimisation.batch
    1024
    """
    content = _read(source)
    try:
        table = tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        # numbers of more digits than Python converts, and lists too deep in one another, included
        raise TrainingError(f"{source} is not a TOML file: {error}.") from error
    return parse_config(table, where=str(source))


def parse_config(
    table: Mapping[str, Any], *, where: str = "the config"
) -> PretrainConfig:
    """Check a config that is there as plain values."""
    try:
        # By way of JSON: strict there means that a list may be a tuple, and 1 may be 1.0, and
        # nothing else may be another type.
        return PretrainConfig.model_validate_json(json.dumps(table, default=str))
    except ValidationError as error:
        found = [_explain(dict(item)) for item in error.errors(include_url=False)]
        raise TrainingError(
            f"{where} cannot be used:\n"
            + "\n".join(f"  {line}" for line in dict.fromkeys(found))
        ) from error
    except (RecursionError, ValueError) as error:
        raise TrainingError(
            f"{where} cannot be used: its lists or tables lie too deep in one another, or a number "
            "has thousands of digits."
        ) from error


def _read(source: str | PathLike[str]) -> bytes:
    if str(source) in SHIPPED:
        shipped = resources.files("xoceansar.train") / "configs" / f"{source}.toml"
        return shipped.read_bytes()
    if not Path(source).exists() or Path(source).is_dir():
        raise TrainingError(
            f"there is no config {str(source)!r}: needed the path of a TOML file, or one of "
            f"{', '.join(SHIPPED)}."
        )
    return read_regular(source, most=_LARGEST, error=TrainingError)


def _explain(error: dict[str, Any]) -> str:
    """Say what is wrong in one line."""
    where, table = _locate(error["loc"])
    if error["type"] == "extra_forbidden":
        return _unknown_key(str(error["loc"][-1]), where, table)
    if error["type"] == "missing":
        return f"{where} is missing."
    message = str(error["msg"])
    if error["type"] == "value_error":
        return message.removeprefix("Value error, ")
    needed = message.removeprefix("Input should ")
    try:
        got = repr(error["input"])
    except ValueError:  # more digits than Python writes
        got = "a number of thousands of digits"
    got = got if len(got) <= _SHOWN else f"{got[:_SHOWN]}..."
    if needed == message:
        return f"{where or 'the file'}: {message}; got {got}."
    return f"{where} must {needed}; got {got}."


def _locate(loc: tuple[int | str, ...]) -> tuple[str, type[Table]]:
    """Give the dotted key and the table that it is in.

    Pydantic also puts the alternatives of a union into a location, which no reader of the file
    has written: they are left out.
    """
    table: type[Table] = PretrainConfig
    where = ""
    for part in loc:
        if isinstance(part, int):
            where += f"[{part}]"
        elif part in table.model_fields:
            where += f".{part}"
            inner = table.model_fields[part].annotation
            if isinstance(inner, type) and issubclass(inner, Table):
                table = inner
    return where.removeprefix("."), table


def _unknown_key(key: str, where: str, table: type[Table]) -> str:
    known = list(table.model_fields)
    place = f"in table [{where}]" if where else "at the top"
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}."
    return f"unknown key {key!r} {place}: {hint}"


def _toml_lines(table: Mapping[str, Any], prefix: str = "") -> list[str]:
    plain = {k: v for k, v in table.items() if not isinstance(v, Mapping)}
    lines = [f"{key} = {_toml_value(value)}" for key, value in plain.items()]
    for key, value in table.items():
        if isinstance(value, Mapping):
            lines += ["", f"[{prefix}{key}]", *_toml_lines(value, f"{prefix}{key}.")]
    return lines


def _toml_value(value: Any) -> str:
    """Numbers, strings, booleans and lists of them are written alike in JSON and TOML."""
    return json.dumps(value, ensure_ascii=False)

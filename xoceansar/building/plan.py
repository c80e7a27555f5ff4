"""The plan: which stages a request needs, in which order, and which of them are done."""

from typing import Final

from xoceansar.building.archive_stage import (
    ARCHIVE,
    BACKBONE,
    EMBEDDING,
    make_archive,
    make_embedding,
)
from xoceansar.building.backbone_stage import make_backbone
from xoceansar.building.evaluation_stage import EVALUATION, make_evaluation
from xoceansar.building.head_stage import (
    CALIBRATION,
    HEADS,
    make_calibration,
    make_heads,
)
from xoceansar.building.model_card import BUNDLE, make_bundle
from xoceansar.building.report_stage import REPORT, make_report
from xoceansar.building.request import PRETRAIN, Request
from xoceansar.building.target_stage import STAGE as TARGETS
from xoceansar.building.target_stage import make_targets
from xoceansar.building.workspace import Stage

_TARGETS: Final = Stage(
    TARGETS,
    "find the truth of each vignette, and divide by orbit pass",
    (ARCHIVE,),
    make_targets,
)


def stages_of(request: Request) -> tuple[Stage, ...]:
    """List the stages of a build, in order."""
    if request.backbone == PRETRAIN:
        first: tuple[Stage, ...] = (
            Stage(ARCHIVE, "process the products", (), make_archive, resumes=True),
            _TARGETS,
            Stage(
                BACKBONE,
                f"pretrain {request.recipe['name']} on what is not scored",
                (ARCHIVE, TARGETS),
                make_backbone,
                resumes=True,
            ),
            Stage(
                EMBEDDING,
                "embed the vignettes",
                (ARCHIVE, BACKBONE),
                make_embedding,
                resumes=True,
            ),
        )
        known: tuple[str, ...] = (ARCHIVE, TARGETS, BACKBONE, EMBEDDING)
    else:
        what = (
            f"take {request.backbone}"
            if request.has_backbone
            else "none: features only"
        )
        first = (
            Stage(BACKBONE, what, (), make_backbone),
            Stage(
                ARCHIVE, "process the products", (BACKBONE,), make_archive, resumes=True
            ),
            _TARGETS,
        )
        known = (BACKBONE, ARCHIVE, TARGETS)
    fitted = (*known, HEADS)
    return (
        *first,
        Stage(
            HEADS,
            f"fit {request.head} heads on {', '.join(request.inputs_of_heads)}",
            known,
            make_heads,
        ),
        Stage(
            CALIBRATION,
            "intervals, temperature, distance score, domain",
            fitted,
            make_calibration,
        ),
        Stage(
            EVALUATION,
            "score what nothing was learned from",
            (*fitted, CALIBRATION),
            make_evaluation,
        ),
        Stage(
            BUNDLE,
            "write the bundle and its card",
            (*fitted, CALIBRATION, EVALUATION),
            make_bundle,
        ),
        Stage(
            REPORT,
            "write the report",
            (*fitted, CALIBRATION, EVALUATION, BUNDLE),
            make_report,
        ),
    )

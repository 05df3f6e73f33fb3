"""A study where it lives: what every function needs that plans, reads or analyses its runs."""

from dataclasses import dataclass, replace
from pathlib import Path

from fashion_compare.data.sources import Source
from fashion_compare.runs.run import DataIdentity
from fashion_compare.study.spec import Study


@dataclass(frozen=True)
class StudyContext:
    """A study, the data it is about, and its directory.

    Attributes:
        study: the resolved study.
        data: what identifies its data, from `data_identity`.
        root: the study's directory.
        source: where workers read the data; None where runs are only read.
    """

    study: Study
    data: DataIdentity
    root: Path
    source: Source | None = None

    def with_study(self, study: Study) -> "StudyContext":
        """Return the same place with another study."""
        return replace(self, study=study)

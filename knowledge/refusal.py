"""Does the knowledge hold an answer at all? A rule calibrated per knowledge base, without labels.

A fixed threshold does not transfer from one knowledge base to another, so each one is asked questions made of
its own headings and sentences, and generic ones it cannot answer, and the line is drawn between them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from knowledge.ranking import Evidence

Probe = Callable[[str], Evidence]  # runs one question through the knowledge base's own search


@dataclass(frozen=True)
class Calibration:
    """Where the line lies. `to_json` and `from_json` keep it with the generation it was made for."""

    threshold: float

    def known(self, evidence: Evidence) -> bool:
        """True when the knowledge probably holds an answer."""
        raise NotImplementedError

    def to_json(self) -> dict[str, float]:
        """A plain object for storage."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, float]) -> Calibration:
        """Read what `to_json` wrote."""
        return cls(**data)


def calibrate(probe: Probe, headings: Sequence[str], sentences: Sequence[str]) -> Calibration:
    """Draw the line for one knowledge base. Asks `probe` some 200 questions; always the same ones."""
    raise NotImplementedError

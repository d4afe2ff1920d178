"""The vocabulary: every frozen record that the rooms of archwise pass to each other.

Standard library and NumPy only, so that any room may import it at no cost.
Letters: B batch, N rows, T time or tokens, C channels, H W pixels, D features, K classes or outputs, R resamples.
"""

from __future__ import annotations

from archwise.records.choice import Candidate, Comparison, CurvePoint, Shortlisted, Trial, Verdict, settings_of
from archwise.records.data import (
    ColumnProfile,
    Finding,
    Guess,
    Kind,
    Parts,
    Profile,
    ReadCell,
    ReadCells,
    Reader,
    Split,
    Store,
    Stored,
    Stream,
    Table,
)
from archwise.records.forecast import FORECAST, ForecastFacts, ForecastTold
from archwise.records.learning import Architecture, Inherited, Metric, Plan, Setting, Solved, Suits, Task
from archwise.records.need import PADDED, STEPS, ImageNeed, InputSpec, Need, SeriesNeed, Signature, TextNeed
from archwise.records.types import Array, Batch, Family, Form, Json, Scalar, Severity, TrialState, Widths

__all__ = [
    "FORECAST",
    "PADDED",
    "STEPS",
    "Architecture",
    "Array",
    "Batch",
    "Candidate",
    "ColumnProfile",
    "Comparison",
    "CurvePoint",
    "Family",
    "Finding",
    "ForecastFacts",
    "ForecastTold",
    "Form",
    "Guess",
    "ImageNeed",
    "Inherited",
    "InputSpec",
    "Json",
    "Kind",
    "Metric",
    "Need",
    "Parts",
    "Plan",
    "Profile",
    "ReadCell",
    "ReadCells",
    "Reader",
    "Scalar",
    "SeriesNeed",
    "Setting",
    "Severity",
    "Shortlisted",
    "Signature",
    "Solved",
    "Split",
    "Store",
    "Stored",
    "Stream",
    "Suits",
    "Table",
    "Task",
    "TextNeed",
    "Trial",
    "TrialState",
    "Verdict",
    "Widths",
    "settings_of",
]

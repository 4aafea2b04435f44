"""Every metric that the pipeline emits, declared once: name, unit and meaning.

The functions count under these names, alarms and the dashboard read them; ``tests/unit/core/test_metrics.py`` holds
both to this list. All metrics are in the namespace :data:`NAMESPACE` under exactly the dimensions :data:`DIMENSIONS`,
for each further value of a dimension is a metric more to pay for. Project and environment keep the deployments of one
account apart: no count of one reaches an alarm of another. CloudWatch gets as metrics only what an alarm reads; all
others stand in the same lines of the log, as fields of the same names, where the dashboard reads them. Names and units
are stored and never change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

NAMESPACE = "Starmend"
DIMENSIONS = ("project", "environment", "dataset")

Unit = Literal["Count", "Seconds", "Milliseconds"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric. ``watched`` are those that an alarm reads; the others are fields of log lines.

    As a field it is one number for each line: counts are added up, of times the longest stays.
    """

    name: str
    meaning: str
    unit: Unit = "Count"
    watched: bool = True


# ---------------------------------------------------------------- feeds: request and pull

POINTS_EXPECTED = Metric("PointsExpected", "points that the contract promises for the slot that was requested")
POINTS_WRITTEN = Metric("PointsWritten", "points that the stream took", watched=False)
TRIGGER_DELAY = Metric(
    "TriggerDelaySeconds",
    "longest time of a batch between the start of a slot and its answer",
    "Seconds",
    watched=False,
)
PROVIDER_REFUSED = Metric("ProviderRefused", "points that the provider refused: the token, or what is asked with it")
SECRET_MISSING = Metric(
    "SecretMissing", "points not asked for, because the provider's secret has no value or is not read"
)
POINTS_LIMITED = Metric("PointsLimited", "points that the provider's rate limit left out", watched=False)
POINTS_UNANSWERED = Metric("PointsUnanswered", "points not asked for in the time of their batch", watched=False)
PROVIDER_BROKEN = Metric("ProviderBroken", "points whose answer made no sense")

# ---------------------------------------------------------------- databases: extract

ROWS_EXTRACTED = Metric("RowsExtracted", "rows in the ingest objects of a table in a pass", watched=False)
OBJECTS_EXTRACTED = Metric("ObjectsExtracted", "ingest objects of a table in a pass")
TABLE_FAILED = Metric("TableFailed", "tables that a pass could not extract")
TABLE_OUT_OF_TIME = Metric("TableOutOfTime", "tables that a pass had no time for", watched=False)
HORIZON_HELD = Metric("HorizonHeldSeconds", "age of the transaction that holds back the safe horizon", "Seconds")
PARAMETERS_REBUILT = Metric(
    "ParametersRebuilt", "tables whose parameters did not say what their objects prove", watched=False
)
OBJECTS_MISSING = Metric("ObjectsMissing", "numbers of a table's sequence that have no object", watched=False)
ROWS_UNPLACED = Metric("RowsUnplaced", "rows without key or cursor, which no interval can hold", watched=False)

# ---------------------------------------------------------------- process

OBJECTS_PROCESSED = Metric("ObjectsProcessed", "ingest objects whose rows are committed")
OBJECTS_HALTED = Metric("ObjectsHalted", "ingest objects with so many bad lines that nothing of them was committed")
OBJECTS_FAILED = Metric("ObjectsFailed", "attempts at an ingest object that failed and come again", watched=False)
OBJECTS_GONE = Metric("ObjectsGone", "ingest objects that an event names and that are not there", watched=False)
LINES_IN = Metric("LinesIn", "lines of an ingest object", watched=False)
ROWS_OUT = Metric("RowsOut", "rows of star tables that an ingest object became", watched=False)
LINES_REJECTED = Metric("LinesRejected", "lines of an ingest object in quarantine")
UNKNOWN_COLUMNS = Metric("UnknownColumns", "columns of an ingest object that no contract names", watched=False)
NON_SEQUENTIAL_IDS = Metric("NonSequentialIds", "ingest objects processed out of their table's sequence", watched=False)
PROCESSING_TIME = Metric(
    "ProcessingTime", "from the start on an ingest object to its receipt", "Milliseconds", watched=False
)
TABLES_FAILED = Metric("TablesFailed", "tables made from the contract alone that could not be written", watched=False)

# ---------------------------------------------------------------- audits

AUDIT_EXPECTED = Metric("AuditExpected", "points or rows that the audited windows owe", watched=False)
AUDIT_MISSING = Metric("AuditMissing", "points or rows still missing when the audit ended", watched=False)
AUDIT_ABSENT = Metric("AuditAbsent", "points or rows that the source proves not to have", watched=False)
POINTS_REPAIRED = Metric("PointsRepaired", "points or rows that the audit brought back", watched=False)
POINTS_UNHEALED = Metric(
    "PointsUnhealed", "points or rows missing in windows for which the admins were told a cause", watched=False
)
CAUSES_OPEN = Metric("CausesOpen", "causes that the admins were told of and that are not over")
CERTIFICATES_ISSUED = Metric("CertificatesIssued", "certificates that the audit wrote", watched=False)
CANARY_HEALED = Metric("CanaryHealed", "1 where the newest planted gap was healed, else 0; canaries alone")
AUDIT_FINISHED = Metric("AuditFinished", "audits that came to an end, or told why they failed")
AUDIT_FAILED = Metric("AuditFailed", "audits that failed in one of their steps", watched=False)
EVENTS_UNSENT = Metric("EventsUnsent", "events about an audit that the event bus did not take", watched=False)

# ---------------------------------------------------------------- the mirror

MIRROR_LAG = Metric(
    "MirrorLagSeconds", "age of the first commit that a table's mirror lacks after a run; 0: none", "Seconds"
)

# ---------------------------------------------------------------- the deployment itself

DEPLOYMENT = "deployment"  # in the place of a dataset
DRIFTED = Metric("DriftedResources", "resources that differ from the code, whenever somebody looks (deploy drift)")

METRICS: tuple[Metric, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Metric))

"""Reports: the verdict, the numbers and the figures of an evaluation in one HTML file."""

from scgarage.report.extras import GivenAudit, GivenUtility
from scgarage.report.html import write_report
from scgarage.report.words import versions

__all__ = ["GivenAudit", "GivenUtility", "versions", "write_report"]

"""Bulk export of an EHR into the lake: `export(bulk, lake, options)`."""

from analytics.export.options import DEFAULT_TYPES, ExportOptions, ExportResult
from analytics.export.run import export

__all__ = ["DEFAULT_TYPES", "ExportOptions", "ExportResult", "export"]

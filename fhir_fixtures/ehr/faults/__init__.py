"""What goes wrong on request: README.md lists the faults; each part of SMART and FHIR has a file of its own."""

from fhir_fixtures.ehr.faults.middleware import Faults, all_faults

__all__ = ["Faults", "all_faults"]

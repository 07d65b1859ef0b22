"""The embedded EHR: SMART, FHIR R4, Bulk Data and faults, one file per specification."""

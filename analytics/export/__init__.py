"""Bulk export from an EHR to the lake (FHIR Bulk Data Access, client side)."""

"""Systems (R4 datatype `uri`) of identifiers and codes in the FHIR resources that this app makes."""

# Ours: an absolute URI that is the same at every site and says nothing of any (R4 datatype Identifier.system).
SYSTEM = "urn:uuid:be0853e9-c950-4601-af8d-a8a9de02724b"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"

"""FHIR R4 types that an app may search here although the store has none: the Patient compartment and what it points to.

A real EHR answers such a search with an empty Bundle; definitions, terminology and the like stay unknown (404).
"""

_NAMES = """
Account AdverseEvent AllergyIntolerance Appointment AppointmentResponse AuditEvent Basic Binary BodyStructure CarePlan
CareTeam ChargeItem Claim ClaimResponse ClinicalImpression Communication CommunicationRequest Composition Condition
Consent Coverage CoverageEligibilityRequest CoverageEligibilityResponse DetectedIssue Device DeviceRequest
DeviceUseStatement DiagnosticReport DocumentManifest DocumentReference Encounter Endpoint EnrollmentRequest
EpisodeOfCare ExplanationOfBenefit FamilyMemberHistory Flag Goal Group HealthcareService ImagingStudy Immunization
ImmunizationEvaluation ImmunizationRecommendation Invoice List Location MeasureReport Media Medication
MedicationAdministration MedicationDispense MedicationRequest MedicationStatement MolecularSequence NutritionOrder
Observation Organization Patient Person Practitioner PractitionerRole Procedure Provenance Questionnaire
QuestionnaireResponse RelatedPerson RequestGroup ResearchSubject RiskAssessment Schedule ServiceRequest Slot Specimen
Substance SupplyDelivery SupplyRequest Task VisionPrescription
"""
CLINICAL_TYPES = frozenset(_NAMES.split())

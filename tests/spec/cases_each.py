# ruff: noqa: E501 (tables are read across)
"""Every condition, social finding, medicine class, screening and vaccine by its own codes, written out here once more.

The codes are the test: each of `codes` alone makes the feature what it is; those of `not` never do.
"""

from __future__ import annotations

from tests.spec.tables import Case, parse

#: A record of 30 June 2023 is 1096 days, or 3 years of 365.25 days, old.
CONDITIONS = """
feature                     | codes                                                                 | not
diabetes                    | SNOMED#44054006 ICD10CM#E11.9 ICD10CM#E10.65 ICD10CM#E13.9            | SNOMED#714628002 ICD10CM#R73.03 ICD10CM#O24.4
diabetes_complication       | SNOMED#127013003 SNOMED#1551000119108 ICD10CM#E11.22 ICD10CM#E10.42   | SNOMED#44054006 ICD10CM#E11.9 ICD10CM#E11.65
prediabetes                 | SNOMED#714628002 SNOMED#15777000 ICD10CM#R73.03                       | ICD10CM#R73.9 ICD10CM#E11.9
hypertension                | SNOMED#59621000 ICD10CM#I10 ICD10CM#I12.9 ICD10CM#I16.0               | ICD10CM#I20.9 ICD10CM#R03.0
dyslipidaemia               | SNOMED#55822004 SNOMED#302870006 ICD10CM#E78.5                        | ICD10CM#E88.81 ICD10CM#E79.0
obesity                     | SNOMED#162864005 SNOMED#408512008 ICD10CM#E66.9                       | ICD10CM#R63.5 ICD10CM#E65
heart_failure               | SNOMED#88805009 SNOMED#84114007 ICD10CM#I50.22 ICD10CM#I11.0          | ICD10CM#I11.9 ICD10CM#I51.9 ICD10CM#I13.10
coronary_disease            | SNOMED#414545008 SNOMED#22298006 ICD10CM#I25.10 ICD10CM#I20.9         | ICD10CM#I26.99 ICD10CM#R07.9
atrial_fibrillation         | SNOMED#49436004 ICD10CM#I48.91                                        | ICD10CM#I49.9 ICD10CM#I47.1
stroke                      | SNOMED#230690007 ICD10CM#I63.9 ICD10CM#G45.9                          | ICD10CM#I70.0 ICD10CM#G44.1
chronic_kidney_disease      | SNOMED#433144002 SNOMED#431857002 ICD10CM#N18.30 ICD10CM#Z99.2        | SNOMED#431855005 ICD10CM#N18.2 ICD10CM#N17.9
copd                        | SNOMED#185086009 SNOMED#87433001 ICD10CM#J44.9                        | SNOMED#195967001 ICD10CM#J45.909 ICD10CM#J40
asthma                      | SNOMED#195967001 SNOMED#233678006 ICD10CM#J45.909                     | ICD10CM#J44.9 ICD10CM#J46
sleep_apnoea                | SNOMED#78275009 SNOMED#73430006 ICD10CM#G47.33                        | ICD10CM#G47.00
dementia                    | SNOMED#26929004 SNOMED#230265002 ICD10CM#F03.90 ICD10CM#G30.9         | ICD10CM#G31.84 ICD10CM#F05
depression                  | SNOMED#370143000 SNOMED#36923009 ICD10CM#F33.1                        | ICD10CM#F31.9 ICD10CM#F41.1
anxiety_ptsd                | SNOMED#47505003 ICD10CM#F41.1 ICD10CM#F43.10                          | ICD10CM#F43.20 ICD10CM#F40.10
substance_use               | SNOMED#5602001 SNOMED#7200002 ICD10CM#F10.20 ICD10CM#F11.20           | ICD10CM#F17.210
chronic_pain                | SNOMED#82423001 ICD10CM#G89.29                                        | ICD10CM#R52
cancer                      | SNOMED#254837009 SNOMED#91861009 ICD10CM#C50.911 ICD10CM#C78.00       | SNOMED#126906006 ICD10CM#C44.91 ICD10CM#D05.1
osteoarthritis_osteoporosis | SNOMED#64859006 SNOMED#239873007 ICD10CM#M17.11 ICD10CM#M81.0         | ICD10CM#M25.5 ICD10CM#M85.8
inflammatory_arthritis      | SNOMED#69896004 SNOMED#90560007 ICD10CM#M05.9 ICD10CM#M10.9           | ICD10CM#M17.11 ICD10CM#M13.0
hypothyroidism              | SNOMED#83664006 ICD10CM#E03.9                                         | ICD10CM#E05.90
anaemia                     | SNOMED#271737000 ICD10CM#D64.9 ICD10CM#D50.9                          | ICD10CM#D65 ICD10CM#D54
liver_disease               | SNOMED#128302006 SNOMED#61977001 ICD10CM#K74.60 ICD10CM#B18.2         | ICD10CM#K75.0 ICD10CM#B17.9
falls_frailty               | SNOMED#1912002 ICD10CM#R54 ICD10CM#Z91.81                             | ICD10CM#R26.9
valve_disease               | SNOMED#60573004 SNOMED#48724000 ICD10CM#I35.0                         | ICD10CM#I38 ICD10CM#I33.0
epilepsy                    | SNOMED#84757009 SNOMED#128613002 ICD10CM#G40.909                      | ICD10CM#R56.9 ICD10CM#G43.9
hiv                         | SNOMED#86406008 SNOMED#62479008 ICD10CM#B20 ICD10CM#Z21               | ICD10CM#Z20.6 ICD10CM#B19.9
metabolic_syndrome          | SNOMED#237602007 ICD10CM#E88.81                                       | ICD10CM#E78.5
hyperglycaemia              | SNOMED#80394007 ICD10CM#R73.9                                         | ICD10CM#R73.03
myocardial_infarction       | SNOMED#22298006 SNOMED#401303003 ICD10CM#I21.4 ICD10CM#I25.2          | SNOMED#414545008 ICD10CM#I25.10 ICD10CM#I20.0
peripheral_artery_disease   | SNOMED#399957001 ICD10CM#I70.219 ICD10CM#I73.9                        | ICD10CM#I70.1 ICD10CM#I73.00
kidney_failure              | SNOMED#46177005 SNOMED#161665007 ICD10CM#N18.6 ICD10CM#Z94.0          | SNOMED#433144002 ICD10CM#N18.4
kidney_disease_early        | SNOMED#431855005 SNOMED#431856006 ICD10CM#N18.2                       | ICD10CM#N18.30
ptsd                        | SNOMED#47505003 ICD10CM#F43.10                                        | ICD10CM#F41.1
suicide_risk                | SNOMED#225444004 SNOMED#6471006 ICD10CM#R45.851                       | ICD10CM#R45.85
opioid_use_disorder         | SNOMED#5602001 SNOMED#6525002 ICD10CM#F11.20                          | SNOMED#7200002 ICD10CM#F10.20
overdose                    | SNOMED#1149222004 SNOMED#55680006 ICD10CM#T40.2X1A                    | ICD10CM#T39.1 ICD10CM#F11.20
alcohol_use_disorder        | SNOMED#7200002 ICD10CM#F10.20                                         | SNOMED#5602001 ICD10CM#F11.20
breast_cancer               | SNOMED#254837009 ICD10CM#C50.911                                      | ICD10CM#C51.9
colorectal_cancer           | SNOMED#363406005 SNOMED#109838007 ICD10CM#C18.9 ICD10CM#C20           | ICD10CM#C21.0
lung_cancer                 | SNOMED#254637007 SNOMED#424132000 ICD10CM#C34.90                      | ICD10CM#C33
prostate_cancer             | SNOMED#92691004 SNOMED#94503003 ICD10CM#C61                           | SNOMED#126906006 ICD10CM#C62.90
blood_cancer                | SNOMED#91861009 SNOMED#109989006 ICD10CM#C91.10 ICD10CM#C81.90        | ICD10CM#C80.1
metastatic_cancer           | SNOMED#94260004 SNOMED#94503003 ICD10CM#C78.00 ICD10CM#C80.1          | ICD10CM#C76.0
osteoporosis                | SNOMED#64859006 ICD10CM#M81.0                                         | SNOMED#239873007 ICD10CM#M85.8
osteoarthritis              | SNOMED#239873007 SNOMED#201834006 ICD10CM#M17.11                      | SNOMED#64859006 ICD10CM#M20.1
rheumatoid_arthritis        | SNOMED#69896004 ICD10CM#M05.9 ICD10CM#M06.9                           | SNOMED#90560007 ICD10CM#M07.6
lupus                       | SNOMED#200936003 ICD10CM#M32.9                                        | ICD10CM#M33.9
gout                        | SNOMED#90560007 ICD10CM#M10.9                                         | ICD10CM#M11.9
viral_hepatitis             | SNOMED#61977001 SNOMED#128302006 ICD10CM#B18.2                        | ICD10CM#B16.9 ICD10CM#K74.60
sepsis                      | SNOMED#91302008 SNOMED#76571007 ICD10CM#A41.9 ICD10CM#R65.20          | ICD10CM#A40.9 ICD10CM#R65.10
coronary_revascularisation  | SNOMED#415070008 SNOMED#232717009 ICD10CM#Z95.5                       | ICD10CM#Z95.0 SNOMED#414545008
stress                      | SNOMED#73595000 ICD10CM#Z73.3                                         | SNOMED#160903007
social_isolation            | SNOMED#422650009 ICD10CM#Z60.2                                        | SNOMED#423315002
limited_social_contact      | SNOMED#423315002                                                      | SNOMED#422650009
violence_victim             | SNOMED#706893006 ICD10CM#Z69.11                                       | ICD10CM#Z69.81
housing_or_money_problem    | ICD10CM#Z59.00 ICD10CM#Z59.6                                          | ICD10CM#Z60.2
unemployment                | ICD10CM#Z56.0                                                         | SNOMED#160904001 SNOMED#741062008
"""

#: States that pass, and why a care gap does not apply: they have no years.
PASSING = """
feature                     | codes                                                                 | not
pregnancy                   | SNOMED#72892002 ICD10CM#Z34.90 ICD10CM#O24.4                          | ICD10CM#Z32.01
bilateral_mastectomy        | SNOMED#27865001 ICD10CM#Z90.13                                        | SNOMED#428571003 ICD10CM#Z90.12
left_mastectomy             | SNOMED#428571003 ICD10CM#Z90.12                                       | SNOMED#429400009 ICD10CM#Z90.11
right_mastectomy            | SNOMED#429400009 ICD10CM#Z90.11                                       | SNOMED#428571003 ICD10CM#Z90.13
total_colectomy             | SNOMED#26390003 SNOMED#119771000119101                                | SNOMED#73761001
no_cervix                   | SNOMED#116140006 ICD10CM#Z90.710 ICD10CM#Q51.5                        | ICD10CM#Z90.711
bipolar_disorder            | SNOMED#13746004 ICD10CM#F31.9                                         | ICD10CM#F32.9
rhabdomyolysis              | SNOMED#240131006 ICD10CM#M62.82                                       | ICD10CM#M62.81
statin_muscle_symptoms      | SNOMED#16462851000119106 ICD10CM#G72.0 ICD10CM#T46.6X5A               | ICD10CM#G72.1 ICD10CM#T46.6X1A
familial_hypercholesterolaemia | SNOMED#398036000 ICD10CM#E78.01                                    | ICD10CM#E78.00
diabetic_retinopathy        | SNOMED#4855003 SNOMED#422034002 ICD10CM#E11.319 ICD10CM#E10.3591      | ICD10CM#E11.36 ICD10CM#E11.22
reduced_ejection_fraction   | SNOMED#703272007 ICD10CM#I50.22 ICD10CM#I50.43                        | ICD10CM#I50.32 SNOMED#84114007
slow_heart_conduction       | SNOMED#48867003 ICD10CM#I44.2 ICD10CM#R00.1                           | ICD10CM#I44.0
"""

#: An order of each code alone, ingredient or product, of 1 June 2026.
MEDICINES = """
feature                             | codes                                                   | not
statin_in_use                       | RXNORM#83367 RXNORM#42463 RXNORM#617311 RXNORM#312961   | RXNORM#341248
statin_high_intensity_in_use        | RXNORM#617311 RXNORM#859751                             | RXNORM#617312 RXNORM#83367
renin_angiotensin_in_use            | RXNORM#29046 RXNORM#52175 RXNORM#1656328 RXNORM#314076  | RXNORM#17767
calcium_channel_blocker_in_use      | RXNORM#17767 RXNORM#3443 RXNORM#308136                  | RXNORM#29046
thiazide_in_use                     | RXNORM#5487 RXNORM#2409 RXNORM#310798                   | RXNORM#4603
loop_diuretic_in_use                | RXNORM#4603 RXNORM#1808 RXNORM#313988                   | RXNORM#5487
mineralocorticoid_antagonist_in_use | RXNORM#9997 RXNORM#298869 RXNORM#313096                 | RXNORM#4603
beta_blocker_in_use                 | RXNORM#6918 RXNORM#20352 RXNORM#866412                  | RXNORM#17767
other_antihypertensive_in_use       | RXNORM#5470 RXNORM#2599 RXNORM#49276 RXNORM#905377      | RXNORM#6918
antidiabetic_oral_in_use            | RXNORM#6809 RXNORM#1545653 RXNORM#475968 RXNORM#860975  | RXNORM#274783
insulin_in_use                      | RXNORM#274783 RXNORM#86009 RXNORM#106892                | RXNORM#6809
anticoagulant_in_use                | RXNORM#11289 RXNORM#1364430 RXNORM#855332               | RXNORM#1191
antiplatelet_in_use                 | RXNORM#1191 RXNORM#32968 RXNORM#243670                  | RXNORM#11289
opioid_in_use                       | RXNORM#7804 RXNORM#10689 RXNORM#1049221                 | RXNORM#7242
opioid_antagonist_in_use            | RXNORM#7242 RXNORM#7243                                 | RXNORM#7804
airways_in_use                      | RXNORM#245314 RXNORM#895996                             | RXNORM#1191
antidepressant_in_use               | RXNORM#596926 RXNORM#310385                             | RXNORM#596
dementia_medicine_in_use            | RXNORM#135447 RXNORM#6719 RXNORM#997223                 | RXNORM#596
cardiac_other_in_use                | RXNORM#3407 RXNORM#197604                               | RXNORM#6918
smoking_cessation_in_use            | RXNORM#591622 RXNORM#7407                               | RXNORM#42347
benzodiazepine_in_use               | RXNORM#596                                              | RXNORM#7804
heart_failure_beta_blocker_in_use   | RXNORM#19484 RXNORM#20352 RXNORM#866412 RXNORM#866429   | RXNORM#6918 RXNORM#1202
"""

#: A record of 1 June 2026 is 29 days old.
SCREENINGS = """
feature                         | codes                              | not
days_since_mammography          | SNOMED#71651007 SNOMED#24623002 LOINC#24606-6 | SNOMED#73761001
days_since_colonoscopy          | SNOMED#73761001                    | SNOMED#71651007
days_since_stool_blood_test     | LOINC#57905-2 LOINC#2335-8         | LOINC#2160-0
days_since_eye_exam             | SNOMED#722161008                   | SNOMED#73761001
days_since_depression_screening | SNOMED#171207006 SNOMED#715252007  | SNOMED#762993000
days_since_falls_screening      | SNOMED#762993000                   | SNOMED#171207006
days_since_influenza_vaccine    | CVX#140 CVX#197                    | CVX#121
days_since_zoster_vaccine       | CVX#121 CVX#187                    | CVX#140
days_since_pneumococcal_vaccine | CVX#33 CVX#133 CVX#216             | CVX#113
days_since_tetanus_vaccine      | CVX#113 CVX#115 CVX#09             | CVX#133
days_since_hospice              | SNOMED#385763009 SNOMED#305336008  | SNOMED#103735009
days_since_palliative_care      | SNOMED#103735009 ICD10CM#Z51.5     | SNOMED#385763009 ICD10CM#Z51.11
days_since_pregnancy            | SNOMED#72892002 ICD10CM#O24.4      | ICD10CM#Z32.01
days_since_falls_frailty        | SNOMED#1912002 ICD10CM#Z91.81      | ICD10CM#R26.9
days_since_breastfeeding        | SNOMED#169643005 ICD10CM#Z39.1     | ICD10CM#Z39.2
days_since_stool_dna_test       | LOINC#77353-1 LOINC#77354-9        | LOINC#57905-2
days_since_sigmoidoscopy        | SNOMED#44441009 SNOMED#396226005   | SNOMED#73761001
days_since_ct_colonography      | SNOMED#418714002 LOINC#60515-4     | SNOMED#73761001
days_since_pap_test             | LOINC#10524-7 SNOMED#90226004      | LOINC#21440-3
days_since_hpv_test             | LOINC#21440-3 LOINC#82675-0        | LOINC#10524-7
days_since_glycaemic_test       | LOINC#4548-4 LOINC#1558-6          | LOINC#2345-7 LOINC#97506-0
days_since_urine_albumin        | LOINC#14957-5 LOINC#1754-1         | LOINC#2161-8 LOINC#14959-1
days_since_urine_creatinine     | LOINC#2161-8 LOINC#20624-3         | LOINC#2160-0 LOINC#14957-5
days_since_tobacco_counselling  | SNOMED#225323000 ICD10CM#Z71.6     | ICD10CM#Z71.3
days_since_depression_follow_up | SNOMED#228557008 SNOMED#308477009  | SNOMED#171207006
days_since_weight_follow_up     | SNOMED#370847001 SNOMED#410177006  | SNOMED#171207006
"""


def _each(table: str, time: str, of: str) -> list[Case]:
    """A case for each code of each feature, and one for those that are not it. `of` words what is expected."""
    cases = []
    for row in parse(table):
        feature = row["feature"]
        about = tuple(line.split("|")[0].strip() for line in of.format(feature).splitlines() if line.strip())
        head = "feature | value | time | resource\n"
        for code in row["codes"].split():
            made = f"id | time | code\na | {time} | {code}"
            cases.append(Case(f"{feature} by {code}", "feature_values", made, head + of.format(feature), about))
        other = "\n".join(f"{n} | {time} | {code}" for n, code in enumerate(row["not"].split()))
        cases.append(Case(f"{feature} by no other", "feature_values", f"id | time | code\n{other}", "", about))
    return cases


_HAS = "{0} | 1 | 2023-06-30 | a\n"
_SINCE = "{0}_years | 3.0006844626967832 | 2023-06-30 | a\n"
EACH = [
    *_each(CONDITIONS, "2023-06-30", _HAS + _SINCE),
    *_each(PASSING, "2023-06-30", _HAS),
    *_each(MEDICINES, "2026-06-01", "{0} | 1 | 2026-06-01 | a\n"),
    *_each(SCREENINGS, "2026-06-01", "{0} | 29 | 2026-06-01 | a\n"),
]

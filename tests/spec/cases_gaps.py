# ruff: noqa: E501 (tables are read across)
"""Care gaps: which state each rule gives, for a row of features. As ``gaps.toml`` has them, case by case.

`given` is what a person has beside the rule's own start (START), which is an open gap; what is not given is as without any
record: 0, or unknown (feature=none takes it away again). Days count back from the as-of date: 364 is the last day of the period.
"""

from __future__ import annotations

from dataclasses import dataclass

from analytics.definitions import catalogue, gaps
from tests.spec.tables import parse

START = {row["rule"]: row["given"] for row in parse("""
rule             | given
cms165           | age=60 hypertension=1 hypertension_years=3 outpatient_visits_12m=1
cms122           | age=60 diabetes=1 outpatient_visits_12m=1
cms347           | age=60 coronary_disease=1 outpatient_visits_12m=1
cms135           | age=60 heart_failure=1 ejection_fraction_lowest=35 outpatient_visits_12m=2
cms144           | age=60 heart_failure=1 ejection_fraction_lowest=35 outpatient_visits_12m=2
cms951           | age=60 diabetes=1 outpatient_visits_12m=1
cms131           | age=60 diabetes=1 outpatient_visits_12m=1
cms130           | age=60 outpatient_visits_12m=1
cms125           | age=60 female=1 outpatient_visits_12m=1
cms124           | age=40 female=1 outpatient_visits_12m=1
cms138           | age=60 outpatient_visits_12m=2
cms2             | age=60 outpatient_visits_12m=1
cms139           | age=70 outpatient_visits_12m=1
cms69            | age=60 outpatient_visits_12m=1
cms1154          | age=60 body_mass_index=31 body_mass_index_age_days=10 outpatient_visits_12m=2
ais_influenza    | age=60
ais_pneumococcal | age=70
ais_zoster       | age=60
ais_tetanus      | age=60
ais_hepatitis_b  | age=40
""")}  # fmt: skip

#: What makes each exclusion hold, and the nearest to it that does not.
EXCLUDED = """
exclusion                 | given                                                 | nearest
hospice                   | days_since_hospice=364                                | days_since_hospice=365
palliative_care           | days_since_palliative_care=364                        | days_since_palliative_care=365
nursing_home              | age=66 lives_in_nursing_home=1                        | age=65 lives_in_nursing_home=1
frail_and_ill             | age=66 days_since_falls_frailty=364 heart_failure=1   | age=66 days_since_falls_frailty=365 heart_failure=1
frail_and_ill             | age=66 days_since_falls_frailty=0 dementia=1          | age=65 days_since_falls_frailty=0 dementia=1
frail_and_ill             | age=66 days_since_falls_frailty=0 metastatic_cancer=1 | age=66 days_since_falls_frailty=0 cancer=1
frail_and_ill             | age=66 days_since_falls_frailty=0 dementia_medicine_in_use=1 | age=66 dementia_medicine_in_use=1
advanced_illness          | heart_failure=1                                       | days_since_falls_frailty=0 coronary_disease=1
advanced_illness          | dementia=1                                            |
advanced_illness          | dementia_medicine_in_use=1                            | chronic_kidney_disease=1
advanced_illness          | metastatic_cancer=1                                   | cancer=1
advanced_illness          | kidney_failure=1                                      |
frail_at_81               | age=81 days_since_falls_frailty=364                   | age=80 days_since_falls_frailty=364
kidney_failure            | kidney_failure=1                                      | chronic_kidney_disease=1
pregnancy                 | days_since_pregnancy=364                              | days_since_pregnancy=365 pregnancy=1
breastfeeding             | days_since_breastfeeding=364                          | days_since_breastfeeding=365
rhabdomyolysis            | rhabdomyolysis=1                                      | rhabdomyolysis=0
statin_muscle_symptoms    | statin_muscle_symptoms=1                              | statin_muscle_symptoms=0
statin_allergy            | statin_allergy=1                                      | beta_blocker_allergy=1
liver_disease             | liver_disease=1                                       | liver_disease=0
renin_angiotensin_allergy | renin_angiotensin_allergy=1                           | beta_blocker_allergy=1
beta_blocker_allergy      | beta_blocker_allergy=1                                | renin_angiotensin_allergy=1
slow_heart_conduction     | slow_heart_conduction=1                               | atrial_fibrillation=1
asthma                    | asthma=1                                              | copd=1
colorectal_cancer         | colorectal_cancer=1                                   | cancer=1
total_colectomy           | total_colectomy=1                                     | total_colectomy=0
bilateral_mastectomy      | bilateral_mastectomy=1                                | breast_cancer=1
two_mastectomies          | left_mastectomy=1 right_mastectomy=1                  | left_mastectomy=1
no_cervix                 | no_cervix=1                                           | no_cervix=0
bipolar_disorder          | bipolar_disorder=1                                    | depression=1
diabetes                  | diabetes=1                                            | diabetes=0
prediabetes               | prediabetes=1                                         | hyperglycaemia=1
glycaemic_test_before     | days_since_glycaemic_test=1094                        | days_since_glycaemic_test=1095
glycaemic_test_before     | days_since_glycaemic_test=365                         |
viral_hepatitis           | viral_hepatitis=1                                     | liver_disease=1
"""

CASES = """
rule    | given                                                                                  | state          | says
cms165  | age=17                                                                                 | not_applicable | Outside ages 18 to 85.
cms165  | age=18                                                                                 | gap            | No outpatient blood pressure in the last 12 months.
cms165  | age=85                                                                                 | gap            | No outpatient blood pressure in the last 12 months.
cms165  | age=86                                                                                 | not_applicable | Outside ages 18 to 85.
cms165  | age=none                                                                               | not_applicable | Age not known.
cms165  | hypertension=0                                                                         | not_applicable | No hypertension on record.
cms165  | hypertension_years=0.49                                                                | not_applicable | Hypertension first recorded less than 6 months ago.
cms165  | hypertension_years=0.5                                                                 | gap            | No outpatient blood pressure in the last 12 months.
cms165  | hypertension_years=none                                                                | gap            | No outpatient blood pressure in the last 12 months.
cms165  | outpatient_visits_12m=0                                                                | not_applicable | No visit in the last 12 months.
cms165  | systolic_outpatient=139 diastolic_outpatient=89                                        | met            | Latest outpatient blood pressure 139/89 mmHg on 1 Jan 2026.
cms165  | systolic_outpatient=140 diastolic_outpatient=89                                        | gap            | Latest outpatient blood pressure 140/89 mmHg on 1 Jan 2026: not below 140/90.
cms165  | systolic_outpatient=139 diastolic_outpatient=90                                        | gap            | Latest outpatient blood pressure 139/90 mmHg on 1 Jan 2026: not below 140/90.
cms165  | systolic=120 diastolic=70                                                              | gap            | No outpatient blood pressure in the last 12 months.
cms122  | age=17                                                                                 | not_applicable | Outside ages 18 to 75.
cms122  | age=75                                                                                 | gap            | No usable HbA1c or glucose management indicator in the last 12 months.
cms122  | age=76                                                                                 | not_applicable | Outside ages 18 to 75.
cms122  | age=none                                                                               | not_applicable | Age not known.
cms122  | diabetes=0                                                                             | not_applicable | No diabetes on record.
cms122  | outpatient_visits_12m=0                                                                | not_applicable | No visit in the last 12 months.
cms122  | hba1c_day_lowest=9 hba1c_age_days=364                                                  | met            | HbA1c 9 % on 1 Jan 2026.
cms122  | hba1c_day_lowest=9.1 hba1c_age_days=10                                                 | gap            | HbA1c 9.1 % on 1 Jan 2026: above 9 %.
cms122  | hba1c=7 hba1c_age_days=365                                                             | gap            | No usable HbA1c or glucose management indicator in the last 12 months.
cms122  | gmi_day_lowest=7 gmi_age_days=10                                                       | met            | Glucose management indicator 7 % on 1 Jan 2026.
cms122  | gmi_day_lowest=9.5 gmi_age_days=10                                                     | gap            | Glucose management indicator 9.5 % on 1 Jan 2026: above 9 %.
cms122  | gmi_day_lowest=7 gmi_age_days=10 hba1c_day_lowest=9.5 hba1c_age_days=20                | met            | Glucose management indicator 7 % on 1 Jan 2026.
cms122  | gmi_day_lowest=9.5 gmi_age_days=10 hba1c_day_lowest=7 hba1c_age_days=20                | gap            | Glucose management indicator 9.5 % on 1 Jan 2026: above 9 %.
cms122  | gmi_day_lowest=9.5 gmi_age_days=20 hba1c_day_lowest=7 hba1c_age_days=10                | met            | HbA1c 7 % on 1 Jan 2026.
cms122  | gmi_day_lowest=9.5 gmi_age_days=10 hba1c_day_lowest=7 hba1c_age_days=10                | met            | HbA1c 7 % on 1 Jan 2026.
cms122  | gmi_age_days=400 hba1c_day_lowest=7 hba1c_age_days=10                                  | met            | HbA1c 7 % on 1 Jan 2026.
cms347  | coronary_disease=0                                                                     | not_applicable | No cardiovascular disease on record; age, LDL cholesterol or a recorded 10-year risk is not known.
cms347  | coronary_disease=0 ldl_highest=189 ascvd_risk_recorded=5 ascvd_risk_recorded_age_days=10 | not_applicable | No cardiovascular disease, and none of LDL of 190 mg/dL, diabetes and a recorded risk of 20 % at the ages that count.
cms347  | coronary_disease=0 age=none ldl_highest=195                                            | not_applicable | No cardiovascular disease on record; age, LDL cholesterol or a recorded 10-year risk is not known.
cms347  | age=none                                                                               | gap            | No statin in use on record.
cms347  | coronary_disease=0 coronary_revascularisation=1                                        | gap            | No statin in use on record.
cms347  | coronary_disease=0 stroke=1                                                            | gap            | No statin in use on record.
cms347  | coronary_disease=0 peripheral_artery_disease=1                                         | gap            | No statin in use on record.
cms347  | coronary_disease=0 age=20 ldl_highest=190                                              | gap            | No statin in use on record.
cms347  | coronary_disease=0 age=75 familial_hypercholesterolaemia=1                             | gap            | No statin in use on record.
cms347  | coronary_disease=0 age=19 ldl_highest=190                                              | not_applicable | No cardiovascular disease, and none of LDL of 190 mg/dL, diabetes and a recorded risk of 20 % at the ages that count.
cms347  | coronary_disease=0 age=76 ldl_highest=190 diabetes=1                                   | not_applicable | No cardiovascular disease, and none of LDL of 190 mg/dL, diabetes and a recorded risk of 20 % at the ages that count.
cms347  | coronary_disease=0 age=40 diabetes=1                                                   | gap            | No statin in use on record.
cms347  | coronary_disease=0 age=39 diabetes=1 ldl_highest=100                                   | not_applicable | No cardiovascular disease, and none of LDL of 190 mg/dL, diabetes and a recorded risk of 20 % at the ages that count.
cms347  | coronary_disease=0 ascvd_risk_recorded=20 ascvd_risk_recorded_age_days=364             | gap            | No statin in use on record.
cms347  | coronary_disease=0 ldl_highest=100 ascvd_risk_recorded=20 ascvd_risk_recorded_age_days=365 | not_applicable | No cardiovascular disease, and none of LDL of 190 mg/dL, diabetes and a recorded risk of 20 % at the ages that count.
cms347  | outpatient_visits_12m=0                                                                | not_applicable | No visit in the last 12 months.
cms347  | statin_in_use=1                                                                        | met            | Statin in use, last ordered 1 Jan 2026.
cms135  | age=17                                                                                 | not_applicable | Younger than 18.
cms135  | age=none                                                                               | not_applicable | Age not known.
cms135  | heart_failure=0                                                                        | not_applicable | No heart failure on record.
cms135  | ejection_fraction_lowest=40                                                            | gap            | No ACE inhibitor, ARB or ARNI in use on record.
cms135  | ejection_fraction_lowest=41                                                            | not_applicable | No ejection fraction of 40 % or lower on record.
cms135  | ejection_fraction_lowest=none                                                          | not_applicable | Ejection fraction not known.
cms135  | ejection_fraction_lowest=none reduced_ejection_fraction=1                              | gap            | No ACE inhibitor, ARB or ARNI in use on record.
cms135  | outpatient_visits_12m=1                                                                | not_applicable | Fewer than two visits in the last 12 months.
cms135  | renin_angiotensin_in_use=1                                                             | met            | ACE inhibitor, ARB or ARNI in use, last ordered 1 Jan 2026.
cms144  | age=17                                                                                 | not_applicable | Younger than 18.
cms144  | age=none                                                                               | not_applicable | Age not known.
cms144  | heart_failure=0                                                                        | not_applicable | No heart failure on record.
cms144  | ejection_fraction_lowest=41                                                            | not_applicable | No ejection fraction of 40 % or lower on record.
cms144  | ejection_fraction_lowest=none                                                          | not_applicable | Ejection fraction not known.
cms144  | outpatient_visits_12m=1                                                                | not_applicable | Fewer than two visits in the last 12 months.
cms144  | beta_blocker_in_use=1                                                                  | gap            | A beta-blocker is in use (ordered 1 Jan 2026), but not bisoprolol, carvedilol or metoprolol succinate.
cms144  | beta_blocker_in_use=1 heart_failure_beta_blocker_in_use=1                              | met            | Beta-blocker for heart failure in use, last ordered 1 Jan 2026.
cms951  | age=17                                                                                 | not_applicable | Outside ages 18 to 85.
cms951  | age=86                                                                                 | not_applicable | Outside ages 18 to 85.
cms951  | age=none                                                                               | not_applicable | Age not known.
cms951  | diabetes=0                                                                             | not_applicable | No diabetes on record.
cms951  | outpatient_visits_12m=0                                                                | not_applicable | No visit in the last 12 months.
cms951  | egfr_age_days=364 urine_acr_age_days=364                                               | met            | eGFR on 1 Jan 2026, urine albumin/creatinine ratio since then.
cms951  | egfr_age_days=10 urine_acr_age_days=364                                                | met            | Urine albumin/creatinine ratio on 1 Jan 2026, eGFR since then.
cms951  | egfr_age_days=10 urine_acr_age_days=365                                                | gap            | eGFR on 1 Jan 2026, but no urine albumin/creatinine ratio in the last 12 months.
cms951  | egfr_age_days=365 urine_acr_age_days=10                                                | gap            | Urine albumin/creatinine ratio on 1 Jan 2026, but no eGFR in the last 12 months.
cms951  | egfr_age_days=365 urine_acr_age_days=365                                               | gap            | No usable eGFR and no urine albumin/creatinine ratio in the last 12 months.
cms951  | egfr_2021=60 egfr_age_days=none urine_acr_age_days=10                                  | gap            | Urine albumin/creatinine ratio on 1 Jan 2026, but no eGFR in the last 12 months.
cms951  | egfr_age_days=364 days_since_urine_albumin=10 days_since_urine_creatinine=14           | met            | eGFR on 1 Jan 2026, urine albumin and creatinine since then.
cms951  | egfr_age_days=5 days_since_urine_albumin=364 days_since_urine_creatinine=360           | met            | Urine albumin and creatinine on 1 Jan 2026, eGFR since then.
cms951  | egfr_age_days=5 days_since_urine_albumin=10 days_since_urine_creatinine=15             | gap            | eGFR on 1 Jan 2026, but no urine albumin/creatinine ratio in the last 12 months.
cms951  | egfr_age_days=5 days_since_urine_albumin=365 days_since_urine_creatinine=365           | gap            | eGFR on 1 Jan 2026, but no urine albumin/creatinine ratio in the last 12 months.
cms131  | age=17                                                                                 | not_applicable | Outside ages 18 to 75.
cms131  | age=76                                                                                 | not_applicable | Outside ages 18 to 75.
cms131  | age=none                                                                               | not_applicable | Age not known.
cms131  | diabetes=0                                                                             | not_applicable | No diabetes on record.
cms131  | outpatient_visits_12m=0                                                                | not_applicable | No visit in the last 12 months.
cms131  |                                                                                        | gap            | No eye exam on record.
cms131  | days_since_eye_exam=729                                                                | met            | Eye exam on 1 Jan 2026, no retinopathy on record.
cms131  | days_since_eye_exam=730                                                                | gap            | Last eye exam on 1 Jan 2026.
cms131  | days_since_eye_exam=364 diabetic_retinopathy=1                                         | met            | Eye exam on 1 Jan 2026.
cms131  | days_since_eye_exam=365 diabetic_retinopathy=1                                         | gap            | Last eye exam on 1 Jan 2026.
cms130  | age=45                                                                                 | not_applicable | Outside ages 46 to 75.
cms130  | age=46                                                                                 | gap            | No colorectal screening on record that still counts.
cms130  | age=75                                                                                 | gap            | No colorectal screening on record that still counts.
cms130  | age=76                                                                                 | not_applicable | Outside ages 46 to 75.
cms130  | age=none                                                                               | not_applicable | Age not known.
cms130  | outpatient_visits_12m=0                                                                | not_applicable | No visit in the last 12 months.
cms130  | days_since_colonoscopy=3651                                                            | met            | Colonoscopy on 1 Jan 2026.
cms130  | days_since_colonoscopy=3652                                                            | gap            | Last colonoscopy on 1 Jan 2026, and no newer test that still counts.
cms130  | days_since_sigmoidoscopy=1825                                                          | met            | Flexible sigmoidoscopy on 1 Jan 2026.
cms130  | days_since_sigmoidoscopy=1826                                                          | gap            | No colorectal screening on record that still counts.
cms130  | days_since_ct_colonography=1825                                                        | met            | CT colonography on 1 Jan 2026.
cms130  | days_since_ct_colonography=1826                                                        | gap            | No colorectal screening on record that still counts.
cms130  | days_since_stool_dna_test=1094                                                         | met            | Stool DNA test on 1 Jan 2026.
cms130  | days_since_stool_dna_test=1095                                                         | gap            | No colorectal screening on record that still counts.
cms130  | days_since_stool_blood_test=364                                                        | met            | Stool blood test on 1 Jan 2026.
cms130  | days_since_stool_blood_test=365                                                        | gap            | Last stool blood test on 1 Jan 2026, and no other test that still counts.
cms125  | female=0                                                                               | not_applicable | Asked of women.
cms125  | female=none                                                                            | not_applicable | Sex not known.
cms125  | age=41                                                                                 | not_applicable | Outside ages 42 to 74.
cms125  | age=42                                                                                 | gap            | No mammography on record.
cms125  | age=74                                                                                 | gap            | No mammography on record.
cms125  | age=75                                                                                 | not_applicable | Outside ages 42 to 74.
cms125  | age=none                                                                               | not_applicable | Age not known.
cms125  | outpatient_visits_12m=0                                                                | not_applicable | No visit in the last 12 months.
cms125  | days_since_mammography=820                                                             | met            | Mammography on 1 Jan 2026.
cms125  | days_since_mammography=821                                                             | gap            | Last mammography on 1 Jan 2026.
cms125  | right_mastectomy=1                                                                     | gap            | No mammography on record.
cms124  | female=0                                                                               | not_applicable | Asked of women.
cms124  | female=none                                                                            | not_applicable | Sex not known.
cms124  | age=23                                                                                 | not_applicable | Outside ages 24 to 64.
cms124  | age=24                                                                                 | gap            | No Pap or HPV test on record.
cms124  | age=65                                                                                 | not_applicable | Outside ages 24 to 64.
cms124  | age=none                                                                               | not_applicable | Age not known.
cms124  | outpatient_visits_12m=0                                                                | not_applicable | No visit in the last 12 months.
cms124  | days_since_pap_test=1094                                                               | met            | Pap test on 1 Jan 2026.
cms124  | days_since_pap_test=1095                                                               | gap            | Last Pap test on 1 Jan 2026.
cms124  | days_since_hpv_test=1825                                                               | met            | HPV test on 1 Jan 2026.
cms124  | days_since_hpv_test=1826                                                               | gap            | HPV test on 1 Jan 2026: longer ago than 5 years, or not surely at 30 or older.
cms124  | age=31 days_since_hpv_test=365                                                         | met            | HPV test on 1 Jan 2026.
cms124  | age=31 days_since_hpv_test=366                                                         | gap            | HPV test on 1 Jan 2026: longer ago than 5 years, or not surely at 30 or older.
cms124  | age=29 days_since_hpv_test=0                                                           | gap            | HPV test on 1 Jan 2026: longer ago than 5 years, or not surely at 30 or older.
cms138  | age=11                                                                                 | not_applicable | Younger than 12.
cms138  | age=none                                                                               | not_applicable | Age not known.
cms138  | outpatient_visits_12m=1                                                                | not_applicable | Fewer than two visits in the last 12 months.
cms138  |                                                                                        | gap            | No known smoking status on record.
cms138  | smoker=0 smoking_status_age_days=364                                                   | met            | Not smoking, recorded 1 Jan 2026.
cms138  | smoker=0 smoking_status_age_days=365                                                   | gap            | Smoking status last recorded 1 Jan 2026, longer than 12 months ago.
cms138  | smoker=1 smoking_status_age_days=10                                                    | gap            | Smoking, recorded 1 Jan 2026; neither counselling nor a medicine for stopping on record.
cms138  | smoker=1 smoking_status_age_days=10 days_since_tobacco_counselling=546                 | met            | Smoking; counselling on 1 Jan 2026.
cms138  | smoker=1 smoking_status_age_days=10 days_since_tobacco_counselling=547                 | gap            | Smoking, recorded 1 Jan 2026; neither counselling nor a medicine for stopping on record.
cms138  | smoker=1 smoking_status_age_days=10 smoking_cessation_in_use=1                         | met            | Smoking; medicine for stopping ordered 1 Jan 2026.
cms138  | smoker=1 smoking_status_age_days=365 smoking_cessation_in_use=1                        | gap            | Smoking status last recorded 1 Jan 2026, longer than 12 months ago.
cms2    | age=11                                                                                 | not_applicable | Younger than 12.
cms2    | age=none                                                                               | not_applicable | Age not known.
cms2    | outpatient_visits_12m=0                                                                | not_applicable | No visit in the last 12 months.
cms2    |                                                                                        | gap            | No depression score in the last 12 months.
cms2    | days_since_depression_screening=10                                                     | gap            | Screening recorded 1 Jan 2026, but no score with it.
cms2    | days_since_depression_screening=365                                                    | gap            | No depression score in the last 12 months.
cms2    | phq9=9 phq9_age_days=364                                                               | met            | PHQ-9 of 9 on 1 Jan 2026.
cms2    | phq9=9 phq9_age_days=365                                                               | gap            | No depression score in the last 12 months.
cms2    | phq9=10 phq9_age_days=10                                                               | gap            | PHQ-9 of 10 on 1 Jan 2026: positive, and no follow-up on record.
cms2    | phq9=10 phq9_age_days=10 antidepressant_in_use=1                                       | met            | PHQ-9 of 10 on 1 Jan 2026, with treatment or follow-up on record.
cms2    | phq9=10 phq9_age_days=10 days_since_depression_follow_up=10                            | met            | PHQ-9 of 10 on 1 Jan 2026, with treatment or follow-up on record.
cms2    | phq9=10 phq9_age_days=10 days_since_depression_follow_up=11                            | gap            | PHQ-9 of 10 on 1 Jan 2026: positive, and no follow-up on record.
cms2    | phq2=2 phq2_age_days=364                                                               | met            | PHQ-2 of 2 on 1 Jan 2026.
cms2    | phq2=3 phq2_age_days=10                                                                | gap            | PHQ-2 of 3 on 1 Jan 2026: positive, and no follow-up on record.
cms2    | phq2=3 phq2_age_days=10 antidepressant_in_use=1                                        | met            | PHQ-2 of 3 on 1 Jan 2026, with treatment or follow-up on record.
cms2    | phq2=3 phq2_age_days=10 phq9=4 phq9_age_days=10                                        | met            | PHQ-9 of 4 on 1 Jan 2026.
cms2    | phq2=1 phq2_age_days=10 phq9=14 phq9_age_days=100                                      | met            | PHQ-2 of 1 on 1 Jan 2026.
cms2    | phq2=1 phq2_age_days=100 phq9=14 phq9_age_days=10                                      | gap            | PHQ-9 of 14 on 1 Jan 2026: positive, and no follow-up on record.
cms139  | age=64                                                                                 | not_applicable | Younger than 65.
cms139  | age=65                                                                                 | gap            | No falls screening on record.
cms139  | age=none                                                                               | not_applicable | Age not known.
cms139  | outpatient_visits_12m=0                                                                | not_applicable | No visit in the last 12 months.
cms139  | fall_score=45 fall_score_age_days=364                                                  | met            | Fall risk score 45 on 1 Jan 2026.
cms139  | fall_score=45 fall_score_age_days=365                                                  | gap            | Last fall risk score on 1 Jan 2026.
cms139  | days_since_falls_screening=364                                                         | met            | Falls screening on 1 Jan 2026.
cms139  | days_since_falls_screening=365                                                         | gap            | Last falls screening on 1 Jan 2026.
cms69   | age=17                                                                                 | not_applicable | Younger than 18.
cms69   | age=none                                                                               | not_applicable | Age not known.
cms69   | outpatient_visits_12m=0                                                                | not_applicable | No visit in the last 12 months.
cms69   |                                                                                        | gap            | No body mass index in the last 24 months.
cms69   | body_mass_index=18.5 body_mass_index_age_days=364                                      | met            | Body mass index 18.5 kg/m² on 1 Jan 2026.
cms69   | body_mass_index=18.4 body_mass_index_age_days=10                                       | gap            | Body mass index 18.4 kg/m² on 1 Jan 2026, and no advice about weight on record.
cms69   | body_mass_index=24.9 body_mass_index_age_days=10                                       | met            | Body mass index 24.9 kg/m² on 1 Jan 2026.
cms69   | body_mass_index=25 body_mass_index_age_days=10                                         | gap            | Body mass index 25 kg/m² on 1 Jan 2026, and no advice about weight on record.
cms69   | body_mass_index=25 body_mass_index_age_days=10 days_since_weight_follow_up=364         | met            | Body mass index 25 kg/m²; advice about weight on 1 Jan 2026.
cms69   | body_mass_index=25 body_mass_index_age_days=10 days_since_weight_follow_up=365         | gap            | Body mass index 25 kg/m² on 1 Jan 2026, and no advice about weight on record.
cms69   | body_mass_index=22 body_mass_index_age_days=365                                        | gap            | Last body mass index on 1 Jan 2026, longer than 12 months ago.
cms1154 | age=34                                                                                 | not_applicable | Outside ages 35 to 70.
cms1154 | age=35                                                                                 | gap            | No test for diabetes on record.
cms1154 | age=71                                                                                 | not_applicable | Outside ages 35 to 70.
cms1154 | age=none                                                                               | not_applicable | Age not known.
cms1154 | body_mass_index=25                                                                     | gap            | No test for diabetes on record.
cms1154 | body_mass_index=24.9                                                                   | not_applicable | Body mass index below 25 kg/m².
cms1154 | body_mass_index=none                                                                   | not_applicable | Body mass index not known.
cms1154 | outpatient_visits_12m=1                                                                | not_applicable | Fewer than two visits in the last 12 months.
cms1154 | days_since_glycaemic_test=364                                                          | met            | Test for diabetes on 1 Jan 2026.
cms1154 | days_since_glycaemic_test=1095                                                         | gap            | Last test for diabetes on 1 Jan 2026.
ais_influenza    | age=18                                                                        | not_applicable | Younger than 19.
ais_influenza    | age=none                                                                      | not_applicable | Age not known.
ais_influenza    |                                                                               | gap            | No influenza vaccine on record.
ais_influenza    | days_since_influenza_vaccine=364                                              | met            | Influenza vaccine on 1 Jan 2026.
ais_influenza    | days_since_influenza_vaccine=365                                              | gap            | Last influenza vaccine on 1 Jan 2026.
ais_pneumococcal | age=64                                                                        | not_applicable | Younger than 65.
ais_pneumococcal | age=none                                                                      | not_applicable | Age not known.
ais_pneumococcal |                                                                               | gap            | No pneumococcal vaccine on record.
ais_pneumococcal | days_since_pneumococcal_vaccine=9000                                          | met            | Pneumococcal vaccine on 1 Jan 2026.
ais_zoster       | age=49                                                                        | not_applicable | Younger than 50.
ais_zoster       | age=none                                                                      | not_applicable | Age not known.
ais_zoster       |                                                                               | gap            | No recombinant zoster vaccine on record.
ais_zoster       | zoster_doses=1                                                                | gap            | One dose of zoster vaccine, on 1 Jan 2026; the second is not on record.
ais_zoster       | zoster_doses=2                                                                | met            | Second dose of zoster vaccine on record, the last on 1 Jan 2026.
ais_tetanus      | age=18                                                                        | not_applicable | Younger than 19.
ais_tetanus      | age=none                                                                      | not_applicable | Age not known.
ais_tetanus      |                                                                               | gap            | No Td or Tdap vaccine on record.
ais_tetanus      | days_since_tetanus_vaccine=3651                                               | met            | Td or Tdap vaccine on 1 Jan 2026.
ais_tetanus      | days_since_tetanus_vaccine=3652                                               | gap            | Last Td or Tdap vaccine on 1 Jan 2026.
ais_hepatitis_b  | age=18                                                                        | not_applicable | Outside ages 19 to 59.
ais_hepatitis_b  | age=60                                                                        | not_applicable | Outside ages 19 to 59.
ais_hepatitis_b  | age=none                                                                      | not_applicable | Age not known.
ais_hepatitis_b  |                                                                               | gap            | No hepatitis B vaccine on record.
ais_hepatitis_b  | hepatitis_b_doses=2                                                           | gap            | 2 of the doses of hepatitis B vaccine, the last on 1 Jan 2026.
ais_hepatitis_b  | hepatitis_b_doses=3                                                           | met            | 3 doses of hepatitis B vaccine, the last on 1 Jan 2026.
ais_hepatitis_b  | hepatitis_b_doses=2 hepatitis_b_adjuvanted_doses=2                            | met            | Two doses of adjuvanted hepatitis B vaccine, the last on 1 Jan 2026.
"""


@dataclass(frozen=True)
class GapCase:
    """One person's features for one rule, the state and the words that come of them."""

    rule: str
    given: str
    state: str
    says: str

    @property
    def name(self) -> str:
        return f"{self.rule} {self.given or 'as it starts'}"

    @property
    def values(self) -> dict[str, float | None]:
        """Every feature: as without a record, as the rule starts, as given."""
        row: dict[str, float | None] = {
            feature.name: 0.0 if feature.missing == "zero" else None for feature in catalogue.features().values()
        }
        for part in f"{START[self.rule]} {self.given}".split():
            feature, _, value = part.partition("=")
            if feature not in row:
                raise KeyError(feature)
            row[feature] = None if value == "none" else float(value)
        return row


def _excluded() -> list[GapCase]:
    """Each exclusion in each rule that names it: it holds, open or met; and its nearest, which leaves the rule open."""
    table, made = catalogue.gap_rules(), []
    met = {case.rule: case.given for case in reversed(OF_RULES) if case.state == gaps.MET}
    for row in parse(EXCLUDED):
        reason = table["exclusion"][row["exclusion"]]["reason"]
        for rule in (name for name, fields in table["rule"].items() if row["exclusion"] in fields["not_for"]):
            made.append(GapCase(rule, row["given"], gaps.NOT_APPLICABLE, reason))
            made.append(GapCase(rule, f"{met[rule]} {row['given']}", gaps.NOT_APPLICABLE, reason))
            if row["nearest"]:
                made.append(GapCase(rule, row["nearest"], gaps.GAP, ""))
    return made


OF_RULES = [GapCase(**row) for row in parse(CASES)]
EXCLUSIONS = list(dict.fromkeys(_excluded()))
GAP_CASES = [*OF_RULES, *EXCLUSIONS]

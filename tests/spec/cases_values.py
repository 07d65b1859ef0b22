# ruff: noqa: E501 (tables are read across)
"""Every vital, laboratory value and screen: its LOINC codes, units, plausible range, and the series of three values.

Spreads and slopes agree with Python's `statistics` to the last digits but one. Values of 30 June and 27 December 2025
and of 1 June 2026, which is 29 days before the as-of date.
"""

from __future__ import annotations

from tests.spec.tables import Case, parse

#: A dash: there is no such feature.
SERIES_OF_THREE = """
feature             | codes                                                                                                           | unit             | first | second | newest | variability        | trend               | change
systolic            | 8480-6                                                                                                          | mm[Hg]           | 150   | 141    | 138    | 6.244997998398398  | -13.177525466893039 | -12
diastolic           | 8462-4                                                                                                          | mm[Hg]           | 88    | 84     | 79     | 4.509249752822894  | -9.741033531409167  | -
body_mass_index     | 39156-5                                                                                                         | kg/m2            | 31.2  | 30.4   | 29.9   | 0.6557438524302001 | -1.418521859083192  | -
heart_rate          | 8867-4                                                                                                          | /min             | 72    | 80     | 68     | 6.110100926607787  | -3.8240662139219017 | -
oxygen_saturation   | 2708-6 59408-5                                                                                                  | %                | 97    | 95     | 93     | 2                  | -4.340831918505942  | -
hba1c               | 4548-4 4549-2 17855-8 17856-6 96595-4 59261-8                                                                   | %                | 7.1   | 7.4    | 8      | 0.458257569495584  | 0.9689356960950763  | 0.9000000000000004
ldl                 | 13457-7 18262-6 18261-8 2089-1 49132-4 55440-2 96259-7                                                          | mg/dL            | 131   | 120    | 95     | 18.44812546936228  | -38.70575127334465  | -
total_cholesterol   | 2093-3 14647-2                                                                                                  | mg/dL            | 210   | 190    | 171    | 19.5021366350801   | -42.348949490662136 | -
hdl                 | 2085-9 14646-4                                                                                                  | mg/dL            | 41    | 44     | 46     | 2.516611478423583  | 5.45187818336163    | -
triglycerides       | 2571-8                                                                                                          | mg/dL            | 180   | 150    | 142    | 20.033305601755625 | -41.8063455008489   | -
creatinine          | 2160-0 38483-4                                                                                                  | mg/dL            | 0.9   | 1.1    | 1.3    | 0.2                | 0.4340831918505942  | -
egfr                | 98979-8 98980-6 62238-1 69405-9 77147-7 48642-3 48643-1 50044-7 50210-4 70969-1 88293-6 88294-4 94677-2 33914-3 | mL/min/{1.73_m2} | 88    | 74     | 61     | 13.503086067019396 | -29.32645373514431  | -27
urine_acr           | 9318-7 14959-1 13705-9 14958-3 14585-4 30000-4 30001-2 32294-1 44292-1 59159-4 76401-9 77253-3 77254-1          | mg/g             | 12    | 35     | 48     | 18.230011885167087 | 39.3258701188455    | -
haemoglobin         | 718-7                                                                                                           | g/dL             | 13.9  | 13.1   | 12.4   | 0.7505553499465135 | -1.6303957979626484 | -
potassium           | 2823-3 6298-4                                                                                                   | mmol/L           | 4.1   | 4.4    | 4.9    | 0.404145188432738  | 0.8629987266553482  | -
nt_probnp           | 33762-6                                                                                                         | pg/mL            | 310   | 450    | 820    | 263.5020556529556  | 547.5132640067912   | -
phq9                | 44261-6                                                                                                         | {score}          | 14    | 9      | 6      | -                  | -                   | -
gad7                | 70274-6                                                                                                         | {score}          | 11    | 8      | 5      | -                  | -                   | -
weight              | 29463-7                                                                                                         | kg               | 92.4  | 90.1   | 88     | 2.200757445365875  | -4.7800827674023765 | -4.400000000000006
height              | 8302-2                                                                                                          | cm               | 170   | 170.5  | 169.5  | -                  | -                   | -
respiratory_rate    | 9279-1                                                                                                          | /min             | 14    | 18     | 16     | 2                  | 2.3254456706281834  | -
temperature         | 8310-5                                                                                                          | Cel              | 36.6  | 37.2   | 36.9   | 0.3                | 0.34881685059422746 | -
glucose             | 2345-7 2339-0 1558-6                                                                                            | mg/dL            | 110   | 126    | 141    | 15.502687938977981 | 33.667285653650254  | -
white_cells         | 6690-2                                                                                                          | 10*3/uL          | 6.2   | 7.4    | 9.1    | 1.457166199626293  | 3.134183998302207   | -
platelets           | 777-3                                                                                                           | 10*3/uL          | 250   | 231    | 198    | 26.312227829154512 | -56.069078947368425 | -
sodium              | 2951-2 2947-0                                                                                                   | mmol/L           | 140   | 138    | 136    | 2                  | -4.340831918505942  | -
urea_nitrogen       | 3094-0 6299-2                                                                                                   | mg/dL            | 15    | 18     | 22     | 3.5118845842842465 | 7.5706175721561975  | -
hs_crp              | 30522-7                                                                                                         | mg/L             | 1.2   | 2.4    | 3.1    | 0.9609023536933049 | 2.0748143039049234  | -
crp                 | 1988-5                                                                                                          | mg/L             | 4     | 11     | 7      | 3.5118845842842465 | 3.539845076400679   | -
psa                 | 2857-1                                                                                                          | ng/mL            | 2.1   | 2.6    | 3.4    | 0.6557438524302001 | 1.4030188879456706  | -
gmi                 | 97506-0                                                                                                         | %                | 7.2   | 7      | 6.8    | 0.2                | -0.4340831918505942 | -
phq2                | 55758-7                                                                                                         | {score}          | 4     | 2      | 1      | -                  | -                   | -
audit_c             | 75626-2                                                                                                         | {score}          | 3     | 5      | 4      | -                  | -                   | -
dast10              | 82667-7                                                                                                         | {score}          | 1     | 2      | 3      | -                  | -                   | -
fall_score          | 59460-6                                                                                                         | {score}          | 35    | 45     | 60     | -                  | -                   | -
hark                | 76504-0                                                                                                         | {score}          | 0     | 1      | 2      | -                  | -                   | -
ascvd_risk_recorded | 79423-0 99055-6                                                                                                 | %                | 8.2   | 9.1    | 10.4   | -                  | -                   | -
"""

#: Values that are kept at both ends of the plausible range, the next ones that are not, and the same in other units:
#: "5 mmol/L = 193.35". A value in nothing has no unit: it is taken for what its size says, or is of no use.
RANGES = """
feature             | below | least | most  | above | units
systolic            | 59.9  | 60    | 260   | 260.1 | 140 mmHg = 140, 140 mm&Hg = 140, 140 nothing = 140, 300 nothing = -
diastolic           | 29.9  | 30    | 160   | 160.1 | 80 mmHg = 80, 80 mm&Hg = 80, 80 nothing = 80
body_mass_index     | 9.9   | 10    | 80    | 80.1  | 31 nothing = 31
heart_rate          | 19    | 20    | 250   | 251   | 72 {beats}/min = 72, 72 bpm = 72, 72 nothing = 72
oxygen_saturation   | 39    | 40    | 100   | 101   | 97 nothing = 97, 0.97 nothing = -
hba1c               | 2.9   | 3     | 20    | 20.1  | 48 mmol/mol = 6.542, 48 nothing = 6.542, 7.1 nothing = 7.1
ldl                 | 9     | 10    | 400   | 401   | 2.5 mmol/L = 96.67500000000001, 2.5 nothing = 96.67500000000001, 100 nothing = 100
total_cholesterol   | 49    | 50    | 500   | 501   | 5 mmol/L = 193.35000000000002, 5 nothing = 193.35000000000002, 200 nothing = 200, 30 nothing = -
hdl                 | 9     | 10    | 150   | 151   | 1 mmol/L = 38.67, 1 nothing = 38.67, 50 nothing = 50, 7 nothing = -
triglycerides       | 19    | 20    | 5000  | 5001  | 2 mmol/L = 177.14, 150 nothing = -
creatinine          | 0.19  | 0.2   | 20    | 20.1  | 88.4 umol/L = 1, 88.4 nothing = 1, 1.1 nothing = 1.1, 22 nothing = -
egfr                | 1.9   | 2     | 200   | 201   | 60 mL/min = 60, 60 mL/min/1.73m2 = 60, 60 mL/min/1.73&m2 = 60, 60 nothing = 60
urine_acr           | -1    | 0     | 10000 | 10001 | 3 mg/mmol = 26.52, 30 ug/mg = 30, 30 nothing = -
haemoglobin         | 2.9   | 3     | 25    | 25.1  | 130 g/L = 13, 13 nothing = -
potassium           | 1.4   | 1.5   | 9     | 9.1   | 4.4 meq/L = 4.4, 4.4 mEq/L = 4.4, 4.4 nothing = -
nt_probnp           | 0.9   | 1     | 70000 | 70001 | 450 ng/L = 450, 450 nothing = -
phq9                | -1    | 0     | 27    | 28    | 9 1 = 9, 9 nothing = 9
gad7                | -1    | 0     | 21    | 22    | 8 1 = 8, 8 nothing = 8
weight              | 1.9   | 2     | 350   | 351   | 200 [lb_av] = 90.718474, 5000 g = 5, 160 [oz_av] = 4.535923700000001, 80 nothing = -
height              | 39    | 40    | 230   | 231   | 70 [in_i] = 177.8, 1.75 m = 175, 170 nothing = -
respiratory_rate    | 3     | 4     | 80    | 81    | 16 {breaths}/min = 16, 16 nothing = 16
temperature         | 29.9  | 30    | 44    | 44.1  | 100.4 [degF] = 38.00000000000001, 100.4 nothing = 38.00000000000001, 37 nothing = 37
glucose             | 19    | 20    | 1000  | 1001  | 5 mmol/L = 90.07999999999998, 50 nothing = -
white_cells         | 0.09  | 0.1   | 500   | 501   | 7 10*9/L = 7, 7 K/uL = 7, 7 10^3/uL = 7, 7 10^9/L = 7, 7 x10*3/uL = 7, 7000 /uL = 7, 7000 {cells}/uL = 7
platelets           | 0.9   | 1     | 3000  | 3001  | 250 10*9/L = 250, 250 K/uL = 250, 250 10^3/uL = 250, 250 10^9/L = 250, 250 x10*3/uL = 250, 250000 /uL = 250
sodium              | 94    | 95    | 190   | 191   | 140 meq/L = 140, 140 mEq/L = 140, 140 nothing = 140
urea_nitrogen       | 0.9   | 1     | 300   | 301   | 5 mmol/L = 14.005602240896359, 15 nothing = -
hs_crp              | 0.02  | 0.03  | 20    | 20.1  | 0.2 mg/dL = 2, 2 nothing = -
crp                 | -1    | 0     | 500   | 501   | 1.5 mg/dL = 15, 5 nothing = -
psa                 | -1    | 0     | 5000  | 5001  | 3 ug/L = 3, 3 nothing = -
gmi                 | 2.9   | 3     | 20    | 20.1  | 7 nothing = -
phq2                | -1    | 0     | 6     | 7     | 2 1 = 2, 2 nothing = 2
audit_c             | -1    | 0     | 12    | 13    | 3 1 = 3, 3 nothing = 3
dast10              | -1    | 0     | 10    | 11    | 2 1 = 2, 2 nothing = 2
fall_score          | -1    | 0     | 125   | 126   | 45 1 = 45, 45 nothing = 45
hark                | -1    | 0     | 4     | 5     | 1 1 = 1, 1 nothing = 1
ascvd_risk_recorded | -1    | 0     | 100   | 101   | 9 nothing = -
"""
UNIT_OF = {row["feature"]: row["unit"] for row in parse(SERIES_OF_THREE)}
CODES_OF = {row["feature"]: row["codes"].split() for row in parse(SERIES_OF_THREE)}
DAYS = ("2025-06-30", "2025-12-27", "2026-06-01")
HEAD = "id | time | code | value | unit\n"


def _series(row: dict[str, str]) -> Case:
    name, code = row["feature"], CODES_OF[row["feature"]][0]
    values = zip("abc", DAYS, (row["first"], row["second"], row["newest"]), strict=True)
    events = "\n".join(f"{ident} | {day} | LOINC#{code} | {value} | {row['unit']}" for ident, day, value in values)
    expected = {name: row["newest"], f"{name}_age_days": "29"}
    expected |= {f"{name}_{kind}": row[kind] for kind in ("variability", "trend", "change") if row[kind] != "-"}
    rows = "\n".join(f"{feature} | {value} | {DAYS[2]} | c" for feature, value in expected.items())
    about = (name, *(f"{name}_{kind}" for kind in ("age_days", "variability", "trend", "change")))
    return Case(f"{name} three times", "feature_values", HEAD + events, "feature | value | time | resource\n" + rows, about)


def _one(name: str, of: str, code: str, value: str, unit: str, becomes: str) -> Case:
    expected = "" if becomes == "-" else f"feature | value\n{name} | {becomes}"
    events = f"{HEAD}a | 2026-06-01 | LOINC#{code} | {value} | {unit}"
    return Case(f"{name} {of}", "feature_values", events, expected, (name,))


def _ranges(row: dict[str, str]) -> list[Case]:
    name, unit, code = row["feature"], UNIT_OF[row["feature"]], CODES_OF[row["feature"]][0]
    kept = [_one(name, f"at its {end}", code, row[end], unit, row[end]) for end in ("least", "most")]
    refused = [_one(name, f"{end} its range", code, row[end], unit, "-") for end in ("below", "above")]
    others = []
    for text in row["units"].split(", "):
        given, becomes = text.split(" = ")
        value, other = given.split()
        written = "" if other == "nothing" else other.replace("&", " ")
        others.append(_one(name, f"of {value} in {other}", code, value, written, becomes))
    return [*kept, *refused, *others]


VALUES = [
    *(_series(row) for row in parse(SERIES_OF_THREE)),
    *(_one(name, f"by {code}", code, row["newest"], row["unit"], row["newest"])
      for row in parse(SERIES_OF_THREE) for name in [row["feature"]] for code in CODES_OF[name]),
    *(case for row in parse(RANGES) for case in _ranges(row)),
]  # fmt: skip

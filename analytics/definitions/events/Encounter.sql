-- One event for the class, one for the priority and one for each coding of type and of service type; text_value is the discharge disposition.
-- Where it is no clinic, home or virtual visit also one for each coding of its reasons, 'reason|system|code', and 'admitted|code' for where
-- the person came from: they tell planned stays from others, and a reason is no diagnosis.
WITH parsed AS (
    SELECT line_no, line, from_json(line, '{"resourceType":"VARCHAR","id":"VARCHAR","meta":{"lastUpdated":"VARCHAR"},
        "status":"VARCHAR","subject":{"reference":"VARCHAR"},"class":{"system":"VARCHAR","code":"VARCHAR"},
        "priority":{"coding":[{"system":"VARCHAR","code":"VARCHAR"}]},"type":[{"coding":[{"system":"VARCHAR","code":"VARCHAR"}]}],
        "serviceType":{"coding":[{"system":"VARCHAR","code":"VARCHAR"}]},"period":{"start":"VARCHAR","end":"VARCHAR"},
        "reasonCode":[{"coding":[{"system":"VARCHAR","code":"VARCHAR"}]}],
        "hospitalization":{"admitSource":{"coding":[{"code":"VARCHAR"}]},"dischargeDisposition":{"coding":[{"code":"VARCHAR"}]}}}') AS r
    FROM lines
)
SELECT line_no, line, r.resourceType AS type, r.id AS id, r.subject.reference AS subject, r.status AS status,
    r.period.start AS time_text, r.period.end AS end_text, CAST(NULL AS VARCHAR) AS recorded_text, r.meta.lastUpdated AS updated_text,
    list_concat(
        CASE WHEN r.class.code IS NOT NULL
             THEN [item(system_code(r.class), text_value := r.hospitalization.dischargeDisposition.coding[1].code)] END,
        coded_items(r.priority),
        coded_items(r.serviceType),
        CASE WHEN len(r.type) = 1 THEN coded_items(r.type[1], text_value := r.hospitalization.dischargeDisposition.coding[1].code)  -- most
            ELSE flatten(list_transform(coalesce(r.type, []), lambda t: coded_items(t, text_value := r.hospitalization.dischargeDisposition.coding[1].code))) END,
        CASE WHEN r.class.code IS NULL OR r.class.code NOT IN ('AMB', 'HH', 'VR') THEN list_concat(
            list_transform(flatten(list_transform(coalesce(r.reasonCode, []), lambda t: list_filter(t.coding, lambda c: c.code IS NOT NULL))),
                           lambda c: item('reason|' || system_code(c))),
            CASE WHEN r.hospitalization.admitSource.coding[1].code IS NOT NULL
                 THEN [item('admitted|' || r.hospitalization.admitSource.coding[1].code)] END) END
    ) AS items
FROM parsed

-- How many orders of each person are known by name alone, and how many point to the medicine of another server and are not known.
SELECT subject_id, how, COUNT(*) AS n
FROM (
    SELECT subject_id, resource,
        CASE WHEN MAX(by_name) = 1 THEN 'by_name'
             WHEN MAX(CASE WHEN family IN ('ingredient', 'medicine', 'medicine_detail') THEN 1 ELSE 0 END) = 0 THEN 'elsewhere' END AS how
    FROM known WHERE family IN ('ingredient', 'medicine', 'medicine_detail', 'unresolved')
    GROUP BY subject_id, resource
) orders
WHERE how IS NOT NULL
GROUP BY subject_id, how

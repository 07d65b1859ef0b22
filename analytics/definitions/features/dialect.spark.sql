-- The one function that the two engines spell differently: whole days from the date of a to the date of b.
CREATE OR REPLACE TEMPORARY FUNCTION days_between(a DATE, b DATE) RETURNS BIGINT RETURN CAST(datediff(b, a) AS BIGINT);

-- What the engines spell differently, as DuckDB does. day_of: the midnight at which a day begins; days_between: whole days from the date of a to
-- the date of b; years_between: completed years from the date of a to that of b; hours_after, days_after: n hours (of 24 to a day) after t, before it where n is less than 0.
CREATE OR REPLACE MACRO day_of(t) AS CAST(t AS DATE);
CREATE OR REPLACE MACRO days_between(a, b) AS date_diff('day', CAST(a AS DATE), CAST(b AS DATE));
CREATE OR REPLACE MACRO years_between(a, b) AS year(b) - year(a)
    - CASE WHEN month(b) < month(a) OR (month(b) = month(a) AND day(b) < day(a)) THEN 1 ELSE 0 END;
CREATE OR REPLACE MACRO hours_after(t, n) AS t + n * INTERVAL '1' HOUR;
CREATE OR REPLACE MACRO days_after(t, n) AS t + n * INTERVAL '1' DAY;

-- The one function that the two engines spell differently: whole days from the date of a to the date of b.
CREATE OR REPLACE MACRO days_between(a, b) AS date_diff('day', CAST(a AS DATE), CAST(b AS DATE));

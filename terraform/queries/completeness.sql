-- Which hours of the last week are whole, which are not, and which certificate says so
select dataset, window_start, status, expected, present, repaired, late, absent, missing, certificate
from completeness
where day >= date_format(current_date - interval '7' day, '%Y-%m-%d')
order by window_start desc

-- Which windows of today and the week before are whole, which are not, and which certificate says so
select dataset, subject, window_start, status, expected, present, repaired, late, absent, missing, certificate
from completeness
where day >= date_format(current_date - interval '7' day, '%Y-%m-%d')
order by window_start desc

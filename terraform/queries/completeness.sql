-- Windows of the last week, of its month and year too, and those not whole since last month, with their certificates
select dataset, subject, window_start, window_end, status, expected, present, repaired, late, absent, missing, certificate, reason
from completeness
where (
    day >= date_format(date_trunc('month', current_date - interval '31' day), '%Y-%m-%d')
    or day = date_format(date_trunc('year', current_date - interval '7' day), '%Y-%m-%d')
  ) -- windows are stored by the day that they begin with
  and (window_end > date_format(current_date - interval '7' day, '%Y-%m-%dT%H:%i:%sZ') or status <> 'certified')
order by window_start desc

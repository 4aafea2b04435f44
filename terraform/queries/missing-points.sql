-- Minutes of the last week for which a symbol has no price, in the hours that the auditor has found incomplete
with hours as (
  select date_parse(window_start, '%Y-%m-%dT%H:%i:%sZ') as start, expected / (select count(*) from dim_symbol) as minutes
  from completeness
  where dataset = 'quotes'
    and day >= date_format(current_date - interval '7' day, '%Y-%m-%d')
    and missing > 0
),
owed as ( -- an hour in which the exchange opens owes its end
  select m as minute
  from hours cross join unnest(sequence(start, start + interval '59' minute, interval '1' minute)) as t(m)
  where date_diff('minute', m, start + interval '60' minute) <= minutes
)
select s.symbol, owed.minute
from dim_symbol s cross join owed
except
select symbol, minute
from fact_quote
where month in (date_format(current_date, '%Y-%m'), date_format(current_date - interval '7' day, '%Y-%m'))
order by symbol, minute

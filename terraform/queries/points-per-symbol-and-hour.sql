-- Points per symbol and hour of the last day; sixty are complete
select symbol, date_trunc('hour', minute) as hour, count(*) as points, 60 - count(*) as missing
from fact_quote
where month in (date_format(current_timestamp, '%Y-%m'), date_format(current_timestamp - interval '1' day, '%Y-%m'))
  and minute >= current_timestamp - interval '1' day
group by 1, 2
order by 2, 1

-- Points per symbol and hour of the last day, how many the exchange's hours owe, and how many are missing
with points as (
  select symbol, date_trunc('hour', minute) as hour, count(*) as points
  from fact_quote
  where month in (date_format(current_timestamp, '%Y-%m'), date_format(current_timestamp - interval '1' day, '%Y-%m'))
    and minute >= current_timestamp - interval '1' day
  group by 1, 2
)
select points.symbol, points.hour, points.points, hourly.expected, hourly.expected - points.points as missing
from points
left join fact_quote_hourly hourly on hourly.symbol = points.symbol and hourly.hour = points.hour
order by 2, 1

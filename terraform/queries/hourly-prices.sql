-- Hourly prices of the last week, of whole hours only: every minute has its price, or is proven absent, and is certified
select symbol, hour, open, high, low, close, minutes, expected, repaired
from fact_quote_hourly_complete
where month in (date_format(current_date, '%Y-%m'), date_format(current_date - interval '7' day, '%Y-%m'))
  and hour >= current_timestamp - interval '7' day
order by symbol, hour

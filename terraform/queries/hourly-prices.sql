-- Hourly prices of the last week, of whole hours only: every minute has its price, or is proven absent, and is certified
select symbol, hour, open, high, low, close, minutes, repaired
from fact_quote_hourly
where complete
  and hour >= current_timestamp - interval '7' day
order by symbol, hour

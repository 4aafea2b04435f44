-- Minutes of the last day that the exchange traded and a symbol has no price for (set the session's hours as the day's)
with minutes as (
  select m as minute
  from unnest(sequence(
    cast(current_date - interval '1' day as timestamp) + interval '14' hour + interval '30' minute,
    cast(current_date - interval '1' day as timestamp) + interval '20' hour + interval '59' minute,
    interval '1' minute)) as t(m)
),
expected as (
  select s.symbol, minutes.minute
  from dim_symbol s cross join minutes
),
actual as (
  select symbol, minute
  from fact_quote
  where month = date_format(current_date - interval '1' day, '%Y-%m')
)
select symbol, minute from expected
except
select symbol, minute from actual
order by symbol, minute

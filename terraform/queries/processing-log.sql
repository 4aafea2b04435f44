-- What was processed in the last week: one row per ingest object, the newest first, up to the dataset's last audit (every hour)
select processed_at, dataset, source_table, object, outcome, reason, lines_in, rows_out, rejected, milliseconds
from processing_log
where day >= date_format(current_timestamp - interval '7' day, '%Y-%m-%d')
order by processed_at desc
limit 100

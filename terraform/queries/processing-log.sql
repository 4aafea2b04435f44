-- What was processed last: one row per ingest object, the newest first
select processed_at, dataset, source_table, object, outcome, reason, lines_in, rows_out, rejected, milliseconds
from processing_log
order by processed_at desc
limit 100

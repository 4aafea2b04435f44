-- Objects of which nothing was committed because too many of their lines break the contract
select processed_at, dataset, source_table, object, reason, lines_in, rejected
from processing_log
where outcome = 'halted'
order by processed_at desc

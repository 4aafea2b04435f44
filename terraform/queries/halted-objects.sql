-- Objects of the last month of which nothing was committed because too many lines break the contract, as of the last audit
select processed_at, dataset, source_table, object, reason, lines_in, rejected
from processing_log
where day >= date_format(current_timestamp - interval '31' day, '%Y-%m-%d') and outcome = 'halted'
order by processed_at desc

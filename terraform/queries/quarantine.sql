-- Rejected lines by dataset, table and reason, with an example object (the analysts' own policy does not open them)
select dataset, source_table, reason, count(*) as lines, max(object) as example, max(rejected_at) as latest
from quarantine
group by dataset, source_table, reason
order by lines desc

-- What did the processes hold that were killed? Their three largest call stacks each.
select host, service, pid, function, end_bytes, stack[1:5] as stack
from (select *, row_number() over (partition by process order by end_bytes desc) as place from 'hosts/*.sites.parquet')
where end_cause = 'killed' and place <= 3 and end_bytes > 0
order by host, service, pid, place;

-- Whose live bytes rose over the last half of the run? The rate is in bytes per second.
select host, service, pid, regr_slope(live_bytes, epoch_us(time) / 1e6)::bigint as bytes_per_second, max(live_bytes) as live_bytes
from (select *, median(since_start) over (partition by process) as middle from 'hosts/*.timeline.parquet')
where since_start >= middle
group by host, service, pid, process
order by bytes_per_second desc nulls last limit 10;

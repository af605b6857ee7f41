-- Which call stacks grew from one version of a service to the next? Bytes at the peak, per process.
with versions as (
    select service, service_version, count(*) as processes,
        row_number() over (partition by service order by min(start_time)) as number
    from 'hosts/*.processes.parquet' group by service, service_version
), sums as (
    select service, service_version, site, any_value(function) as function, sum(peak_bytes) as bytes
    from 'hosts/*.sites.parquet' group by service, service_version, site
), per_process as (
    select all_sites.service, site, function, number, service_version, coalesce(bytes, 0) // processes as bytes
    from (select service, site, any_value(function) as function from sums group by service, site) as all_sites
    join versions using (service)
    left join (select service, service_version, site, bytes from sums) using (service, service_version, site)
)
select service, new.site, new.function, old.service_version as from_version, new.service_version as to_version,
    old.bytes as old_bytes, new.bytes as new_bytes
from per_process as new join per_process as old using (service, site)
where new.number = old.number + 1 and new.bytes <> old.bytes
order by new.bytes - old.bytes desc limit 10;

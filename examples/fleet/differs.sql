-- Which call stacks hold more at the end on some hosts than on the others? Name the hosts in the next line.
set variable bad = ['web4', 'web5', 'web6'];
with hosts as (
    select distinct host, list_contains(getvariable('bad'), host) as bad from 'hosts/*.processes.parquet'
), counts as (
    select count(*) filter (bad) as bad_hosts, count(*) filter (not bad) as other_hosts from hosts
), sums as (
    select site, any_value(function) as function, any_value(file) as file, any_value(line) as line,
        coalesce(sum(end_bytes) filter (bad), 0) as bad_bytes, coalesce(sum(end_bytes) filter (not bad), 0) as other_bytes
    from 'hosts/*.sites.parquet' join hosts using (host) group by site
)
select site, function, file, line, bad_bytes // bad_hosts as bytes_per_bad_host, other_bytes // other_hosts as bytes_per_other_host
from sums, counts
order by bad_bytes / bad_hosts - other_bytes / other_hosts desc limit 10;

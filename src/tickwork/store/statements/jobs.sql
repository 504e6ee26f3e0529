-- Jobs and their logs. Applications, controllers and workers append, each its own kinds of event; a number that was
-- taken already is refused by the row (compare and swap) and by the key (job, seq). Nothing of a log is ever changed.

-- name: lock_job_by_name
-- reader: anyone
-- for those who may wait: applications and operators
select id, namespace, name, origin, handler, priority, recurs, lease, seq, status, descriptor, created_at, configured_at,
       changed_at, nominal_at, ended_at, since_completed, in_cycle, error, started_at, :now
  from tickwork.job where namespace = :namespace and name = :name
   for no key update;

-- name: lock_jobs
-- reader: anyone
-- for controllers and workers, who wait for nobody: a row that somebody holds is passed over
select id, namespace, name, origin, handler, priority, recurs, lease, seq, status, descriptor, created_at, configured_at,
       changed_at, nominal_at, ended_at, since_completed, in_cycle, error, started_at, :now
  from tickwork.job where id = any(:ids::bigint[])
 order by id
   for no key update skip locked;

-- name: jobs_by_id
-- reader: anyone
select id, namespace, name, origin, handler, priority, recurs, lease, seq, status, descriptor, created_at, configured_at,
       changed_at, nominal_at, ended_at, since_completed, in_cycle, error, started_at, :now
  from tickwork.job where id = any(:ids::bigint[])
 order by id;

-- name: job_by_name
-- reader: anyone
select id, namespace, name, origin, handler, priority, recurs, lease, seq, status, descriptor, created_at, configured_at,
       changed_at, nominal_at, ended_at, since_completed, in_cycle, error, started_at, :now
  from tickwork.job where namespace = :namespace and name = :name;

-- name: jobs_at_rest
-- reader: anyone
-- what a controller begins with: every job that may have a timer, a retry or an end to come, and nothing of the log
select id, namespace, name, origin, handler, priority, recurs, lease, seq, status, descriptor, created_at, configured_at,
       changed_at, nominal_at, ended_at, since_completed, in_cycle, error, started_at, :now
  from tickwork.job
 where status in ('completed', 'error', 'fatal', 'stop requested')
   and (recurs = 1 or status = 'error' or status = 'stop requested');

-- name: where_jobs_stand
-- reader: anyone
-- the safety net behind the wake-ups: who has moved, who is held under which lease
select j.id, j.seq, j.status, j.recurs, j.lease, l.renewals, l.length, :now
  from tickwork.job j left join tickwork.lease l on l.token = j.lease;

-- name: newest_job_event
-- reader: anyone
select coalesce((select id from tickwork.job_event where id > 0 order by id desc limit 1), 0);

-- name: jobs_written_after
-- reader: anyone
-- a hint, never more: numbers are given before they are committed, so the comparison stands behind it
select id, job_id, seq from tickwork.job_event where id > :after order by id limit :n;

-- name: create_job
-- writer: application, operator
-- its first event, configured, follows in the same transaction
insert into tickwork.job (namespace, name, origin, handler, priority, recurs, seq, status, descriptor, created_at,
                          configured_at, changed_at)
select :namespace, :name, :origin, :handler, :priority::int, :recurs::int, 0, 'completed', :descriptor, c.now, c.now, c.now
  from (select :now as now) c where true
    on conflict (namespace, name) do nothing
returning id, created_at;

-- name: append_to_job
-- writer: application, operator, controller, worker
-- the row says whether the number is still free; the events and the wake-up hang on its answer
with advanced as (
    update tickwork.job
       set seq = :seq, status = :status, descriptor = :descriptor, origin = :origin, handler = :handler,
           priority = :priority::int, recurs = :recurs::int, lease = :lease::bigint, configured_at = :configured_at,
           changed_at = :changed_at, nominal_at = :nominal_at::bigint, ended_at = :ended_at::bigint,
           since_completed = :since_completed::int, in_cycle = :in_cycle::int, error = :error::text,
           started_at = :started_at::bigint
     where id = :id and seq = :expected
    returning id
), logged as (
    insert into tickwork.job_event (job_id, seq, kind, at, writer, detail, descriptor)
    select a.id, e.seq, e.kind, e.at, :writer, e.detail, e.descriptor
      from advanced a
     cross join unnest(:seqs::bigint[], :kinds::text[], :ats::bigint[], :details::text[], :descriptors::text[])
           as e (seq, kind, at, detail, descriptor)
     order by e.seq
)
select id, case when :channel::text is not null then pg_notify(:channel::text, 'job:' || id::text || ':' || :seq::text)::text end from advanced;

-- name: log_job_event
-- writer: application, operator, controller, worker
insert into tickwork.job_event (job_id, seq, kind, at, writer, detail, descriptor)
values (:id, :seq, :kind, :at, :writer, :detail, :descriptor::text);

-- name: hold_job_lease
-- writer: worker, controller
-- a claim or its end, which is no event: the job stays where it is
update tickwork.job set lease = :lease::bigint where id = :id and seq = :expected returning id;

-- name: remove_job_log
-- writer: application, operator
-- with the whole job, never without
delete from tickwork.job_event where job_id = :id;

-- name: remove_job
-- writer: application, operator
delete from tickwork.job where id = :id and seq = :expected returning id;

-- name: wake_for_job
-- writer: application, operator, controller, worker
select case when :channel::text is not null then pg_notify(:channel::text, 'job:' || :id::text || ':' || :seq::text)::text end;

-- name: scheduled_jobs
-- reader: anyone
-- what there is to run, the most urgent first, and then what has waited longest
select id, name, priority, changed_at from tickwork.job
 where status = 'scheduled' and lease is null
   and (:every_namespace::bool or namespace = any(:namespaces::text[]))
   and (:every_handler::bool or handler = any(:handlers::text[]))
 order by priority, changed_at, id limit :n;

-- name: stops_asked
-- reader: anyone
select id from tickwork.job where lease = any(:tokens::bigint[]) and status = 'stop requested';

-- name: grant_job_lease
-- writer: worker
insert into tickwork.lease (token, worker_id, length, expires_at) values (:token, :worker_id, :length, :now + :length);

-- name: end_job_lease
-- writer: worker, controller
-- only as it was seen: a renewal in between means that its worker lives
delete from tickwork.lease where token = :token and (:renewals::bigint is null or renewals = :renewals::bigint);

-- name: job_lease_stands
-- reader: anyone
select renewals from tickwork.lease where token = :token;

-- name: list_jobs
-- reader: anyone
select id, namespace, name, origin, handler, priority, recurs, lease, seq, status, descriptor, created_at, configured_at,
       changed_at, nominal_at, ended_at, since_completed, in_cycle, error, started_at, :now
  from tickwork.job
 where namespace = :namespace and (:status::text is null or status = :status::text)
   and (:prefix::text is null or substr(name, 1, length(:prefix::text)) = :prefix::text)
   and name > :after
 order by name limit :n;

-- name: newest_schedules
-- reader: anyone
-- why the newest run of each of these jobs was scheduled; a few events back from the end of each log
select j.id, (select e.detail from tickwork.job_event e
               where e.job_id = j.id and e.kind = 'scheduled' order by e.seq desc limit 1)
  from tickwork.job j where j.id = any(:ids::bigint[]);

-- name: log_of_job
-- reader: anyone
-- the newest events first
select id, job_id, seq, kind, at, writer, detail, descriptor from tickwork.job_event
 where job_id = :id and seq < :before order by seq desc limit :n;

-- name: tombstones
-- reader: anyone
-- the last word of jobs that were deleted
select id, job_id, seq, kind, at, writer, detail, descriptor from tickwork.job_event
 where kind = 'deleted' order by at desc limit :n;

-- The survey: one look for every loop of a process. It writes nothing, and it decides nothing: who is rung looks for himself.

-- name: survey
-- reader: anyone
-- the clock; mail, something due from the mark on, the next due; ranges of ready tasks, the next of the others; leases,
-- processes that gave no sign for :silent; the newest event of a job, a job to be run; the newest open bulk; the last wake;
-- whether members of groups have ended or a lane is to be opened, and when the next one is
with recursive clock as materialized (select :now as now),
{heads},
mine as (
    select count(*) filter (where r.available_at <= c.now) as ready,
           min(r.available_at) filter (where r.available_at > c.now) as soonest
      from head r cross join clock c
     where (:every_namespace::bool or r.namespace = any(:namespaces::text[]))
       and (:every_queue::bool or r.queue = any(:queues::text[]))
       and r.priority <= :priority_at_most::int
)
select c.now,
       exists (select 1 from tickwork.trigger_change),
       exists (select 1 from tickwork.event where due_at <= (select now from clock) and due_at >= :mark::bigint),
       (select due_at from tickwork.event where due_at > (select now from clock) order by due_at limit 1),
       (select ready from mine),
       (select soonest from mine),
       exists (select 1 from tickwork.lease),
       exists (select 1 from tickwork.worker where seen_at < (select now from clock) - :silent::bigint),
       coalesce((select id from tickwork.job_event where id > 0 order by id desc limit 1), 0),
       exists (select 1 from tickwork.job where status = 'scheduled' and lease is null),
       (select max(id) from tickwork.bulk where state in ('running', 'cancelling')),
       (select max(woken_at) from tickwork.generator where key = ''),
       exists (select 1 from tickwork.group_letter)
       or exists (select 1 from tickwork.task_group where state in ('stopping', 'over'))
       or exists (select 1 from tickwork.opening o where o.due_at <= (select now from clock)),
       (select o.due_at from tickwork.opening o where o.due_at > (select now from clock) order by o.due_at limit 1)
  from clock c;

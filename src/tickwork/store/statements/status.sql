-- How things stand, for people and for whoever watches. Nothing here writes or locks.

-- name: anything_unhandled
-- reader: anyone
select 1 from tickwork.task
 where state = 'unhandled' and (:every_namespace::bool or namespace = any(:namespaces::text[])) limit 1;

-- name: status_of_triggers
-- reader: anyone
-- the clock; letters that no daemon has read; triggers set aside; due, and since when; when the next one is
select :now,
       (select count(*) from tickwork.trigger_change),
       (select count(*) from tickwork.event a join tickwork.trigger s on s.id = a.trigger_id
         where a.set_aside_at is not null and s.namespace = :namespace),
       count(case when e.due_at <= :now then 1 end),
       min(case when e.due_at <= :now then e.next_at end),
       min(case when e.due_at > :now then e.due_at end)
  from tickwork.event e join tickwork.trigger t on t.id = e.trigger_id
 where e.due_at is not null and t.namespace = :namespace;

-- name: status_of_tasks
-- reader: anyone
-- by handler and by where the tasks come from; walks every unfinished task of the namespace
select handler,
       case when trigger_id is not null then 'trigger' when parent_id is not null then 'follow-up' else 'application' end,
       count(case when state = 'waiting' and available_at > :now then 1 end),
       count(case when state = 'waiting' and available_at <= :now then 1 end),
       count(case when state = 'running' then 1 end),
       count(case when state = 'unhandled' then 1 end),
       count(case when state = 'unhandled' and exists (select 1 from tickwork.handler h where h.name = tickwork.task.handler)
                  then 1 end),
       count(case when state = 'waiting' and error is not null then 1 end),
       min(case when state = 'waiting' and available_at <= :now then available_at end),
       min(case when state = 'waiting' and available_at > :now and awaits is null and lane is null then available_at end)
  from tickwork.task where namespace = :namespace group by 1, 2 order by 1, 2;

-- name: status_of_archive
-- reader: anyone
-- what ended of late, by handler: how it ended, and how late first attempts began
select handler, count(*),
       count(case when outcome = 'done' then 1 end),
       count(case when outcome in ('gave up', 'lost') then 1 end),
       max(case when attempt = 1 then started_at - asked_at end)
  from tickwork.archive where namespace = :namespace and finished_at >= :since::bigint group by handler order by handler;

-- name: status_of_jobs
-- reader: anyone
-- by status, and since when the one that is in it for longest
select status, count(*), min(changed_at) from tickwork.job where namespace = :namespace group by status order by status;

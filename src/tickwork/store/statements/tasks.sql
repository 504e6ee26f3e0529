-- Tasks as applications treat them: put, hasten, edit, cancel, retry. What workers do to them stands in other sheets.

-- name: become_writer
-- writer: application, operator, worker
-- a write that changes nothing: a transaction that cannot become a writer is refused before anything is done
update tickwork.setting set value = value where name is null;

-- name: put_task
-- writer: application, operator, worker
-- a past instant means now; a delay counts from the clock at this statement, not from the start of the transaction
with put as (
    insert into tickwork.task (namespace, queue, priority, available_at, handler, action, payload, payload_version, key,
                               attempts, expires_at, asked_at, created_at, object, container, tags)
    select :namespace, :queue, :priority::int, greatest(coalesce(:at::bigint, c.now) + :delay::bigint, c.now), :handler,
           :action, :payload, :payload_version::int, :key, :attempts::int, :expires_at::bigint,
           coalesce(:at::bigint, c.now) + :delay::bigint, c.now, :object, :container, :tags
      from (select :now as now) c
        on conflict (namespace, key) where key is not null do nothing
    returning id
)
select id, case when :channel::text is not null then pg_notify(:channel::text, 'task')::text end from put;

-- name: hasten_task
-- writer: application, operator, worker
-- the same key put again while the first one waits: the earlier time wins
with put as (
    update tickwork.task t
       set available_at = greatest(coalesce(:at::bigint, c.now) + :delay::bigint, c.now),
           asked_at = least(t.asked_at, coalesce(:at::bigint, c.now) + :delay::bigint)
      from (select :now as now) c
     where t.namespace = :namespace and t.key = :key and t.state <> 'running'
       and t.available_at > greatest(coalesce(:at::bigint, c.now) + :delay::bigint, c.now)
    returning t.id
)
select id, case when :channel::text is not null then pg_notify(:channel::text, 'task')::text end from put;

-- name: task_of_key
-- reader: anyone
select id from tickwork.task where namespace = :namespace and key = :key;

-- name: cancel_tasks
-- writer: application, operator
-- what does not run yet is over at once, and stands in the archive; what runs is asked in the next statement
with gone as (
    delete from tickwork.task where namespace = :namespace and id = any(:ids::bigint[]) and state <> 'running'
    returning *
), kept as (
    insert into tickwork.archive
           (id, namespace, queue, priority, handler, action, payload, payload_version, key, outcome, reason, error,
            attempts, attempt, lost, snoozes, expires_at, asked_at, created_at, started_at, finished_at, object,
            container, tags, trigger_id, trigger_key, generation, planned_at, previous_at, slots, parent_id)
    select id, namespace, queue, priority, handler, action, payload, payload_version, key, 'cancelled', :reason::text,
           error, attempts, attempt, lost, snoozes, expires_at, asked_at, created_at, started_at, :now, object,
           container, tags, trigger_id, trigger_key, generation, planned_at, previous_at, slots, parent_id
      from gone
)
select id, key from gone;

-- name: archive_cancelled
-- writer: application, operator
-- where a statement cannot write twice this comes first, and the rows are removed next
select 1;

-- name: ask_to_cancel
-- writer: application, operator
insert into tickwork.cancel_request (task_id, reason, requested_at, by)
select id, :reason, :now, :by
  from tickwork.task where namespace = :namespace and id = any(:ids::bigint[]) and state = 'running'
 order by id
    on conflict (task_id) do nothing;

-- name: where_tasks_stand
-- reader: anyone
select id, key, state from tickwork.task where namespace = :namespace and id = any(:ids::bigint[])
union all
select id, key, 'over' from tickwork.archive where namespace = :namespace and id = any(:ids::bigint[]);

-- name: task_ids_of_key
-- reader: anyone
-- the unfinished one first; else the one that was archived last
select id from tickwork.task where namespace = :namespace and key = :key;

-- name: archived_id_of_key
-- reader: anyone
select id from tickwork.archive where namespace = :namespace and key = :key order by id desc limit 1;

-- name: task_ids_of_object
-- reader: anyone
select id from tickwork.task where namespace = :namespace and object = :object order by id;

-- name: edit_task
-- writer: application, operator
-- null keeps a column; a running task is left alone
with put as (
    update tickwork.task t
       set priority = coalesce(:priority::int, t.priority),
           queue = coalesce(:queue::text, t.queue),
           attempts = coalesce(:attempts::int, t.attempts),
           expires_at = case when :sets_expires_at::int = 1 then :expires_at::bigint else t.expires_at end,
           available_at = case when :sets_time::int = 1
                               then greatest(coalesce(:at::bigint, c.now) + :delay::bigint, c.now)
                               else t.available_at end,
           asked_at = case when :sets_time::int = 1 then coalesce(:at::bigint, c.now) + :delay::bigint else t.asked_at end
      from (select :now as now) c
     where t.namespace = :namespace and t.id = :id::bigint and t.state <> 'running'
    returning t.id, t.key
)
select id, key, case when :channel::text is not null then pg_notify(:channel::text, 'task')::text end from put;

-- name: retry_task
-- writer: application, operator
-- an archived task comes back under its id, as new: no attempt counted, runnable at once
with back as (
    insert into tickwork.task
           (id, namespace, queue, priority, available_at, handler, action, payload, payload_version, key, attempts,
            asked_at, created_at, object, container, tags, trigger_id, trigger_key, generation, planned_at, previous_at,
            slots, parent_id)
    select id, namespace, queue, priority, :now, handler, action, payload, payload_version, key, attempts,
           :now, created_at, object, container, tags, trigger_id, trigger_key, generation, planned_at, previous_at,
           slots, parent_id
      from tickwork.archive
     where namespace = :namespace and id = :id::bigint
        on conflict do nothing
    returning id, key
), gone as (
    delete from tickwork.archive where id in (select id from back)
)
select id, key, case when :channel::text is not null then pg_notify(:channel::text, 'task')::text end from back;

-- name: forget_archived
-- writer: application, operator
-- where a statement cannot write twice, the archive's row goes after its task came back
select 1;

-- name: known_handlers
-- reader: anyone
-- what running workers have registered under a name
select distinct schema from tickwork.handler where name = :name;

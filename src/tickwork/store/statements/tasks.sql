-- Tasks as applications treat them: put, hasten, edit, cancel, retry. What workers do to them stands in other sheets.

-- name: become_writer
-- writer: application, operator, worker
-- a write that changes nothing: a transaction that cannot become a writer is refused before anything is done
update tickwork.setting set value = value where name is null;

-- name: put_task
-- writer: application, operator, worker
-- a past instant means now; a delay counts from the clock at this statement, not from the start of the transaction;
-- what awaits a group stands behind everything that has a time, until the group's end gives it one
insert into tickwork.task (namespace, queue, priority, available_at, handler, action, payload, payload_version, key,
                           attempts, expires_at, asked_at, created_at, object, container, tags, unique_key, key_scope,
                           root, root_at, parent_id, group_id, awaits, limit_key, units)
select :namespace, :queue, :priority::int,
       case when :awaits::bigint is null then greatest(coalesce(:at::bigint, c.now) + :delay::bigint, c.now)
            else 253402300799999999 end,
       :handler, :action, :payload, :payload_version::int, :key, :attempts::int, :expires_at::bigint,
       coalesce(:at::bigint, c.now) + :delay::bigint, c.now, :object, :container, :tags, :unique_key::text,
       :key_scope::text, :root::text, :root_at::bigint, :parent_id::bigint, :group_id::bigint, :awaits::bigint,
       :limit_key::text, :units::int
  from (select :now as now) c
    on conflict (namespace, unique_key) where unique_key is not null do nothing
returning id, case when :channel::text is not null then pg_notify(:channel::text, 'task')::text end;

-- name: hold_task_of_key
-- writer: application, operator, worker
-- the task that keeps a second one away, held until this transaction ends, so that it does not begin before what it
-- is to see has committed; one that runs is its worker's
select id from tickwork.task
 where namespace = :namespace and unique_key = :unique_key and state <> 'running'
   for no key update;

-- name: hasten_task
-- writer: application, operator, worker
-- the same key put again while the first one waits: the earlier time wins
with put as (
    update tickwork.task t
       set available_at = greatest(coalesce(:at::bigint, c.now) + :delay::bigint, c.now),
           asked_at = least(t.asked_at, coalesce(:at::bigint, c.now) + :delay::bigint)
      from (select :now as now) c
     where t.id = :id::bigint and t.state <> 'running' and t.awaits is null
       and coalesce(t.held_at, t.available_at) > greatest(coalesce(:at::bigint, c.now) + :delay::bigint, c.now)
    returning t.id
)
select id, case when :channel::text is not null then pg_notify(:channel::text, 'task')::text end from put;

-- name: debounce_task
-- writer: application, operator, worker
-- the same key put again: the later time wins
update tickwork.task t
   set available_at = coalesce(:at::bigint, c.now) + :delay::bigint,
       asked_at = coalesce(:at::bigint, c.now) + :delay::bigint,
       lane = null, ahead = null, places = null, held_at = null, let_in_at = null
  from (select :now as now) c
 where t.id = :id::bigint and t.state <> 'running' and t.awaits is null
   and coalesce(t.held_at, t.available_at) < coalesce(:at::bigint, c.now) + :delay::bigint
returning t.id;

-- name: replace_task
-- writer: application, operator, worker
-- the same key put again: all that was said then is as if it were said now
with put as (
    update tickwork.task t
       set queue = :queue, priority = :priority::int,
           available_at = case when t.awaits is null
                               then greatest(coalesce(:at::bigint, c.now) + :delay::bigint, c.now)
                               else t.available_at end,
           asked_at = coalesce(:at::bigint, c.now) + :delay::bigint,
           handler = :handler, action = :action, payload = :payload, payload_version = :payload_version::int,
           attempts = :attempts::int, expires_at = :expires_at::bigint, object = :object, container = :container,
           tags = :tags, root = :root::text, root_at = :root_at::bigint, limit_key = :limit_key::text, units = :units::int,
           lane = null, ahead = null, places = null, held_at = null, let_in_at = null,
           state = case when t.handler = :handler then t.state else 'waiting' end
      from (select :now as now) c
     where t.id = :id::bigint and t.state <> 'running'
    returning t.id
)
select id, case when :channel::text is not null then pg_notify(:channel::text, 'task')::text end from put;

-- name: task_of_key
-- reader: anyone
select id from tickwork.task where namespace = :namespace and unique_key = :unique_key;

-- name: reserve_key
-- writer: application, operator, worker
-- a key for a period: the row is the mutex of all that put it, and stays when the task is over
insert into tickwork.reservation as r (namespace, key, until_at) values (:namespace, :key, :now + :period::bigint)
    on conflict (namespace, key) do update set until_at = :now + :period::bigint, task_id = null
 where r.until_at <= :now
returning until_at;

-- name: fill_reservation
-- writer: application, operator, worker
update tickwork.reservation set task_id = :id::bigint where namespace = :namespace and key = :key;

-- name: task_of_reservation
-- reader: anyone
select task_id from tickwork.reservation where namespace = :namespace and key = :key;

-- name: hold_task
-- writer: application, operator, worker
select id from tickwork.task where id = :id::bigint and state <> 'running' for no key update;

-- name: register_root
-- writer: application, operator, worker
insert into tickwork.root as r (namespace, signature, at, noted_at) values (:namespace, :signature, :at::bigint, :now)
    on conflict (namespace, signature) do update set at = excluded.at, noted_at = excluded.noted_at
 where r.at <= excluded.at
returning at;

-- name: cancel_tasks
-- writer: application, operator, worker
-- what does not run yet is over at once, and stands in the archive; what runs is asked in the next statement
with gone as (
    delete from tickwork.task where namespace = :namespace and id = any(:ids::bigint[]) and state <> 'running'
    returning *
), answered as (
    delete from tickwork.cancel_request where task_id in (select id from gone)
), kept as (
    insert into tickwork.archive
           (id, namespace, queue, priority, handler, action, payload, payload_version, key, outcome, reason, error,
            attempts, attempt, lost, snoozes, expires_at, asked_at, created_at, started_at, finished_at, object,
            container, tags, trigger_id, trigger_key, generation, planned_at, previous_at, slots, parent_id, key_scope,
            group_id, gathered, limit_key, units)
    select id, namespace, queue, priority, handler, action, payload, payload_version, key, 'cancelled', :reason::text,
           error, attempts, attempt, lost, snoozes, expires_at, asked_at, created_at, started_at, :now, object,
           container, tags, trigger_id, trigger_key, generation, planned_at, previous_at, slots, parent_id, key_scope,
           group_id, gathered, limit_key, units
      from gone
)
select id, key, group_id from gone;

-- name: archive_cancelled
-- writer: application, operator, worker
-- where a statement cannot write twice this comes first, and the rows are removed next
select 1;

-- name: ask_to_cancel
-- writer: application, operator, worker
insert into tickwork.cancel_request (task_id, reason, requested_at, by)
select id, :reason, :now, :by
  from tickwork.task where namespace = :namespace and id = any(:ids::bigint[]) and state = 'running'
 order by id
    on conflict (task_id) do nothing;

-- name: where_tasks_stand
-- reader: anyone
select id, key, state from tickwork.task where namespace = :namespace and id = any(:ids::bigint[])
union all
select id, key, case when outcome = 'done' then 'done' else 'over' end
  from tickwork.archive where namespace = :namespace and id = any(:ids::bigint[]);

-- name: task_ids_of_key
-- reader: anyone
-- the one that can still be changed first, then the newest
select id from tickwork.task where namespace = :namespace and key = :key
 order by case when state = 'running' then 1 else 0 end, id desc;

-- name: archived_id_of_key
-- reader: anyone
select id from tickwork.archive where namespace = :namespace and key = :key order by id desc limit 1;

-- name: task_ids_of_object
-- reader: anyone
select id from tickwork.task where namespace = :namespace and object = :object order by id;

-- name: edit_task
-- writer: application, operator
-- null keeps a column; a running task is left alone, and so is one that is like that already
with put as (
    update tickwork.task t
       set priority = coalesce(:priority::int, t.priority),
           queue = coalesce(:queue::text, t.queue),
           attempts = coalesce(:attempts::int, t.attempts),
           expires_at = case when :sets_expires_at::int = 1 then :expires_at::bigint else t.expires_at end,
           available_at = case when :sets_time::int = 1 and t.awaits is null
                               then greatest(coalesce(:at::bigint, c.now) + :delay::bigint, c.now)
                               else t.available_at end,
           asked_at = case when :sets_time::int = 1 then coalesce(:at::bigint, c.now) + :delay::bigint else t.asked_at end,
           lane = case when :sets_time::int = 0 then t.lane end, ahead = case when :sets_time::int = 0 then t.ahead end,
           places = case when :sets_time::int = 0 then t.places end,
           held_at = case when :sets_time::int = 0 then t.held_at end,
           let_in_at = case when :sets_time::int = 0 then t.let_in_at end
      from (select :now as now) c
     where t.namespace = :namespace and t.id = :id::bigint and t.state <> 'running'
       and (t.priority <> :priority::int or t.queue <> :queue::text or t.attempts <> :attempts::int
            or (:sets_expires_at::int = 1 and t.expires_at is distinct from :expires_at::bigint)
            or (:sets_time::int = 1
                and (t.lane is not null or t.places is not null
                     or t.asked_at <> coalesce(:at::bigint, c.now) + :delay::bigint
                     or (t.awaits is null
                         and t.available_at <> greatest(coalesce(:at::bigint, c.now) + :delay::bigint, c.now)))))
    returning t.id, t.key
)
select id, key, case when :channel::text is not null then pg_notify(:channel::text, 'task')::text end from put;

-- name: retry_tasks
-- writer: application, operator
-- archived tasks come back under their ids, as new: no attempt counted, runnable at once
with back as (
    insert into tickwork.task
           (id, namespace, queue, priority, available_at, handler, action, payload, payload_version, key, attempts,
            asked_at, created_at, object, container, tags, trigger_id, trigger_key, generation, planned_at, previous_at,
            slots, parent_id, unique_key, key_scope, gathered, limit_key, units)
    select id, namespace, queue, priority, :now, handler, action, payload, payload_version, key, attempts,
           :now, created_at, object, container, tags, trigger_id, trigger_key, generation, planned_at, previous_at,
           slots, parent_id, case when key_scope is distinct from 'period' then key end, key_scope, gathered, limit_key, units
      from tickwork.archive
     where namespace = :namespace and id = any(:ids::bigint[]) and (:repeat::int = 1 or outcome <> 'done')
     order by id
        on conflict do nothing
    returning id, key
), gone as (
    delete from tickwork.archive where id in (select id from back)
), answered as (
    delete from tickwork.cancel_request where task_id in (select id from back)
)
select id, key, case when :channel::text is not null then pg_notify(:channel::text, 'task')::text end from back;

-- name: forget_archived
-- writer: application, operator
-- where a statement cannot write twice, the archive's rows go after their tasks came back
select 1;

-- name: known_handlers
-- reader: anyone
-- what running workers have registered under a name
select distinct schema from tickwork.handler where name = :name;

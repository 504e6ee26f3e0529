-- What SQLite needs in other words; each says why.

-- name: take_turns_at_migrating
-- writer: installer
-- begin immediate takes turns by itself
select 1;

-- name: make_room_for_steps
-- writer: installer
-- the prefix needs no room
select 1;

-- name: make_list_of_steps
-- writer: installer
-- STRICT, as all tables here
create table if not exists tickwork.migration (number integer primary key, name text not null, at integer not null) strict;

-- name: save_events
-- writer: daemon
-- executemany instead of arrays
insert into tickwork.event (trigger_id, version, generation, last_at, next_at, due_at, firings, task_id, tzdata,
                            failures, error, set_aside_at, planned_at)
values (:trigger_id, :version, :generation, :last_at, :next_at,
        case when :due_at is not null then max(:due_at, :now) end,
        :firings, :task_id, :tzdata, :failures, :error, :set_aside_at, :now)
    on conflict (trigger_id) do update set
       version = excluded.version, generation = excluded.generation, last_at = excluded.last_at,
       next_at = excluded.next_at, due_at = excluded.due_at, firings = excluded.firings, task_id = excluded.task_id,
       tzdata = excluded.tzdata, failures = excluded.failures, error = excluded.error,
       set_aside_at = excluded.set_aside_at, planned_at = excluded.planned_at;

-- name: note_replaced
-- writer: daemon
-- executemany instead of arrays
insert into tickwork.replaced (trigger_id, version, next_at, until_at) values (:trigger_id, :version, :next_at, :now)
    on conflict do nothing;

-- name: lay_out_slots
-- writer: daemon
-- where arrays are missing a table in memory takes their place: for AUTOINCREMENT one statement is half the cost of many
create temporary table if not exists tickwork.due_slot (
    trigger_id integer, generation integer, planned_at integer, outcome text, reason text, slots integer,
    until_at integer, version integer, previous_at integer, expires_at integer, task_id integer
);

-- name: clear_slots
-- writer: daemon
-- what the last batch of this connection left
delete from tickwork.due_slot;

-- name: fill_slots
-- writer: daemon
-- executemany instead of arrays; the task's id is handed in, since a statement cannot write two tables
insert into tickwork.due_slot values (:trigger_id, :generation, :planned_at, :outcome, :reason, :slots, :until_at, :version,
                                  :previous_at, :expires_at, :task_id);

-- name: record_firings
-- writer: daemon
-- from the slots
insert into tickwork.firing (trigger_id, generation, planned_at, outcome, reason, slots, until_at, version, task_id,
                             fired_at)
select trigger_id, generation, planned_at, outcome, reason, slots, until_at, version, task_id, :now
  from tickwork.due_slot where true
    on conflict do nothing;

-- name: newest_task_id
-- reader: anyone
-- the counter behind AUTOINCREMENT; nobody else writes while we hold the database
select coalesce((select seq from sqlite_sequence where name = 'tickwork.task'), 0);

-- name: put_fired_tasks
-- writer: daemon
-- follows the ledger: only the rows that were new carry these fresh ids
insert into tickwork.task (id, namespace, queue, priority, available_at, handler, payload, payload_version, attempts,
                           expires_at, asked_at, created_at, object, container, tags, trigger_id, trigger_key,
                           generation, planned_at, previous_at, slots)
select s.task_id, t.namespace, t.queue, t.priority, :now, t.handler, t.payload, t.payload_version, t.attempts,
       s.expires_at, s.planned_at, :now, t.object, t.container, nullif(t.tags, '[]'), t.id, t.key,
       s.generation, s.planned_at, s.previous_at, s.slots
  from tickwork.due_slot s cross join tickwork.trigger t on t.id = s.trigger_id
 where s.task_id is not null
   and (:all_new or exists (select 1 from tickwork.firing f
                             where f.trigger_id = s.trigger_id and f.generation = s.generation
                               and f.planned_at = s.planned_at and f.task_id = s.task_id));

-- name: leave_out_known_slots
-- writer: daemon
-- topics have no task of their own in the ledger, by which it would be seen afterwards which rows were new
delete from tickwork.due_slot
 where exists (select 1 from tickwork.firing f
                where f.trigger_id = tickwork.due_slot.trigger_id
                  and f.generation = tickwork.due_slot.generation
                  and f.planned_at = tickwork.due_slot.planned_at);

-- name: spread_fired_topics
-- writer: daemon
-- from the slots that are left: all of them are new
insert into tickwork.task (namespace, queue, priority, available_at, handler, payload, payload_version, attempts,
                           expires_at, asked_at, created_at, object, container, tags, trigger_id, trigger_key,
                           generation, planned_at, previous_at, slots)
select t.namespace, t.queue, t.priority, :now, u.handler, t.payload, t.payload_version, u.attempts,
       s.expires_at, s.planned_at, :now, t.object, t.container, nullif(t.tags, '[]'), t.id, t.key,
       s.generation, s.planned_at, s.previous_at, s.slots
  from tickwork.due_slot s
 cross join tickwork.trigger t on t.id = s.trigger_id
 cross join tickwork.subscription u on u.namespace = t.namespace and u.topic = t.handler
 where t.action = 'topic' and s.outcome in ('fired', 'by hand');

-- name: advance_events
-- writer: daemon
-- executemany instead of arrays
update tickwork.event
   set version = :version, generation = :generation, last_at = :last_at, next_at = :next_at,
       due_at = case when :due_at is not null then max(:due_at, :now) end,
       firings = :firings, failures = 0, error = null, set_aside_at = null
 where trigger_id = :trigger_id;

-- ------------------------------------------------------------------------------------- tasks, leases, archive, workers

-- part: heads
-- no lateral, so the heads are found by their ids; a comparison of rows uses the index's first column only
found (id) as (
    select (select t.id from tickwork.task t where t.state = 'waiting'
             order by t.namespace, t.queue, t.priority, t.available_at, t.id limit 1)
    union all
    select coalesce(
           (select t.id from tickwork.task t
             where t.state = 'waiting' and t.namespace = r.namespace and t.queue = r.queue and t.priority > r.priority
             order by t.priority, t.available_at, t.id limit 1),
           (select t.id from tickwork.task t
             where t.state = 'waiting' and t.namespace = r.namespace and t.queue > r.queue
             order by t.queue, t.priority, t.available_at, t.id limit 1),
           (select t.id from tickwork.task t
             where t.state = 'waiting' and t.namespace > r.namespace
             order by t.namespace, t.queue, t.priority, t.available_at, t.id limit 1))
      from found f join tickwork.task r on r.id = f.id
), head (namespace, queue, priority, available_at, id) as (
    select t.namespace, t.queue, t.priority, t.available_at, t.id from found f join tickwork.task t on t.id = f.id
)

-- part: heads_above_lows
-- nothing dead stays in an index, so nobody has lows
{heads}

-- name: ranges_of_new_tasks
-- reader: anyone
-- the same
select 0, null, null, null;

-- part: claim
-- a statement cannot write two tables: see pick_tasks, take_tasks, grant_lease
nothing as (select 1) select 1 from nothing where false

-- name: archive_tasks
-- writer: worker
-- a statement cannot write two tables: this one writes the archive, for a batch that held_tasks has found whole and that
-- went well; remove_archived follows. One statement, for a row at a time lets go of the interpreter at each row
insert into tickwork.archive (id, namespace, queue, priority, handler, action, payload, payload_version, key,
                              outcome, reason, result, attempts, attempt, lost, snoozes, expires_at, asked_at,
                              created_at, started_at, finished_at, worker_id, object, container, tags, trigger_id,
                              trigger_key, generation, planned_at, previous_at, slots, parent_id, key_scope, group_id,
                              gathered, limit_key, units)
select t.id, t.namespace, t.queue, t.priority, t.handler, t.action, t.payload, t.payload_version, t.key,
       value ->> 1, value ->> 2, value ->> 3, t.attempts, value ->> 4, t.lost, t.snoozes, t.expires_at, t.asked_at,
       t.created_at, value ->> 5, value ->> 6, :worker_id, t.object, t.container, t.tags, t.trigger_id,
       t.trigger_key, t.generation, t.planned_at, t.previous_at, t.slots, t.parent_id, t.key_scope, t.group_id,
       t.gathered, t.limit_key, t.units
  from json_each(:rows) join tickwork.task t on t.id = value ->> 0;

-- name: archive_held
-- writer: worker
-- executemany instead of arrays
insert into tickwork.archive (id, namespace, queue, priority, handler, action, payload, payload_version, key,
                              outcome, reason, result, error, attempts, attempt, lost, snoozes, expires_at, asked_at,
                              created_at, started_at, finished_at, worker_id, object, container, tags, trigger_id,
                              trigger_key, generation, planned_at, previous_at, slots, parent_id, key_scope, group_id,
                              gathered, limit_key, units)
select t.id, t.namespace, t.queue, t.priority, t.handler, t.action, t.payload, t.payload_version, t.key,
       :outcome, :reason, :result, :error, t.attempts, :attempt, t.lost, t.snoozes, t.expires_at, t.asked_at,
       t.created_at, :started_at, :ended_at, :worker_id, t.object, t.container, t.tags, t.trigger_id,
       t.trigger_key, t.generation, t.planned_at, t.previous_at, t.slots, t.parent_id, t.key_scope, t.group_id,
       t.gathered, t.limit_key, t.units
  from tickwork.task t where t.id = :id;

-- name: return_tasks
-- writer: worker
-- executemany instead of arrays
update tickwork.task
   set state = 'waiting', lease = null, started_at = null, attempt = :attempt, woken = null,
       available_at = case when :snoozed > 0 and woken is not null then min(:available_at, :now) else :available_at end,
       lost = lost + :lost, snoozes = snoozes + :snoozed, error = coalesce(:error, error),
       places = null, let_in_at = null
 where id = :id and lease = :token;

-- name: note_attempts
-- writer: worker
-- executemany instead of arrays
insert into tickwork.attempt (task_id, attempt, outcome, error, worker_id, started_at, ended_at)
values (:task_id, :attempt, :outcome, :error, :worker_id, :started_at, :ended_at);

-- name: register_handlers
-- writer: worker
-- executemany instead of arrays
insert into tickwork.handler (worker_id, name, schema, notice, oldest, newest)
values (:worker_id, :name, :schema, :notice, :oldest, :newest)
    on conflict (name, worker_id) do update set
       schema = excluded.schema, notice = excluded.notice, oldest = excluded.oldest, newest = excluded.newest;

-- ---------------------------------------------------------------------- applications: triggers and tasks
-- Each verb's first statement is a write, so that a lent transaction that cannot become a writer is refused before
-- anything is done.

-- name: put_trigger
-- writer: application, operator
-- no chained writes: the trail and the letter follow as statements of their own
insert into tickwork.trigger as t
       (namespace, key, clock_kind, clock_params, since_at, policies, action, handler, payload, payload_version,
        queue, priority, attempts, expires_after, object, container, tags, created_at, changed_at, changed_by)
values (:namespace, :key, :clock_kind, :clock_params, :now, :policies, :action, :handler, :payload,
        :payload_version, :queue, :priority, :attempts, :expires_after, :object, :container, :tags, :now, :now, :by)
    on conflict (namespace, key) do update set
       did = case when :rearm = 1 or t.state = 'cancelled' then 'rearmed' else 'edited' end,
       state = case when t.state = 'cancelled' then 'active' else t.state end,
       version = t.version + 1,
       generation = case when :rearm = 1 or t.state = 'cancelled' then t.generation + 1 else t.generation end,
       since_at = case when :rearm = 1 or t.state = 'cancelled' or t.clock_id is not null
                         or (t.clock_kind, t.clock_params) <> (excluded.clock_kind, excluded.clock_params)
                       then :now else t.since_at end,
       clock_kind = excluded.clock_kind, clock_params = excluded.clock_params, clock_id = null,
       policies = excluded.policies, action = excluded.action, handler = excluded.handler,
       payload = excluded.payload, payload_version = excluded.payload_version, queue = excluded.queue,
       priority = excluded.priority, attempts = excluded.attempts, expires_after = excluded.expires_after,
       object = excluded.object, container = excluded.container, tags = excluded.tags,
       missed = null,
       resumed_at = case when :rearm = 1 or t.state = 'cancelled' then null else t.resumed_at end,
       changed_at = :now, changed_by = excluded.changed_by
 where :rearm = 1 or t.state = 'cancelled' or t.clock_id is not null
    or (t.clock_kind, t.clock_params, t.policies, t.action, t.handler, t.payload, t.payload_version, t.queue,
        t.priority, t.attempts, t.tags)
    <> (excluded.clock_kind, excluded.clock_params, excluded.policies, excluded.action, excluded.handler,
        excluded.payload, excluded.payload_version, excluded.queue, excluded.priority, excluded.attempts,
        excluded.tags)
    or t.expires_after is not excluded.expires_after
    or t.object is not excluded.object
    or t.container is not excluded.container
returning id, key, version, generation, did;

-- name: hold_trigger_by_key
-- writer: application, operator
-- a write that changes nothing takes the place of the row lock
update tickwork.trigger set version = version where namespace = :namespace and key = :key
returning id, key, state, version, generation, policies, clock_kind, clock_params,
          exists (select 1 from tickwork.event e where e.trigger_id = id and e.set_aside_at is not null);

-- name: hold_trigger_by_id
-- writer: application, operator
-- a write that changes nothing takes the place of the row lock
update tickwork.trigger set version = version where namespace = :namespace and id = :id
returning id, key, state, version, generation, policies, clock_kind, clock_params,
          exists (select 1 from tickwork.event e where e.trigger_id = id and e.set_aside_at is not null);

-- name: hold_triggers_of_object
-- writer: application, operator
-- a write that changes nothing takes the place of the row locks
update tickwork.trigger set version = version where namespace = :namespace and object = :object
returning id, key, state, version, generation, policies, clock_kind, clock_params,
          exists (select 1 from tickwork.event e where e.trigger_id = id and e.set_aside_at is not null);

-- name: edit_triggers
-- writer: application, operator
-- no chained writes: the trail and the letters follow as statements of their own
update tickwork.trigger set
       version = version + 1,
       generation = generation + :rearm,
       did = :did,
       state = coalesce(:state, state),
       clock_kind = coalesce(:clock_kind, clock_kind),
       clock_params = coalesce(:clock_params, clock_params),
       clock_id = case when :clock_kind is null then clock_id end,
       since_at = case when :rearm = 1 or :clock_kind is not null then :now else since_at end,
       policies = coalesce(:policies, policies),
       action = coalesce(:action, action),
       handler = coalesce(:handler, handler),
       payload = coalesce(:payload, payload),
       payload_version = coalesce(:payload_version, payload_version),
       queue = coalesce(:queue, queue),
       priority = coalesce(:priority, priority),
       attempts = coalesce(:attempts, attempts),
       expires_after = case when :sets_expires_after = 1 then :expires_after else expires_after end,
       object = case when :sets_object = 1 then :object else object end,
       container = case when :sets_container = 1 then :container else container end,
       tags = coalesce(:tags, tags),
       missed = :missed,
       resumed_at = case when :rearm = 1 then null when :missed is not null then :now else resumed_at end,
       changed_at = :now, changed_by = :by
 where id = any(:ids::bigint[])
returning id, key, version, generation, did;

-- name: put_task
-- writer: application, operator, worker
-- values instead of a select with a conflict clause, which SQLite cannot read
insert into tickwork.task (namespace, queue, priority, available_at, handler, action, payload, payload_version, key,
                           attempts, expires_at, asked_at, created_at, object, container, tags, unique_key, key_scope,
                           root, root_at, parent_id, group_id, awaits, limit_key, units)
values (:namespace, :queue, :priority,
        case when :awaits is null then max(coalesce(:at, :now) + :delay, :now) else 253402300799999999 end, :handler,
        :action, :payload, :payload_version, :key, :attempts, :expires_at, coalesce(:at, :now) + :delay, :now, :object,
        :container, :tags, :unique_key, :key_scope, :root, :root_at, :parent_id, :group_id, :awaits,
        :limit_key, :units)
    on conflict (namespace, unique_key) where unique_key is not null do nothing
returning id;

-- name: hasten_task
-- writer: application, operator, worker
-- max is its word for greatest
update tickwork.task
   set available_at = max(coalesce(:at, :now) + :delay, :now), asked_at = min(asked_at, coalesce(:at, :now) + :delay)
 where id = :id and state <> 'running' and awaits is null and coalesce(held_at, available_at) > max(coalesce(:at, :now) + :delay, :now)
returning id;

-- name: debounce_task
-- writer: application, operator, worker
-- an update has no alias here
update tickwork.task
   set available_at = coalesce(:at, :now) + :delay, asked_at = coalesce(:at, :now) + :delay,
       lane = null, ahead = null, places = null, held_at = null, let_in_at = null
 where id = :id and state <> 'running' and awaits is null and coalesce(held_at, available_at) < coalesce(:at, :now) + :delay
returning id;

-- name: replace_task
-- writer: application, operator, worker
-- max is its word for greatest
update tickwork.task
   set queue = :queue, priority = :priority,
       available_at = case when awaits is null then max(coalesce(:at, :now) + :delay, :now) else available_at end,
       asked_at = coalesce(:at, :now) + :delay, handler = :handler, action = :action, payload = :payload,
       payload_version = :payload_version, attempts = :attempts, expires_at = :expires_at, object = :object,
       container = :container, tags = :tags, root = :root, root_at = :root_at, limit_key = :limit_key, units = :units,
       lane = null, ahead = null, places = null, held_at = null, let_in_at = null,
       state = case when handler = :handler then state else 'waiting' end
 where id = :id and state <> 'running'
returning id;

-- name: archive_cancelled
-- writer: application, operator, worker
-- no chained writes: copied first, removed next
insert into tickwork.archive
       (id, namespace, queue, priority, handler, action, payload, payload_version, key, outcome, reason, error,
        attempts, attempt, lost, snoozes, expires_at, asked_at, created_at, started_at, finished_at, object,
        container, tags, trigger_id, trigger_key, generation, planned_at, previous_at, slots, parent_id, key_scope,
        group_id, gathered, limit_key, units)
select id, namespace, queue, priority, handler, action, payload, payload_version, key, 'cancelled', :reason,
       error, attempts, attempt, lost, snoozes, expires_at, asked_at, created_at, started_at, :now, object,
       container, tags, trigger_id, trigger_key, generation, planned_at, previous_at, slots, parent_id, key_scope,
       group_id, gathered, limit_key, units
  from tickwork.task
 where namespace = :namespace and id = any(:ids::bigint[]) and state <> 'running';

-- name: cancel_tasks
-- writer: application, operator, worker
-- the second half of it
delete from tickwork.task where namespace = :namespace and id = any(:ids::bigint[]) and state <> 'running'
returning id, key, group_id;

-- name: edit_task
-- writer: application, operator
-- max is its word for greatest
update tickwork.task
   set priority = coalesce(:priority, priority),
       queue = coalesce(:queue, queue),
       attempts = coalesce(:attempts, attempts),
       expires_at = case when :sets_expires_at = 1 then :expires_at else expires_at end,
       available_at = case when :sets_time = 1 and awaits is null then max(coalesce(:at, :now) + :delay, :now)
                           else available_at end,
       asked_at = case when :sets_time = 1 then coalesce(:at, :now) + :delay else asked_at end,
       lane = case when :sets_time = 0 then lane end, ahead = case when :sets_time = 0 then ahead end,
       places = case when :sets_time = 0 then places end, held_at = case when :sets_time = 0 then held_at end,
       let_in_at = case when :sets_time = 0 then let_in_at end
 where namespace = :namespace and id = :id and state <> 'running'
   and (priority <> :priority or queue <> :queue or attempts <> :attempts
        or (:sets_expires_at = 1 and expires_at is not :expires_at)
        or (:sets_time = 1
            and (lane is not null or places is not null or asked_at <> coalesce(:at, :now) + :delay
                 or (awaits is null and available_at <> max(coalesce(:at, :now) + :delay, :now)))))
returning id, key;

-- name: retry_tasks
-- writer: application, operator
-- no chained writes: the archive's row is removed next
insert into tickwork.task
       (id, namespace, queue, priority, available_at, handler, action, payload, payload_version, key, attempts,
        asked_at, created_at, object, container, tags, trigger_id, trigger_key, generation, planned_at, previous_at,
        slots, parent_id, unique_key, key_scope, gathered, limit_key, units)
select id, namespace, queue, priority, :now, handler, action, payload, payload_version, key, attempts,
       :now, created_at, object, container, tags, trigger_id, trigger_key, generation, planned_at, previous_at,
       slots, parent_id, case when key_scope is not 'period' then key end, key_scope, gathered, limit_key, units
  from tickwork.archive
 where namespace = :namespace and id = any(:ids::bigint[]) and (:repeat = 1 or outcome <> 'done')
 order by id
    on conflict do nothing
returning id, key;

-- name: forget_archived
-- writer: application, operator
-- the second half of a retry
delete from tickwork.archive where id = any(:ids::bigint[]);

-- name: put_tasks
-- writer: application, operator, worker
-- rows as JSON instead of arrays
insert into tickwork.task (namespace, queue, priority, available_at, handler, action, payload, payload_version, key,
                           attempts, expires_at, asked_at, created_at, object, container, tags, unique_key, key_scope,
                           root, root_at, parent_id, group_id, awaits, limit_key, units)
select :namespace, value ->> 0, value ->> 1,
       case when value ->> 20 is null then max(coalesce(value ->> 2, :now) + value ->> 3, :now)
            else 253402300799999999 end,
       value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10,
       coalesce(value ->> 2, :now) + value ->> 3, :now, value ->> 11, value ->> 12, value ->> 13, value ->> 14,
       value ->> 15, value ->> 16, value ->> 17, value ->> 18, value ->> 19, value ->> 20,
       value ->> 21, value ->> 22
  from json_each(:rows)
 where true
 order by key
    on conflict (namespace, unique_key) where unique_key is not null do nothing
returning id;

-- name: put_alike
-- writer: application, operator, worker
-- payloads as JSON instead of an array
insert into tickwork.task (namespace, queue, priority, available_at, handler, action, payload, payload_version,
                           attempts, expires_at, asked_at, created_at, object, container, tags, root, root_at,
                           limit_key, units)
select :namespace, :queue, :priority, max(coalesce(:at, :now) + :delay, :now), :handler, :action, value,
       :payload_version, :attempts, :expires_at, coalesce(:at, :now) + :delay, :now, :object, :container, :tags, :root,
       :root_at, :limit_key, :units
  from json_each(:payloads)
 order by key
returning id;

-- name: hasten_tasks
-- writer: application, operator, worker
-- rows as JSON instead of arrays
update tickwork.task
   set available_at = max(w.asked_at, :now), asked_at = min(tickwork.task.asked_at, w.asked_at)
  from (select value ->> 14 as unique_key, min(coalesce(value ->> 2, :now) + (value ->> 3)) as asked_at
          from json_each(:rows) group by 1) w
 where namespace = :namespace and tickwork.task.unique_key = w.unique_key and state <> 'running'
   and awaits is null and coalesce(held_at, available_at) > max(w.asked_at, :now)
returning id;

-- name: put_triggers
-- writer: application, operator
-- rows as JSON instead of arrays; no chained writes: the trail and the letters follow as statements of their own
insert into tickwork.trigger as t
       (namespace, key, clock_kind, clock_params, since_at, policies, action, handler, payload, payload_version,
        queue, priority, attempts, expires_after, object, container, tags, created_at, changed_at, changed_by)
select :namespace, value ->> 0, value ->> 1, value ->> 2, :now, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
       value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14,
       :now, :now, :by
  from json_each(:rows)
 where true
    on conflict (namespace, key) do update set
       did = case when :rearm = 1 or t.state = 'cancelled' then 'rearmed' else 'edited' end,
       state = case when t.state = 'cancelled' then 'active' else t.state end,
       version = t.version + 1,
       generation = case when :rearm = 1 or t.state = 'cancelled' then t.generation + 1 else t.generation end,
       since_at = case when :rearm = 1 or t.state = 'cancelled' or t.clock_id is not null
                         or (t.clock_kind, t.clock_params) <> (excluded.clock_kind, excluded.clock_params)
                       then :now else t.since_at end,
       clock_kind = excluded.clock_kind, clock_params = excluded.clock_params, clock_id = null,
       policies = excluded.policies, action = excluded.action, handler = excluded.handler,
       payload = excluded.payload, payload_version = excluded.payload_version, queue = excluded.queue,
       priority = excluded.priority, attempts = excluded.attempts, expires_after = excluded.expires_after,
       object = excluded.object, container = excluded.container, tags = excluded.tags,
       missed = null,
       resumed_at = case when :rearm = 1 or t.state = 'cancelled' then null else t.resumed_at end,
       changed_at = :now, changed_by = excluded.changed_by
 where :rearm = 1 or t.state = 'cancelled' or t.clock_id is not null
    or (t.clock_kind, t.clock_params, t.policies, t.action, t.handler, t.payload, t.payload_version, t.queue,
        t.priority, t.attempts, t.tags)
    <> (excluded.clock_kind, excluded.clock_params, excluded.policies, excluded.action, excluded.handler,
        excluded.payload, excluded.payload_version, excluded.queue, excluded.priority, excluded.attempts,
        excluded.tags)
    or t.expires_after is not excluded.expires_after
    or t.object is not excluded.object
    or t.container is not excluded.container
returning id, did;

-- name: may_identify
-- reader: anyone
-- a file has no cluster
select 0;

-- name: cluster
-- reader: anyone
-- a file has no cluster
select '';

-- name: current_database
-- reader: anyone
-- the file behind this connection; the pragma itself, for a select from it would be a read
pragma database_list;

-- ------------------------------------------------------------------------------------------------------------------ jobs

-- name: append_to_job
-- writer: application, operator, controller, worker
-- a statement cannot write two tables: the events follow, one by one (log_job_event)
update tickwork.job
   set seq = :seq, status = :status, descriptor = :descriptor, origin = :origin, handler = :handler,
       priority = :priority, recurs = :recurs, lease = :lease, configured_at = :configured_at,
       changed_at = :changed_at, nominal_at = :nominal_at, ended_at = :ended_at,
       since_completed = :since_completed, in_cycle = :in_cycle, error = :error, started_at = :started_at
 where id = :id and seq = :expected
returning id;

-- name: wake_for_job
-- writer: application, operator, controller, worker
-- a look at data_version sees the commit
select 1;

-- name: ask_to_fire
-- writer: application, operator
-- nobody is notified: other processes see data_version
insert into tickwork.trigger_change (trigger_id, fire_at) values (:id, coalesce(:planned_at, :now)) returning fire_at;

-- name: make_keys
-- writer: worker
-- json_each instead of unnest
insert into tickwork.generator (namespace, name, key, changed_at)
select :namespace, :name, k.value, :now from json_each(:keys) k where true order by k.value
    on conflict (namespace, name, key) do nothing;

-- name: make_generator
-- writer: worker
-- the table that is written is named with its prefix
insert into tickwork.generator (namespace, name, key, about, changed_at) values (:namespace, :name, '', :about, :now)
    on conflict (namespace, name, key) do update set about = excluded.about where about <> excluded.about;

-- name: count_work
-- writer: worker
-- max instead of greatest
update tickwork.generator
   set done = done + :done, failed = failed + :failed, served_at = max(coalesce(served_at, 0), :served_at)
 where namespace = :namespace and name = :name and key = '';

-- name: wake_for_generators
-- writer: application, operator, worker
-- a commit is seen by itself
select 1;

-- name: writers_of_table
-- reader: anyone
-- one writer at a time: what is not committed has drawn no number that anybody could have passed
select null where false and :table = :position;

-- ------------------------------------------------------------------------------------------------------- by filter

-- name: delay_tasks
-- writer: application, operator
-- max is its word for greatest
update tickwork.task
   set available_at = max(coalesce(:at, :now) + :delay, :now), asked_at = coalesce(:at, :now) + :delay,
       lane = null, ahead = null, places = null, held_at = null, let_in_at = null
 where namespace = :namespace and id = any(:ids::bigint[]) and state <> 'running' and awaits is null
   and (lane is not null or places is not null or asked_at <> coalesce(:at, :now) + :delay
        or available_at <> max(coalesce(:at, :now) + :delay, :now))
returning id;

-- name: reprioritise_tasks
-- writer: application, operator
-- one writer at a time: nothing to be locked in order
update tickwork.task set priority = :priority
 where namespace = :namespace and id = any(:ids::bigint[]) and state <> 'running' and priority <> :priority
returning id;

-- name: free_tasks
-- writer: application, operator
-- one writer at a time: nothing to be locked in order
update tickwork.task set available_at = :now
 where namespace = :namespace and id = any(:ids::bigint[]) and state = 'waiting' and available_at > :now
   and awaits is null and lane is null
returning id;

-- name: awaken_tasks
-- writer: application, operator, worker
-- one writer at a time: nothing to be locked in order
update tickwork.task
   set available_at = case when state = 'waiting' then :now else available_at end,
       woken = case when state = 'running' then :now else woken end
 where namespace = :namespace and id = any(:ids::bigint[])
   and (state = 'running'
        or state = 'waiting' and available_at > :now and lane is null and snoozes > 0
           and (select a.outcome from tickwork.attempt a where a.task_id = tickwork.task.id order by a.id desc limit 1)
               = 'snoozed')
returning id, state;

-- name: choose_triggers
-- writer: application, operator
-- a write that changes nothing takes the place of the row locks
update tickwork.trigger set version = version where id is null;

-- name: hold_selected_triggers
-- writer: application, operator
-- no row locks; the write before this one holds the whole database
with chosen as materialized (
    select t.id
      from tickwork.trigger t left join tickwork.event e on e.trigger_id = t.id
     where t.namespace = :namespace
       and (:by_id = 0 or t.id = any(:ids::bigint[]))
       and (:prefix is null or substr(t.key, 1, length(:prefix)) = :prefix)
       and (case when :state is null then t.state <> 'cancelled' else t.state = :state end)
       and (:object is null or t.object = :object)
       and (:container is null or t.container = :container)
       and (:tag is null or replace(replace(t.tags, '[' || :tag, ''), ',' || :tag, '') <> t.tags)
       and (:handler is null or t.handler = :handler)
       and (:due_after is null or e.due_at >= :due_after)
       and (:due_before is null or e.due_at <= :due_before)
       and (:set_aside is null or (:set_aside = 1) = (e.set_aside_at is not null))
     order by case when e.due_at is null then 1 else 0 end, e.due_at, t.id
     limit :limit
)
select t.id, t.key, t.state, t.version, t.generation, t.policies, t.clock_kind, t.clock_params,
       e.set_aside_at is not null, t.since_at, e.version, e.last_at, e.next_at
  from tickwork.trigger t left join tickwork.event e on e.trigger_id = t.id
 where t.id in (select id from chosen)
 order by t.id;

-- name: retime_triggers
-- writer: application, operator
-- rows as JSON instead of arrays; the trail and the letters follow as statements of their own
update tickwork.trigger
   set version = version + 1, did = 'moved', clock_kind = r.clock_kind, clock_params = r.clock_params,
       clock_id = null, since_at = :now, missed = null, changed_at = :now, changed_by = :by
  from (select value ->> 0 as id, value ->> 1 as clock_kind, value ->> 2 as clock_params from json_each(:rows)) r
 where tickwork.trigger.id = r.id
returning id, key, version, generation, did;

-- name: put_topic
-- writer: application, operator, worker
-- max is its word for greatest
insert into tickwork.task (namespace, queue, priority, available_at, handler, action, payload, payload_version, attempts,
                           expires_at, asked_at, created_at, object, container, tags, limit_key, units)
select :namespace, :queue, :priority, max(coalesce(:at, :now) + :delay, :now), s.handler, 'task', :payload, 1,
       coalesce(:attempts, s.attempts), :expires_at, coalesce(:at, :now) + :delay, :now, :object, :container, :tags,
       :limit_key, :units
  from tickwork.subscription s
 where s.namespace = :namespace and s.topic = :topic
 order by s.handler
returning id, handler;

-- name: lagging_replica
-- reader: anyone
-- a file has no replicas
select '', 0 where false;

-- name: who_holds
-- reader: anyone
-- one writer has the whole file, and a row does not say who
select null, null, null limit 0;

-- name: coming_tasks
-- reader: anyone
-- no lateral, so the heads are found by their ids, and what comes in the time asked for is sorted
with recursive head (id) as (
    select (select t.id from tickwork.task t where t.state = 'waiting' and t.namespace = :namespace
             order by t.queue, t.priority, t.available_at, t.id limit 1)
    union all
    select coalesce(
           (select t.id from tickwork.task t
             where t.state = 'waiting' and t.namespace = :namespace and t.queue = r.queue and t.priority > r.priority
             order by t.priority, t.available_at, t.id limit 1),
           (select t.id from tickwork.task t
             where t.state = 'waiting' and t.namespace = :namespace and t.queue > r.queue
             order by t.queue, t.priority, t.available_at, t.id limit 1))
      from head h join tickwork.task r on r.id = h.id
)
select t.id, t.key, t.handler, t.available_at, t.error is not null
  from head h
  join tickwork.task r on r.id = h.id
  join tickwork.task t on t.state = 'waiting' and t.namespace = :namespace and t.queue = r.queue
   and t.priority = r.priority and t.available_at > :now and t.available_at <= :until::bigint
 order by t.available_at, t.id limit :n;

-- ---------------------------------------------------------------------------------------------------------- groups

-- name: wait_briefly
-- writer: worker
-- one writer at a time: there is nobody to be waited for
select 1;

-- name: make_groups
-- writer: application, operator, worker
-- rows as JSON instead of arrays
insert into tickwork.task_group (namespace, on_failure, then_at, then_delay, created_at)
select :namespace, value ->> 0, value ->> 1, value ->> 2, :now from json_each(:rows) where true order by key
returning id;

-- name: fill_groups
-- writer: application, operator, worker
-- rows as JSON instead of arrays
update tickwork.task_group set total = r.total, unended = r.total
  from (select value ->> 0 as id, value ->> 1 as total from json_each(:rows)) r where tickwork.task_group.id = r.id;

-- name: post_group_letters
-- writer: application, operator, worker
-- rows as JSON instead of arrays
insert into tickwork.group_letter (group_id, task_id, outcome, joined)
select value ->> 0, value ->> 1, value ->> 2, value ->> 3 from json_each(:rows);

-- name: save_groups
-- writer: worker
-- executemany instead of arrays
update tickwork.task_group set state = :state, total = :total, unended = :unended, ended = :ended where id = :id;

-- name: release_awaiting
-- writer: worker
-- executemany instead of arrays
update tickwork.task
   set awaits = null, gathered = :gathered, asked_at = coalesce(:at, :now) + :delay,
       available_at = max(coalesce(:at, :now) + :delay, :now)
 where id = :id;

-- --------------------------------------------------------------------------------------------------------------- lanes

-- name: hold_in_lane
-- writer: worker
-- executemany instead of arrays
update tickwork.task
   set lane = :lane, ahead = :ahead, held_at = available_at, available_at = :never_at
 where id = :id and state = 'waiting' and lane is null and places is null;

-- name: write_openings
-- writer: worker
-- executemany instead of arrays
insert into tickwork.opening (lane, due_at, units, period, task_id, token)
values (:lane, :due_at, :units, :period, :task_id, :token);

-- name: make_lanes
-- writer: worker
-- json_each instead of unnest
insert into tickwork.lane (name) select n.value from json_each(:names) n where true order by n.value
    on conflict (name) do nothing
returning name;

-- name: pick_held
-- writer: worker
-- no lateral: the bound of each lane is a number of its row; one writer at a time, so nothing is locked
select p.id, p.lane, p.ahead, p.places, p.need
  from (select t.id, t.lane, t.ahead, t.places, t.priority, t.held_at, min(coalesce(t.units, 1), :cap) as need,
               sum(min(coalesce(t.units, 1), :cap)) over (order by t.priority, t.held_at, t.id) as upto
          from (select id, lane, ahead, places, priority, held_at, units from tickwork.task
                 where lane = :name order by priority, held_at, id limit :most) t) p
 where p.upto <= :units or :cap = 0
 order by p.priority, p.held_at, p.id;

-- name: move_on
-- writer: worker
-- executemany instead of arrays
update tickwork.task
   set lane = :lane, ahead = :ahead, places = :places, let_in_at = :at,
       available_at = case when :lane is null then held_at else available_at end,
       held_at = case when :lane is null then null else held_at end
 where id = :id;

-- name: still_held
-- reader: anyone
-- no lateral
select n.value, (select coalesce(t.units, 1) from tickwork.task t where t.lane = n.value
                  order by t.priority, t.held_at, t.id limit 1)
  from json_each(:names) n
 where exists (select 1 from tickwork.task t where t.lane = n.value);

-- name: save_lanes
-- writer: worker
-- executemany instead of arrays
update tickwork.lane set places = :places, units = :units where name = :name;

-- name: tell_starts
-- writer: worker
-- executemany instead of arrays
update tickwork.opening
   set due_at = case when :started_at is null then 0 else min(due_at, :started_at + period) end
 where task_id = :task_id and token = :token;

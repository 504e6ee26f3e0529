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

-- name: record_firings
-- writer: daemon
-- executemany instead of arrays; the task's id is handed in, since a statement cannot write two tables
insert into tickwork.firing (trigger_id, generation, planned_at, outcome, reason, slots, until_at, version, task_id,
                             fired_at)
values (:trigger_id, :generation, :planned_at, :outcome, :reason, :slots, :until_at, :version, :task_id, :now)
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
select :task_id, t.namespace, t.queue, t.priority, :now, t.handler, t.payload, t.payload_version, t.attempts,
       :expires_at, :planned_at, :now, t.object, t.container, nullif(t.tags, '[]'), t.id, t.key,
       :generation, :planned_at, :previous_at, :slots
  from tickwork.trigger t
 where t.id = :trigger_id
   and exists (select 1 from tickwork.firing f
                where f.trigger_id = :trigger_id and f.generation = :generation and f.planned_at = :planned_at
                  and f.task_id = :task_id);

-- name: advance_events
-- writer: daemon
-- executemany instead of arrays
update tickwork.event
   set version = :version, generation = :generation, last_at = :last_at, next_at = :next_at,
       due_at = case when :due_at is not null then max(:due_at, :now) end,
       firings = :firings, failures = 0, error = null, set_aside_at = null
 where trigger_id = :trigger_id;

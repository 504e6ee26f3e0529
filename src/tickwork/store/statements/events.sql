-- Events: where each trigger stands. Written by the trigger daemon alone; it locks the trigger first, always.

-- name: letters
-- reader: anyone
-- a bounded sweep over the mailbox; letters that somebody holds are passed over
select id, trigger_id, clock_id, fire_at from tickwork.trigger_change
 where id > :after and id <= :top
 order by id limit :n
   for update skip locked;

-- name: discard_letters
-- writer: daemon
-- by id, never by trigger: a letter that was not read stays
delete from tickwork.trigger_change where id = any(:ids::bigint[]);

-- name: lock_orders
-- reader: anyone
-- the trigger's row is the mutex; one that an application holds is passed over
select id, version, generation, state, clock_kind, clock_params, since_at, policies, action, expires_after, resumed_at, key
  from tickwork.trigger where id = any(:ids::bigint[])
 order by id
   for no key update skip locked;

-- name: orders_that_exist
-- reader: anyone
select id from tickwork.trigger where id = any(:ids::bigint[]);

-- name: lock_events
-- reader: anyone
select trigger_id, version, generation, last_at, next_at, due_at, firings, task_id, failures, set_aside_at
  from tickwork.event where trigger_id = any(:ids::bigint[])
 order by trigger_id
   for update skip locked;

-- name: events_that_exist
-- reader: anyone
select trigger_id from tickwork.event where trigger_id = any(:ids::bigint[]);

-- name: save_events
-- writer: daemon
-- due_at is never below the clock at this statement, so that a mark which was taken before it overlooks nothing
insert into tickwork.event (trigger_id, version, generation, last_at, next_at, due_at, firings, task_id, tzdata,
                            failures, error, set_aside_at, planned_at)
select u.trigger_id, u.version, u.generation, u.last_at, u.next_at,
       case when u.due_at is not null then greatest(u.due_at, :now) end,
       u.firings, u.task_id, u.tzdata, u.failures, u.error, u.set_aside_at, :now
  from unnest(:trigger_id::bigint[], :version::bigint[], :generation::bigint[], :last_at::bigint[], :next_at::bigint[],
              :due_at::bigint[], :firings::bigint[], :task_id::bigint[], :tzdata::text[], :failures::int[],
              :error::text[], :set_aside_at::bigint[])
       as u (trigger_id, version, generation, last_at, next_at, due_at, firings, task_id, tzdata, failures, error,
             set_aside_at)
 order by u.trigger_id
    on conflict (trigger_id) do update set
       version = excluded.version, generation = excluded.generation, last_at = excluded.last_at,
       next_at = excluded.next_at, due_at = excluded.due_at, firings = excluded.firings, task_id = excluded.task_id,
       tzdata = excluded.tzdata, failures = excluded.failures, error = excluded.error,
       set_aside_at = excluded.set_aside_at, planned_at = excluded.planned_at;

-- name: remove_events
-- writer: daemon
delete from tickwork.event where trigger_id = any(:ids::bigint[]);

-- name: due_events
-- reader: anyone
-- ONE statement locks both rows, the trigger first, so it returns the newest version of both and never waits.
-- Its plan is the nested loop over (due_at, trigger_id); tests/store/postgresql explains it. `between` keeps it so: for an
-- equal sign PostgreSQL also weighs a walk through all triggers in order, which costs the same to a planner that knows of one.
select e.trigger_id, e.version, e.generation, e.last_at, e.next_at, e.due_at, e.firings, e.task_id, e.failures,
       e.set_aside_at,
       t.id, t.version, t.generation, t.state, t.clock_kind, t.clock_params, t.since_at, t.policies, t.action,
       t.expires_after, t.resumed_at, t.key, :now
  from tickwork.event e join tickwork.trigger t on t.id between e.trigger_id and e.trigger_id
 where e.due_at <= :now
   and (e.due_at, e.trigger_id) > (:due::bigint, :id::bigint)
 order by e.due_at, e.trigger_id
 limit :n
   for no key update of t, e skip locked;

-- name: look
-- reader: anyone
-- one look, from the mark on, before anything is begun: is something due, when is the next due, is there mail, and what time is it
with clock as materialized (select :now as now)
select exists (select 1 from tickwork.event where due_at <= (select now from clock) and due_at >= :mark::bigint),
       (select due_at from tickwork.event where due_at > (select now from clock) order by due_at limit 1),
       coalesce((select id from tickwork.trigger_change where id > 0 order by id desc limit 1), 0),
       (select now from clock);

-- name: oldest_daemon_transaction
-- reader: anyone
-- for the mark; in a transaction of its own, since pg_stat_activity is remembered within one. statement_timestamp:
-- the clock must be read before the list. Without an id a session has written nothing (a dump that pins a snapshot).
select least((extract(epoch from statement_timestamp()) * 1000000)::bigint,
             min((extract(epoch from coalesce(xact_start, backend_start)) * 1000000)::bigint))
  from pg_stat_activity
 where datname = current_database() and backend_xid is not null and pid <> pg_backend_pid()
   and application_name = 'tickwork-daemon';

-- name: due_events_of
-- reader: anyone
-- the same lock for triggers that are known by name: the halves of a batch that the database refused
select e.trigger_id, e.version, e.generation, e.last_at, e.next_at, e.due_at, e.firings, e.task_id, e.failures,
       e.set_aside_at,
       t.id, t.version, t.generation, t.state, t.clock_kind, t.clock_params, t.since_at, t.policies, t.action,
       t.expires_after, t.resumed_at, t.key, :now
  from tickwork.event e join tickwork.trigger t on t.id = e.trigger_id
 where e.trigger_id = any(:ids::bigint[]) and e.due_at <= :now
 order by e.due_at, e.trigger_id
   for no key update of t, e skip locked;

-- name: pauses
-- reader: anyone
-- how a trigger came to be paused and resumed: every version of its generation, in order
select v.trigger_id, v.version, v.state, v.at, v.missed
  from tickwork.trigger_version v join tickwork.trigger t on t.id = v.trigger_id and t.generation = v.generation
 where v.trigger_id = any(:ids::bigint[])
 order by v.trigger_id, v.version;

-- name: note_replaced
-- writer: daemon
-- a hint for people: an overdue slot that an edit dropped
insert into tickwork.replaced (trigger_id, version, next_at, until_at)
select u.trigger_id, u.version, u.next_at, :now
  from unnest(:trigger_id::bigint[], :version::bigint[], :next_at::bigint[]) as u (trigger_id, version, next_at)
    on conflict do nothing;

-- name: zone_data
-- reader: anyone
-- the zone data by which events were planned: its version and a fingerprint of each zone
select value from tickwork.setting where name = 'zone data';

-- name: save_zone_data
-- writer: daemon
insert into tickwork.setting (name, value) values ('zone data', :value)
    on conflict (name) do update set value = excluded.value;

-- name: zoned_events
-- reader: anyone
-- planned events behind a trigger whose clocks may follow a zone; a walk that happens once per release of the zone data
select t.id, t.clock_kind, t.clock_params
  from tickwork.event e join tickwork.trigger t on t.id = e.trigger_id
 where e.trigger_id > :after and e.next_at is not null and e.tzdata <> :version
   and t.clock_kind not in ('once', 'every', 'never', 'phorge-daily', 'phorge-monthly')
 order by e.trigger_id limit :n;

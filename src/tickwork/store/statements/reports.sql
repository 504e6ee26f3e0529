-- What people ask to see. Nothing here writes, locks, or stands on a hot path.

-- name: trigger_by_key
-- reader: anyone
select t.id, t.key, t.state, t.version, t.generation, t.clock_kind, t.clock_params, t.policies, t.action, t.handler,
       t.payload, t.payload_version, t.queue, t.priority, t.attempts, t.expires_after, t.object, t.container, t.tags,
       t.since_at, t.created_at, t.changed_at, t.changed_by, t.did, e.version, e.last_at, e.next_at, e.due_at, e.firings,
       e.failures, e.error, e.set_aside_at
  from tickwork.trigger t left join tickwork.event e on e.trigger_id = t.id
 where t.namespace = :namespace and t.key = :key;

-- name: trigger_by_id
-- reader: anyone
select t.id, t.key, t.state, t.version, t.generation, t.clock_kind, t.clock_params, t.policies, t.action, t.handler,
       t.payload, t.payload_version, t.queue, t.priority, t.attempts, t.expires_after, t.object, t.container, t.tags,
       t.since_at, t.created_at, t.changed_at, t.changed_by, t.did, e.version, e.last_at, e.next_at, e.due_at, e.firings,
       e.failures, e.error, e.set_aside_at
  from tickwork.trigger t left join tickwork.event e on e.trigger_id = t.id
 where t.namespace = :namespace and t.id = :id::bigint;

-- name: list_triggers
-- reader: anyone
-- every filter may be missing; those that fire next come first, those that never fire last
select t.id, t.key, t.state, t.version, t.generation, t.clock_kind, t.clock_params, t.policies, t.action, t.handler,
       t.payload, t.payload_version, t.queue, t.priority, t.attempts, t.expires_after, t.object, t.container, t.tags,
       t.since_at, t.created_at, t.changed_at, t.changed_by, t.did, e.version, e.last_at, e.next_at, e.due_at, e.firings,
       e.failures, e.error, e.set_aside_at
  from tickwork.trigger t left join tickwork.event e on e.trigger_id = t.id
 where t.namespace = :namespace
   and (:state::text is null or t.state = :state::text)
   and (:prefix::text is null or substr(t.key, 1, length(:prefix::text)) = :prefix::text)
   and (:object::text is null or t.object = :object::text)
   and (:container::text is null or t.container = :container::text)
   and (:tag::text is null or replace(replace(t.tags, '[' || :tag::text, ''), ',' || :tag::text, '') <> t.tags)
   and (:handler::text is null or t.handler = :handler::text)
   and (:set_aside::int is null or (:set_aside::int = 1) = (e.set_aside_at is not null))
 order by case when e.due_at is null then 1 else 0 end, e.due_at, t.id
 limit :n;

-- name: list_due_triggers
-- reader: anyone
-- the same from the other end: the walk is along the index of what is due
select t.id, t.key, t.state, t.version, t.generation, t.clock_kind, t.clock_params, t.policies, t.action, t.handler,
       t.payload, t.payload_version, t.queue, t.priority, t.attempts, t.expires_after, t.object, t.container, t.tags,
       t.since_at, t.created_at, t.changed_at, t.changed_by, t.did, e.version, e.last_at, e.next_at, e.due_at, e.firings,
       e.failures, e.error, e.set_aside_at
  from tickwork.event e join tickwork.trigger t on t.id = e.trigger_id
 where e.due_at <= :due_before::bigint
   and t.namespace = :namespace
   and (:state::text is null or t.state = :state::text)
   and (:prefix::text is null or substr(t.key, 1, length(:prefix::text)) = :prefix::text)
   and (:object::text is null or t.object = :object::text)
   and (:container::text is null or t.container = :container::text)
   and (:tag::text is null or replace(replace(t.tags, '[' || :tag::text, ''), ',' || :tag::text, '') <> t.tags)
   and (:handler::text is null or t.handler = :handler::text)
   and (:set_aside::int is null or (:set_aside::int = 1) = (e.set_aside_at is not null))
 order by e.due_at, e.trigger_id
 limit :n;

-- name: ledger_of_trigger
-- reader: anyone
-- newest first
select trigger_id, generation, planned_at, outcome, reason, slots, until_at, version, task_id, fired_at
  from tickwork.firing where trigger_id = :id::bigint
 order by generation desc, planned_at desc limit :n;

-- name: trail_of_trigger
-- reader: anyone
-- every version that the trigger had, newest first
select version, generation, state, clock_kind, clock_params, since_at, policies, missed, at, by, did
  from tickwork.trigger_version where trigger_id = :id::bigint
 order by version desc limit :n;

-- name: task_by_id
-- reader: anyone
select id, key, case when state = 'waiting' and available_at <= :now then 'ready' else state end, null, handler,
       payload, payload_version, queue, priority, case when awaits is null then coalesce(held_at, available_at) end, attempt, attempts, lost, snoozes, expires_at, asked_at,
       created_at, started_at, null, null, null, error, object, container, tags, trigger_id, trigger_key, planned_at,
       previous_at, slots, parent_id, group_id, awaits, gathered
  from tickwork.task where namespace = :namespace and id = :id::bigint
union all
select id, key, 'over', outcome, handler, payload, payload_version, queue, priority, null, attempt, attempts, lost,
       snoozes, expires_at, asked_at, created_at, started_at, finished_at, reason, result, error, object, container,
       tags, trigger_id, trigger_key, planned_at, previous_at, slots, parent_id, group_id, null, gathered
  from tickwork.archive where namespace = :namespace and id = :id::bigint;

-- name: list_tasks
-- reader: anyone
-- in the order in which they will run
select id, key, case when state = 'waiting' and available_at <= :now then 'ready' else state end, null, handler,
       payload, payload_version, queue, priority, case when awaits is null then coalesce(held_at, available_at) end, attempt, attempts, lost, snoozes, expires_at, asked_at,
       created_at, started_at, null, null, null, error, object, container, tags, trigger_id, trigger_key, planned_at,
       previous_at, slots, parent_id, group_id, awaits, gathered
  from tickwork.task
 where namespace = :namespace
   and (:state::text is null
        or (case when state = 'waiting' and available_at <= :now then 'ready' else state end) = :state::text)
   and (:handler::text is null or handler = :handler::text)
   and (:queue::text is null or queue = :queue::text)
   and (:object::text is null or object = :object::text)
   and (:container::text is null or container = :container::text)
   and (:trigger_key::text is null or trigger_key = :trigger_key::text)
 order by case state when 'running' then 0 when 'waiting' then 1 else 2 end,
          case when available_at <= :now then 0 else available_at end, priority, available_at, id
 limit :n;

-- name: next_stop
-- reader: anyone
-- for journeys in tests: when the next event is due, and when the next task that waits may run
select (select min(due_at) from tickwork.event where due_at > :now),
       (select min(available_at) from tickwork.task where state = 'waiting' and available_at > :now and lane is null);

-- name: list_archived
-- reader: anyone
-- newest first
select id, key, 'over', outcome, handler, payload, payload_version, queue, priority, null, attempt, attempts, lost,
       snoozes, expires_at, asked_at, created_at, started_at, finished_at, reason, result, error, object, container,
       tags, trigger_id, trigger_key, planned_at, previous_at, slots, parent_id, group_id, null, gathered
  from tickwork.archive
 where namespace = :namespace
   and (:outcome::text is null or outcome = :outcome::text)
   and (:handler::text is null or handler = :handler::text)
   and (:queue::text is null or queue = :queue::text)
   and (:object::text is null or object = :object::text)
   and (:container::text is null or container = :container::text)
   and (:trigger_key::text is null or trigger_key = :trigger_key::text)
 order by finished_at desc, id desc
 limit :n;

-- name: attempts_of_task
-- reader: anyone
select attempt, outcome, error, worker_id, started_at, ended_at
  from tickwork.attempt where task_id = :id::bigint order by id limit :n;

-- name: counts
-- reader: anyone
select 'trigger', state, count(*) from tickwork.trigger where namespace = :namespace group by state
union all
select 'event', 'set aside', count(*)
  from tickwork.event e join tickwork.trigger t on t.id = e.trigger_id
 where e.set_aside_at is not null and t.namespace = :namespace
union all
select 'event', 'due', count(*)
  from tickwork.event e join tickwork.trigger t on t.id = e.trigger_id
 where e.due_at <= :now and t.namespace = :namespace
union all
select 'task', case when state = 'waiting' and available_at <= :now then 'ready' else state end, count(*)
  from tickwork.task where namespace = :namespace group by 2
union all
select 'archive', outcome, count(*) from tickwork.archive where namespace = :namespace group by outcome;

-- name: who_runs
-- reader: anyone
-- how many of each kind of process gave a sign of life since then, the newest one, and the clock
select kind, count(*) filter (where seen_at > :now - :gone_after::bigint), max(seen_at), :now
from tickwork.worker group by kind;

-- name: may_identify
-- reader: anyone
-- whether this role may read the cluster's identifier
select has_function_privilege('pg_control_system()', 'execute');

-- name: cluster
-- reader: anyone
select system_identifier::text from pg_control_system();

-- name: current_database
-- reader: anyone
-- a file on SQLite
select current_database()::text;

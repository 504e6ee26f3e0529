-- The ledger: one row per occurrence, append-only, and the tasks that firings put.

-- name: record_firings
-- writer: daemon
-- ledger first: an occurrence that already stands there is filtered out and puts no task; one bell for the batch,
-- so that a worker in another process does not sleep until its next poll. Triggers are looked up by their keys one by one:
-- with statistics of an empty table a join may read all of them for each.
with slot as (
    select * from unnest(:trigger_id::bigint[], :generation::bigint[], :planned_at::bigint[], :outcome::text[],
                         :reason::text[], :slots::int[], :until_at::bigint[], :version::bigint[], :previous_at::bigint[],
                         :expires_at::bigint[], :puts::bool[])
           as s (trigger_id, generation, planned_at, outcome, reason, slots, until_at, version, previous_at, expires_at,
                 puts)
), ledger as (
    insert into tickwork.firing (trigger_id, generation, planned_at, outcome, reason, slots, until_at, version, task_id,
                                 fired_at)
    select s.trigger_id, s.generation, s.planned_at, s.outcome, s.reason, s.slots, s.until_at, s.version,
           case when s.puts then nextval('tickwork.task_id_seq') end, :now
      from slot s
        on conflict do nothing
    returning trigger_id, planned_at, task_id, fired_at
), put as (
    insert into tickwork.task (id, namespace, queue, priority, available_at, handler, payload, payload_version,
                               attempts, expires_at, asked_at, created_at, object, container, tags, trigger_id,
                               trigger_key, generation, planned_at, previous_at, slots)
    select l.task_id, t.namespace, t.queue, t.priority, l.fired_at, t.handler, t.payload, t.payload_version,
           t.attempts, s.expires_at, s.planned_at, l.fired_at, t.object, t.container, nullif(t.tags, '[]'), t.id,
           t.key, s.generation, s.planned_at, s.previous_at, s.slots
      from ledger l
      join slot s on s.trigger_id = l.trigger_id and s.planned_at = l.planned_at
     cross join lateral (select o.* from tickwork.trigger o where o.id = l.trigger_id offset 0) t
     where l.task_id is not null
), spread as (
    insert into tickwork.task (namespace, queue, priority, available_at, handler, payload, payload_version, attempts,
                               expires_at, asked_at, created_at, object, container, tags, trigger_id, trigger_key,
                               generation, planned_at, previous_at, slots)
    select t.namespace, t.queue, t.priority, l.fired_at, u.handler, t.payload, t.payload_version, u.attempts,
           s.expires_at, s.planned_at, l.fired_at, t.object, t.container, nullif(t.tags, '[]'), t.id, t.key,
           s.generation, s.planned_at, s.previous_at, s.slots
      from ledger l
      join slot s on s.trigger_id = l.trigger_id and s.planned_at = l.planned_at
     cross join lateral (select o.* from tickwork.trigger o where o.id = l.trigger_id offset 0) t
      join tickwork.subscription u on u.namespace = t.namespace and u.topic = t.handler
     where :topics::bool and l.task_id is null and t.action = 'topic' and s.outcome in ('fired', 'by hand')
    returning id
)
select (select count(*) from ledger),
       case when exists (select 1 from ledger where task_id is not null) or exists (select 1 from spread)
            then pg_notify('tickwork_' || 'tickwork', 'task')::text end;

-- name: leave_out_known_slots
-- writer: daemon
-- where a statement cannot write twice: of topics only what is new to the ledger is spread
select 1;

-- name: spread_fired_topics
-- writer: daemon
-- where a statement cannot write twice, a task for each handler of a topic follows the ledger's new rows
select 1;

-- name: previous_tasks
-- reader: anyone
-- what became of the task that each of these triggers put last; asked only where a policy looks at it
select t.id, f.task_id, a.outcome, a.finished_at
  from tickwork.trigger t
  join tickwork.firing f on f.trigger_id = t.id and f.generation = t.generation
   and f.planned_at = (select l.planned_at from tickwork.firing l
                        where l.trigger_id = t.id and l.generation = t.generation and l.task_id is not null
                        order by l.planned_at desc limit 1)
  left join tickwork.archive a on a.id = f.task_id
  left join tickwork.task k on k.id = f.task_id
 where t.id = any(:ids::bigint[]) and (k.id is not null or a.id is not null);

-- name: ask_to_stop
-- writer: daemon
-- overlap "replace": a request, honoured by whoever runs the task
insert into tickwork.cancel_request (task_id, reason, requested_at, by)
select id, 'replaced by the next firing', :now, 'trigger daemon' from tickwork.task where id = any(:ids::bigint[])
    on conflict (task_id) do nothing;

-- name: log_payloads
-- reader: anyone
-- what log actions say; read only for them, so that no payload travels for the others
select id, payload from tickwork.trigger where id = any(:ids::bigint[]);

-- name: newest_task_id
-- reader: anyone
select nextval('tickwork.task_id_seq');

-- name: put_fired_tasks
-- writer: daemon
-- where a statement cannot write twice, the tasks follow the ledger's new rows, told by their fresh ids
select 1;

-- name: advance_events
-- writer: daemon
-- The rows are held by this transaction, so their places stand still. Each is looked up by its key, which a join is not sure
-- to do: where statistics were taken of an empty table it would compare a batch of a thousand with all others.
update tickwork.event e
   set version = u.version, generation = u.generation, last_at = u.last_at, next_at = u.next_at,
       due_at = case when u.due_at is not null then greatest(u.due_at, :now) end,
       firings = u.firings, failures = 0, error = null, set_aside_at = null
  from unnest(:trigger_id::bigint[], :version::bigint[], :generation::bigint[], :last_at::bigint[], :next_at::bigint[],
              :due_at::bigint[], :firings::bigint[])
       as u (trigger_id, version, generation, last_at, next_at, due_at, firings)
 cross join lateral (select o.ctid from tickwork.event o where o.trigger_id = u.trigger_id offset 0) place
 where e.ctid = place.ctid;

-- Tasks and triggers by filter: what is null does not filter, every bound is inclusive.

-- name: select_tasks
-- reader: anyone
-- in the order in which they will run
select id, key, case when state = 'waiting' and available_at <= :now then 'ready' else state end, handler, priority,
       coalesce(held_at, available_at), attempt - lost - case when state = 'running' then 1 else 0 end
  from tickwork.task
 where namespace = :namespace
   and (:by_id::int = 0 or id = any(:ids::bigint[]))
   and (:key::text is null or key = :key::text)
   and (:handler::text is null or handler = :handler::text)
   and (:queue::text is null or queue = :queue::text)
   and (:state::text is null
        or (case when state = 'waiting' and available_at <= :now then 'ready' else state end) = :state::text)
   and (:object::text is null or object = :object::text)
   and (:container::text is null or container = :container::text)
   and (:trigger::text is null or trigger_key = :trigger::text)
   and (:tag::text is null or replace(replace(tags, '[' || :tag::text, ''), ',' || :tag::text, '') <> tags)
   and (:min_priority::int is null or priority >= :min_priority::int)
   and (:max_priority::int is null or priority <= :max_priority::int)
   and (:min_failures::int is null
        or attempt - lost - case when state = 'running' then 1 else 0 end >= :min_failures::int)
   and (:max_failures::int is null
        or attempt - lost - case when state = 'running' then 1 else 0 end <= :max_failures::int)
 order by case state when 'running' then 0 when 'waiting' then 1 else 2 end,
          case when available_at <= :now then 0 else available_at end, priority, available_at, id
 limit :limit;

-- name: select_archived
-- reader: anyone
-- in the order in which they would run again
select id, key, outcome, handler, priority, null, attempt - lost - case when outcome in ('done', 'declined') then 1 else 0 end
  from tickwork.archive
 where namespace = :namespace
   and (:by_id::int = 0 or id = any(:ids::bigint[]))
   and (:key::text is null or key = :key::text)
   and (:handler::text is null or handler = :handler::text)
   and (:queue::text is null or queue = :queue::text)
   and (:outcome::text is null or outcome = :outcome::text)
   and (:object::text is null or object = :object::text)
   and (:container::text is null or container = :container::text)
   and (:trigger::text is null or trigger_key = :trigger::text)
   and (:tag::text is null or replace(replace(tags, '[' || :tag::text, ''), ',' || :tag::text, '') <> tags)
   and (:min_priority::int is null or priority >= :min_priority::int)
   and (:max_priority::int is null or priority <= :max_priority::int)
   and (:min_failures::int is null
        or attempt - lost - case when outcome in ('done', 'declined') then 1 else 0 end >= :min_failures::int)
   and (:max_failures::int is null
        or attempt - lost - case when outcome in ('done', 'declined') then 1 else 0 end <= :max_failures::int)
   and (:finished_after::bigint is null or finished_at >= :finished_after::bigint)
   and (:finished_before::bigint is null or finished_at <= :finished_before::bigint)
 order by priority, id
 limit :limit;

-- name: delay_tasks
-- writer: application, operator
-- what runs is left alone, and what waits until then already
with wanted as materialized (
    select id from tickwork.task
     where namespace = :namespace and id = any(:ids::bigint[]) and state <> 'running' and awaits is null
       and (lane is not null or places is not null or asked_at <> coalesce(:at::bigint, :now) + :delay::bigint
            or available_at <> greatest(coalesce(:at::bigint, :now) + :delay::bigint, :now))
     order by id for no key update
), put as (
    update tickwork.task t
       set available_at = greatest(coalesce(:at::bigint, c.now) + :delay::bigint, c.now),
           asked_at = coalesce(:at::bigint, c.now) + :delay::bigint,
           lane = null, ahead = null, places = null, held_at = null, let_in_at = null
      from wanted w, (select :now as now) c
     where t.id = w.id
    returning t.id
)
select id, case when :channel::text is not null then pg_notify(:channel::text, 'task')::text end from put;

-- name: reprioritise_tasks
-- writer: application, operator
with wanted as materialized (
    select id from tickwork.task
     where namespace = :namespace and id = any(:ids::bigint[]) and state <> 'running' and priority <> :priority::int
     order by id for no key update
)
update tickwork.task t set priority = :priority::int from wanted w where t.id = w.id returning t.id;

-- name: free_tasks
-- writer: application, operator
-- what waits for a retry, a snooze or its time is ready at once
with wanted as materialized (
    select id from tickwork.task
     where namespace = :namespace and id = any(:ids::bigint[]) and state = 'waiting' and available_at > :now
       and awaits is null and lane is null
     order by id for no key update
), put as (
    update tickwork.task t set available_at = :now from wanted w where t.id = w.id returning t.id
)
select id, case when :channel::text is not null then pg_notify(:channel::text, 'task')::text end from put;

-- name: awaken_tasks
-- writer: application, operator, worker
-- those that put themselves off: what waits after a failure goes on waiting; one that runs is marked, so that it does not
-- sleep if it puts itself off, and is not settled before this has committed
with wanted as materialized (
    select t.id from tickwork.task t
     where t.namespace = :namespace and t.id = any(:ids::bigint[])
       and (t.state = 'running'
            or t.state = 'waiting' and t.available_at > :now and t.lane is null and t.snoozes > 0
               and (select a.outcome from tickwork.attempt a where a.task_id = t.id order by a.id desc limit 1)
                   = 'snoozed')
     order by t.id for no key update
), put as (
    update tickwork.task t
       set available_at = case when t.state = 'waiting' then :now else t.available_at end,
           woken = case when t.state = 'running' then :now else t.woken end
      from wanted w where t.id = w.id returning t.id, t.state
)
select id, state, case when :channel::text is not null then pg_notify(:channel::text, 'task')::text end from put;

-- name: hold_selected_triggers
-- writer: application, operator
-- the mutexes first, in the order of their ids; those that fire first where there is a limit
with chosen as materialized (
    select t.id
      from tickwork.trigger t left join tickwork.event e on e.trigger_id = t.id
     where t.namespace = :namespace
       and (:by_id::int = 0 or t.id = any(:ids::bigint[]))
       and (:prefix::text is null or substr(t.key, 1, length(:prefix::text)) = :prefix::text)
       and (case when :state::text is null then t.state <> 'cancelled' else t.state = :state::text end)
       and (:object::text is null or t.object = :object::text)
       and (:container::text is null or t.container = :container::text)
       and (:tag::text is null or replace(replace(t.tags, '[' || :tag::text, ''), ',' || :tag::text, '') <> t.tags)
       and (:handler::text is null or t.handler = :handler::text)
       and (:due_after::bigint is null or e.due_at >= :due_after::bigint)
       and (:due_before::bigint is null or e.due_at <= :due_before::bigint)
       and (:set_aside::int is null or (:set_aside::int = 1) = (e.set_aside_at is not null))
     order by case when e.due_at is null then 1 else 0 end, e.due_at, t.id
     limit :limit
), held as materialized (
    select t.id, t.key, t.state, t.version, t.generation, t.policies, t.clock_kind, t.clock_params, t.since_at
      from tickwork.trigger t where t.id in (select id from chosen) order by t.id for no key update of t
)
select h.id, h.key, h.state, h.version, h.generation, h.policies, h.clock_kind, h.clock_params,
       e.set_aside_at is not null, h.since_at, e.version, e.last_at, e.next_at
  from held h left join tickwork.event e on e.trigger_id = h.id
 order by h.id;

-- name: choose_triggers
-- writer: application, operator
-- where a statement cannot hold and read
select 1;

-- name: retime_triggers
-- writer: application, operator
-- triggers that are held, each with a clock of its own
with row as (
    select * from unnest(:id::bigint[], :clock_kind::text[], :clock_params::text[])
           as r (id, clock_kind, clock_params)
), written as (
    update tickwork.trigger t
       set version = t.version + 1, did = 'moved', clock_kind = r.clock_kind, clock_params = r.clock_params,
           clock_id = null, since_at = c.now, missed = null, changed_at = c.now, changed_by = :by
      from row r, (select :now as now) c
     where t.id = r.id
    returning t.*
), trail as (
    insert into tickwork.trigger_version
           (trigger_id, version, generation, state, clock_kind, clock_params, clock_id, since_at, policies, missed, at,
            by, did)
    select id, version, generation, state, clock_kind, clock_params, clock_id, since_at, policies, missed, changed_at,
           changed_by, did
      from written
), letter as (
    insert into tickwork.trigger_change (trigger_id) select id from written
)
select id, key, version, generation, did,
       case when :channel::text is not null then pg_notify(:channel::text, 'trigger')::text end
  from written;

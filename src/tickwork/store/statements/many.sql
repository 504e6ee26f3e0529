-- Many tasks and many triggers at once: one statement for thousands of rows, in the caller's transaction.

-- name: put_tasks
-- writer: application, operator, worker
-- as put_task; of rows with one key, and where the key is taken, nothing is put
with row as (
    select * from unnest(:queue::text[], :priority::int[], :at::bigint[], :delay::bigint[], :handler::text[],
                           :action::text[], :payload::text[], :payload_version::int[], :key::text[], :attempts::int[],
                           :expires_at::bigint[], :object::text[], :container::text[], :tags::text[],
                           :unique_key::text[], :key_scope::text[], :root::text[], :root_at::bigint[],
                           :parent_id::bigint[], :group_id::bigint[], :awaits::bigint[], :limit_key::text[], :units::int[])
           with ordinality as r (queue, priority, at, delay, handler, action, payload, payload_version, key, attempts, expires_at,
                object, container, tags, unique_key, key_scope, root, root_at, parent_id, group_id, awaits, limit_key, units,
                place)
), put as (
    insert into tickwork.task (namespace, queue, priority, available_at, handler, action, payload, payload_version,
                               key, attempts, expires_at, asked_at, created_at, object, container, tags, unique_key,
                               key_scope, root, root_at, parent_id, group_id, awaits, limit_key, units)
    select :namespace, r.queue, r.priority,
           case when r.awaits is null then greatest(coalesce(r.at, c.now) + r.delay, c.now)
                else 253402300799999999 end, r.handler, r.action,
           r.payload, r.payload_version, r.key, r.attempts, r.expires_at, coalesce(r.at, c.now) + r.delay, c.now,
           r.object, r.container, r.tags, r.unique_key, r.key_scope, r.root, r.root_at, r.parent_id, r.group_id, r.awaits,
           r.limit_key, r.units
      from row r, (select :now as now) c
     order by r.place
        on conflict (namespace, unique_key) where unique_key is not null do nothing
    returning id
)
select array_agg(id order by id),
       case when :channel::text is not null and count(*) > 0 then pg_notify(:channel::text, 'task')::text end
  from put;

-- name: put_alike
-- writer: application, operator, worker
-- as put_tasks, for tasks without keys that differ in their payloads only; one text instead of arrays, which drivers
-- write and escape element by element
with put as (
    insert into tickwork.task (namespace, queue, priority, available_at, handler, action, payload, payload_version,
                               attempts, expires_at, asked_at, created_at, object, container, tags, root, root_at,
                               limit_key, units)
    select :namespace, :queue, :priority::int, greatest(coalesce(:at::bigint, c.now) + :delay::bigint, c.now), :handler,
           :action, r.payload, :payload_version::int, :attempts::int, :expires_at::bigint,
           coalesce(:at::bigint, c.now) + :delay::bigint, c.now, :object, :container, :tags, :root::text,
           :root_at::bigint, :limit_key::text, :units::int
      from json_array_elements_text(:payloads::json) with ordinality as r (payload, place), (select :now as now) c
     order by r.place
    returning id
)
select array_agg(id order by id),
       case when :channel::text is not null then pg_notify(:channel::text, 'task')::text end
  from put;

-- name: hold_tasks_of_keys
-- writer: application, operator, worker
-- as hold_task_of_key
select id from tickwork.task
 where namespace = :namespace and unique_key = any(:unique_key::text[]) and state <> 'running'
 order by id for no key update;

-- name: hasten_tasks
-- writer: application, operator, worker
-- as hasten_task; of rows with one key the earliest counts
with wanted as (
    select r.unique_key, min(coalesce(r.at, c.now) + r.delay) as asked_at, max(c.now) as now
      from unnest(:unique_key::text[], :at::bigint[], :delay::bigint[]) as r (unique_key, at, delay),
           (select :now as now) c
     group by r.unique_key
), put as (
    update tickwork.task t
       set available_at = greatest(w.asked_at, w.now), asked_at = least(t.asked_at, w.asked_at)
      from wanted w
     where t.namespace = :namespace and t.unique_key = w.unique_key and t.state <> 'running' and t.awaits is null
       and coalesce(t.held_at, t.available_at) > greatest(w.asked_at, w.now)
    returning t.id
)
select (select count(*) from put),
       case when :channel::text is not null and exists (select 1 from put)
            then pg_notify(:channel::text, 'task')::text end;

-- name: put_triggers
-- writer: application, operator
-- as put_trigger, in the order of their keys, so that two of these cannot deadlock
with row as (
    select * from unnest(:key::text[], :clock_kind::text[], :clock_params::text[], :policies::text[],
                             :action::text[], :handler::text[], :payload::text[], :payload_version::int[],
                             :queue::text[], :priority::int[], :attempts::int[], :expires_after::bigint[],
                             :object::text[], :container::text[], :tags::text[])
           as r (key, clock_kind, clock_params, policies, action, handler, payload, payload_version, queue, priority,
                attempts, expires_after, object, container, tags)
), written as (
    insert into tickwork.trigger as t
           (namespace, key, clock_kind, clock_params, since_at, policies, action, handler, payload, payload_version,
            queue, priority, attempts, expires_after, object, container, tags, created_at, changed_at, changed_by)
    select :namespace, r.key, r.clock_kind, r.clock_params, c.now, r.policies, r.action, r.handler, r.payload,
           r.payload_version, r.queue, r.priority, r.attempts, r.expires_after, r.object, r.container, r.tags, c.now,
           c.now, :by
      from row r, (select :now as now) c
     order by r.key
        on conflict (namespace, key) do update set
           did = case when :rearm::int = 1 or t.state = 'cancelled' then 'rearmed' else 'edited' end,
           state = case when t.state = 'cancelled' then 'active' else t.state end,
           version = t.version + 1,
           generation = case when :rearm::int = 1 or t.state = 'cancelled' then t.generation + 1 else t.generation end,
           since_at = case when :rearm::int = 1 or t.state = 'cancelled' or t.clock_id is not null
                             or (t.clock_kind, t.clock_params) <> (excluded.clock_kind, excluded.clock_params)
                           then excluded.created_at else t.since_at end,
           clock_kind = excluded.clock_kind, clock_params = excluded.clock_params, clock_id = null,
           policies = excluded.policies, action = excluded.action, handler = excluded.handler,
           payload = excluded.payload, payload_version = excluded.payload_version, queue = excluded.queue,
           priority = excluded.priority, attempts = excluded.attempts, expires_after = excluded.expires_after,
           object = excluded.object, container = excluded.container, tags = excluded.tags,
           missed = null,
           resumed_at = case when :rearm::int = 1 or t.state = 'cancelled' then null else t.resumed_at end,
           changed_at = excluded.created_at, changed_by = excluded.changed_by
     where :rearm::int = 1 or t.state = 'cancelled' or t.clock_id is not null
        or (t.clock_kind, t.clock_params, t.policies, t.action, t.handler, t.payload, t.payload_version, t.queue,
            t.priority, t.attempts, t.tags)
        <> (excluded.clock_kind, excluded.clock_params, excluded.policies, excluded.action, excluded.handler,
            excluded.payload, excluded.payload_version, excluded.queue, excluded.priority, excluded.attempts,
            excluded.tags)
        or t.expires_after is distinct from excluded.expires_after
        or t.object is distinct from excluded.object
        or t.container is distinct from excluded.container
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
select id, did,
       case when :channel::text is not null then pg_notify(:channel::text, 'trigger')::text end
  from written;


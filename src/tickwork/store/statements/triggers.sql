-- Triggers: every edit is the row first (it is the mutex), then its trail, a letter to the daemon, and a wake-up.
-- The version is raised in SQL, never written as a value; only columns that change are stated.

-- name: put_trigger
-- writer: application, operator
-- One statement. An identical put writes nothing, unless it re-arms; a cancelled trigger begins a new generation.
-- since_at moves with the clock and with the generation only, so that an edit of anything else changes no event.
with written as (
    insert into tickwork.trigger as t
           (namespace, key, clock_kind, clock_params, since_at, policies, action, handler, payload, payload_version,
            queue, priority, attempts, expires_after, object, container, tags, created_at, changed_at, changed_by)
    values (:namespace, :key, :clock_kind, :clock_params, :now, :policies, :action, :handler, :payload,
            :payload_version, :queue, :priority, :attempts, :expires_after, :object, :container, :tags, :now, :now, :by)
        on conflict (namespace, key) do update set
           did = case when :rearm::int = 1 or t.state = 'cancelled' then 'rearmed' else 'edited' end,
           state = case when t.state = 'cancelled' then 'active' else t.state end,
           version = t.version + 1,
           generation = case when :rearm::int = 1 or t.state = 'cancelled' then t.generation + 1 else t.generation end,
           since_at = case when :rearm::int = 1 or t.state = 'cancelled' or t.clock_id is not null
                             or (t.clock_kind, t.clock_params) <> (excluded.clock_kind, excluded.clock_params)
                           then :now else t.since_at end,
           clock_kind = excluded.clock_kind, clock_params = excluded.clock_params, clock_id = null,
           policies = excluded.policies, action = excluded.action, handler = excluded.handler,
           payload = excluded.payload, payload_version = excluded.payload_version, queue = excluded.queue,
           priority = excluded.priority, attempts = excluded.attempts, expires_after = excluded.expires_after,
           object = excluded.object, container = excluded.container, tags = excluded.tags,
           missed = null,
           resumed_at = case when :rearm::int = 1 or t.state = 'cancelled' then null else t.resumed_at end,
           changed_at = :now, changed_by = excluded.changed_by
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
select id, key, version, generation, did,
       case when :channel::text is not null then pg_notify(:channel::text, 'trigger')::text end
  from written;

-- name: trigger_as_it_is
-- reader: anyone
-- what an identical put answers with
select id, key, version, generation, 'unchanged' from tickwork.trigger where namespace = :namespace and key = :key;

-- name: hold_trigger_by_key
-- writer: application, operator
-- takes the mutex before anything is decided; by it, not by what was read before, the edit is linear
select t.id, t.key, t.state, t.version, t.generation, t.policies, t.clock_kind, t.clock_params,
       exists (select 1 from tickwork.event e where e.trigger_id = t.id and e.set_aside_at is not null)
  from tickwork.trigger t where t.namespace = :namespace and t.key = :key
   for no key update of t;

-- name: hold_trigger_by_id
-- writer: application, operator
select t.id, t.key, t.state, t.version, t.generation, t.policies, t.clock_kind, t.clock_params,
       exists (select 1 from tickwork.event e where e.trigger_id = t.id and e.set_aside_at is not null)
  from tickwork.trigger t where t.namespace = :namespace and t.id = :id::bigint
   for no key update of t;

-- name: hold_triggers_of_object
-- writer: application, operator
-- many at once always in the order of their ids, so that two of these cannot deadlock
select t.id, t.key, t.state, t.version, t.generation, t.policies, t.clock_kind, t.clock_params,
       exists (select 1 from tickwork.event e where e.trigger_id = t.id and e.set_aside_at is not null)
  from tickwork.trigger t where t.namespace = :namespace and t.object = :object
 order by t.id
   for no key update of t;

-- name: edit_triggers
-- writer: application, operator
-- Triggers that are held. Null keeps a column; the three that may be null themselves say so beside it.
with written as (
    update tickwork.trigger t set
           version = t.version + 1,
           generation = t.generation + :rearm::int,
           did = :did,
           state = coalesce(:state::text, t.state),
           clock_kind = coalesce(:clock_kind::text, t.clock_kind),
           clock_params = coalesce(:clock_params::text, t.clock_params),
           clock_id = case when :clock_kind::text is null then t.clock_id end,
           since_at = case when :rearm::int = 1 or :clock_kind::text is not null then :now else t.since_at end,
           policies = coalesce(:policies::text, t.policies),
           action = coalesce(:action::text, t.action),
           handler = coalesce(:handler::text, t.handler),
           payload = coalesce(:payload::text, t.payload),
           payload_version = coalesce(:payload_version::int, t.payload_version),
           queue = coalesce(:queue::text, t.queue),
           priority = coalesce(:priority::int, t.priority),
           attempts = coalesce(:attempts::int, t.attempts),
           expires_after = case when :sets_expires_after::int = 1 then :expires_after::bigint else t.expires_after end,
           object = case when :sets_object::int = 1 then :object::text else t.object end,
           container = case when :sets_container::int = 1 then :container::text else t.container end,
           tags = coalesce(:tags::text, t.tags),
           missed = :missed::text,
           resumed_at = case when :rearm::int = 1 then null
                             when :missed::text is not null then :now else t.resumed_at end,
           changed_at = :now, changed_by = :by
     where t.id = any(:ids::bigint[])
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

-- name: write_trail
-- writer: application, operator
-- the row as it was just written, copied in the database
insert into tickwork.trigger_version
       (trigger_id, version, generation, state, clock_kind, clock_params, clock_id, since_at, policies, missed, at, by,
        did)
select id, version, generation, state, clock_kind, clock_params, clock_id, since_at, policies, missed, changed_at,
       changed_by, did
  from tickwork.trigger where id = any(:ids::bigint[]);

-- name: ask_to_fire
-- writer: application, operator
-- a letter that asks the daemon to fire by hand; planned for now, unless a planned time is given
insert into tickwork.trigger_change (trigger_id, fire_at) values (:id::bigint, coalesce(:planned_at::bigint, :now))
returning fire_at, case when :channel::text is not null then pg_notify(:channel::text, 'trigger')::text end;

-- name: is_scheduled
-- reader: anyone
-- whether a trigger has a next occurrence; one whose letter is still unread counts as scheduled
select t.state = 'active' and (e.trigger_id is null or e.next_at is not null)
  from tickwork.trigger t left join tickwork.event e on e.trigger_id = t.id where t.id = :id::bigint;

-- name: write_letters
-- writer: application, operator
insert into tickwork.trigger_change (trigger_id) select id from tickwork.trigger where id = any(:ids::bigint[]);

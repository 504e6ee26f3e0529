-- Many tasks in one statement.

-- name: put_tasks
-- writer: application, operator, worker
-- many of one treatment in one statement and one wake-up, in the order in which they were handed over
with put as (
    insert into tickwork.task (namespace, queue, priority, available_at, handler, action, payload, payload_version,
                               attempts, expires_at, asked_at, created_at, object, container, tags)
    select :namespace, :queue, :priority::int, greatest(coalesce(:at::bigint, c.now) + :delay::bigint, c.now), u.handler,
           u.action, u.payload, u.payload_version, u.attempts, :expires_at::bigint,
           coalesce(:at::bigint, c.now) + :delay::bigint, c.now, :object, :container, :tags
      from (select :now as now) c,
           unnest(:handlers::text[], :actions::text[], :payloads::text[], :payload_versions::int[], :allowed::int[])
           with ordinality as u (handler, action, payload, payload_version, attempts, place)
     order by u.place
    returning id
)
select array_agg(id order by id), case when :channel::text is not null then pg_notify(:channel::text, 'task')::text end
  from put;

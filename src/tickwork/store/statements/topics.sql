-- Topics: which handlers get a task when something is put, or fires, that names a topic.

-- name: subscribe
-- writer: application, operator, worker
insert into tickwork.subscription as s (namespace, topic, handler, attempts, since_at)
values (:namespace, :topic, :handler, :attempts::int, :now)
    on conflict (namespace, topic, handler) do update set attempts = excluded.attempts
 where s.attempts <> excluded.attempts;

-- name: unsubscribe
-- writer: application, operator
delete from tickwork.subscription where namespace = :namespace and topic = :topic and handler = :handler
returning handler;

-- name: list_subscriptions
-- reader: anyone
select topic, handler, attempts, since_at from tickwork.subscription
 where namespace = :namespace and (:topic::text is null or topic = :topic::text)
 order by topic, handler;

-- name: put_topic
-- writer: application, operator, worker
-- a task for each handler that has subscribed by now, in the order of their names
with put as (
    insert into tickwork.task (namespace, queue, priority, available_at, handler, action, payload, payload_version,
                               attempts, expires_at, asked_at, created_at, object, container, tags, limit_key,
                               units)
    select :namespace, :queue, :priority::int, greatest(coalesce(:at::bigint, c.now) + :delay::bigint, c.now), s.handler,
           'task', :payload, 1, coalesce(:attempts::int, s.attempts), :expires_at::bigint,
           coalesce(:at::bigint, c.now) + :delay::bigint, c.now, :object, :container, :tags,
           :limit_key::text, :units::int
      from tickwork.subscription s, (select :now as now) c
     where s.namespace = :namespace and s.topic = :topic
     order by s.handler
    returning id, handler
)
select id, handler, case when :channel::text is not null then pg_notify(:channel::text, 'task')::text end
  from put order by id;

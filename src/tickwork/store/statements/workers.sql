-- The processes that run: who they are, when they were last seen, which handlers they know.

-- name: register_worker
-- writer: worker, daemon, controller
insert into tickwork.worker (kind, host, pid, name, settings, started_at, seen_at)
values (:kind, :host, :pid, :name, :settings, :now, :now)
returning id;

-- name: register_handlers
-- writer: worker
insert into tickwork.handler (worker_id, name, schema, notice, oldest, newest)
select * from unnest(:worker_id::bigint[], :name::text[], :schema::text[], :notice::text[], :oldest::int[], :newest::int[])
    on conflict (name, worker_id) do update set
       schema = excluded.schema, notice = excluded.notice, oldest = excluded.oldest, newest = excluded.newest;

-- name: see_worker
-- writer: worker, daemon, controller
update tickwork.worker set seen_at = :now where id = :id returning id;

-- name: foreign_handlers
-- reader: anyone
-- what other workers know and we do not: their tasks are left to them
select distinct name from tickwork.handler where not (name = any(:mine::text[]));

-- name: seen_workers
-- reader: anyone
select id, seen_at from tickwork.worker;

-- name: remove_worker
-- writer: worker, daemon, controller
-- not while a lease of it stands: whoever ends that asks what it knew
delete from tickwork.worker
 where id = :id and not exists (select 1 from tickwork.lease l where l.worker_id = :id);

-- name: remove_handlers
-- writer: worker, daemon, controller
delete from tickwork.handler
 where worker_id = :id and not exists (select 1 from tickwork.lease l where l.worker_id = :id);

-- name: list_workers
-- reader: anyone
select id, kind, host, pid, name, settings, started_at, seen_at from tickwork.worker order by id;

-- name: list_handlers
-- reader: anyone
select name, schema, worker_id from tickwork.handler order by name, worker_id;

-- name: wake_workers
-- reader: anyone
select pg_notify(:channel::text, 'task')::text;

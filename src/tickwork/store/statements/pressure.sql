-- Kinds of work that are not to be run for a while, and how far runs have come.

-- name: press
-- writer: worker, operator
-- two who say it of one kind: the later end stands
insert into tickwork.pressure as p (namespace, kind, until_at, reason, worker_id, since_at)
values (:namespace, :kind, :until_at, :reason, :worker_id, :since_at)
    on conflict (namespace, kind) do update set until_at = excluded.until_at, reason = excluded.reason,
       worker_id = excluded.worker_id, since_at = excluded.since_at
 where p.until_at < excluded.until_at;

-- name: standing_pressures
-- reader: anyone
select namespace, kind, until_at, reason, worker_id, since_at
  from tickwork.pressure where until_at > :now order by namespace, kind;

-- name: lift_pressure
-- writer: worker, operator, application
delete from tickwork.pressure where namespace = :namespace and kind = :kind returning kind;

-- name: forget_pressures
-- writer: worker
-- those that are over
delete from tickwork.pressure where until_at <= :now;

-- name: note_progress
-- writer: worker
-- a row that somebody holds just now is passed over: the next word comes soon
update tickwork.task set progress = :share, progress_note = :note, progress_at = :now
 where id = :id
   and id in (select t.id from tickwork.task t
               where t.id = :id and t.lease = :token and t.state = 'running' for update skip locked);

-- name: progress_of_task
-- reader: anyone
select progress, progress_note, progress_at from tickwork.task where namespace = :namespace and id = :id;

-- name: queue_depth
-- reader: anyone
-- counted no further than the bound
select count(*) from (select 1 from tickwork.task t
                       where t.state = 'waiting' and t.namespace = :namespace and t.queue = :queue
                       limit :most::bigint) bounded;

-- name: lagging_replica
-- reader: anyone
-- the one that is furthest behind; a role without pg_monitor sees no lag
select application_name, (extract(epoch from replay_lag) * 1000000)::bigint
  from pg_stat_replication where replay_lag > :longest::bigint * interval '1 microsecond'
 order by replay_lag desc limit 1;

-- Work other than tasks, for whoever looks out in the absence of a pool's processes.

-- name: anything_but_tasks
-- reader: anyone
-- a scheduled job, an open bulk, a generator that was woken or whose time has come, a task that was laid aside and can be run
select 1 where exists (select 1 from tickwork.job j
                        where j.status = 'scheduled' and j.lease is null and j.namespace = any(:namespaces::text[])
                          and j.handler = any(:handlers::text[]))
            or exists (select 1 from tickwork.bulk b
                        where b.namespace = any(:namespaces::text[]) and b.state in ('running', 'cancelling'))
            or exists (select 1 from tickwork.generator g
                        where g.namespace = any(:namespaces::text[]) and g.paused_at is null
                          and not exists (select 1 from tickwork.lease l where l.token = g.lease)
                          and (g.next_wake_at <= :now or g.woken_at > :since))
            or exists (select 1
                         from tickwork.handler h
                         join tickwork.task t on t.handler = h.name and t.payload_version between h.oldest and h.newest
                        where h.worker_id = :worker_id::bigint and t.state = 'unhandled'
                          and t.namespace = any(:namespaces::text[]));

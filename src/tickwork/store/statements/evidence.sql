-- Evidence: what `tickwork why` and `tickwork agenda` read. Nothing here writes or locks, nothing counts a large table.

-- name: who_is_there
-- reader: anyone
-- the clock, and whoever gave a sign of life of late with what he serves; the clock alone where nobody did
select c.now, w.id, w.kind, w.host, w.pid, w.name, w.settings, w.seen_at
  from (select :now as now) c left join tickwork.worker w on w.seen_at > c.now - :gone_after::bigint
 order by w.id;

-- name: who_has_lease
-- reader: anyone
select l.worker_id, w.kind, w.host, w.pid, w.seen_at, l.expires_at
  from tickwork.lease l left join tickwork.worker w on w.id = l.worker_id where l.token = :token::bigint;

-- name: who_holds
-- reader: anyone
-- whose open transaction has locked or changed a row: the row itself names it, and nobody is made to wait. A row that
-- several hold at once names none of them
select l.pid, a.application_name, (extract(epoch from a.xact_start) * 1000000)::bigint
  from (select t.xmax from tickwork.trigger t where t.id = :trigger::bigint
        union all
        select k.xmax from tickwork.task k where k.id = :task::bigint
        union all
        select j.xmax from tickwork.job j where j.id = :job::bigint) h
  join pg_locks l on l.locktype = 'transactionid' and l.granted and l.transactionid = h.xmax
  left join pg_stat_activity a on a.pid = l.pid
 limit 1;

-- name: longest_due
-- reader: anyone
-- since when the trigger waits that has been due for longest
select min(due_at) from tickwork.event where due_at is not null;

-- name: fates_of_tasks
-- reader: anyone
select id, case when state = 'waiting' and available_at <= :now then 'ready' else state end, started_at, null
  from tickwork.task where id = any(:ids::bigint[])
union all
select id, outcome, started_at, finished_at from tickwork.archive where id = any(:ids::bigint[]);

-- name: hand_of_task
-- reader: anyone
-- who has it, how far it has come, and whether somebody asked it to stop
select t.lease, t.progress, t.progress_note, t.progress_at, q.requested_at, q.reason, q.by
  from tickwork.task t left join tickwork.cancel_request q on q.task_id = t.id
 where t.namespace = :namespace and t.id = :id::bigint;

-- name: ahead_of_task
-- reader: anyone
-- ready tasks of its queue that are better, by priority: one probe for each priority in use, none counted beyond :most;
-- the first in the index's order and not a minimum, for which a planner that expects few rows may read them all
with recursive rank (priority) as (
    select (select t.priority from tickwork.task t
             where t.state = 'waiting' and t.namespace = :namespace and t.queue = :queue
             order by t.priority, t.available_at, t.id limit 1)
    union all
    select (select t.priority from tickwork.task t
             where t.state = 'waiting' and t.namespace = :namespace and t.queue = :queue and t.priority > r.priority
             order by t.priority, t.available_at, t.id limit 1)
      from rank r where r.priority < :priority::int
)
select r.priority,
       (select count(*) from (
            select 1 from tickwork.task t
             where t.state = 'waiting' and t.namespace = :namespace and t.queue = :queue and t.priority = r.priority
               and t.available_at <= :now
               and (r.priority < :priority::int or (t.available_at, t.id) < (:available_at::bigint, :id::bigint))
             limit :most::bigint) bounded)
  from rank r where r.priority <= :priority::int;

-- name: who_knows
-- reader: anyone
-- and which versions of its payload each of them reads; not known of an older program
select worker_id, oldest, newest from tickwork.handler where name = :name;

-- name: newest_version
-- reader: anyone
select max(newest) from tickwork.handler where name = :name;

-- name: known_names
-- reader: anyone
select distinct name from tickwork.handler order by name limit 100;

-- name: work_by_name
-- reader: anyone
-- a generator's own row, and that of one of its keys
select g.namespace, g.key, g.next_wake_at, g.paused_at, g.lease, l.token, g.priority, g.served_at, g.done, g.failed,
       g.failures, g.error, g.about, g.changed_at
  from tickwork.generator g left join tickwork.lease l on l.token = g.lease
 where g.namespace = any(:namespaces::text[]) and g.name = :name and (g.key = '' or g.key = :key)
 order by g.key;

-- name: parked_by_name
-- reader: anyone
select generator, identifier, source, attempts, reason, error, parked_at from tickwork.parked
 where namespace = any(:namespaces::text[]) and generator = :name and identifier = :key;

-- name: unread_triggers
-- reader: anyone
-- those whose letters no daemon has read
select t.id, t.key, t.state, t.version, t.generation, t.clock_kind, t.clock_params, t.policies, t.action, t.handler,
       t.payload, t.payload_version, t.queue, t.priority, t.attempts, t.expires_after, t.object, t.container, t.tags,
       t.since_at, t.created_at, t.changed_at, t.changed_by, t.did, e.version, e.last_at, e.next_at, e.due_at, e.firings,
       e.failures, e.error, e.set_aside_at
  from tickwork.trigger t left join tickwork.event e on e.trigger_id = t.id
 where t.namespace = :namespace
   and t.id in (select c.trigger_id from tickwork.trigger_change c where c.trigger_id is not null order by c.id limit :n);

-- name: coming_tasks
-- reader: anyone
-- delayed tasks in the order of their time, of each queue and priority no more than are shown
with recursive head (queue, priority) as (
    (select t.queue, t.priority from tickwork.task t where t.state = 'waiting' and t.namespace = :namespace
      order by t.queue, t.priority limit 1)
    union all
    select n.queue, n.priority
      from head h
     cross join lateral (
        select t.queue, t.priority from tickwork.task t
         where t.state = 'waiting' and t.namespace = :namespace and (t.queue, t.priority) > (h.queue, h.priority)
         order by t.queue, t.priority limit 1
     ) n
)
select p.id, p.key, p.handler, p.available_at, p.error is not null
  from head h
 cross join lateral (
    select t.id, t.key, t.handler, t.available_at, t.error from tickwork.task t
     where t.state = 'waiting' and t.namespace = :namespace and t.queue = h.queue and t.priority = h.priority
       and t.available_at > :now and t.available_at <= :until::bigint
     order by t.available_at, t.id limit :n
 ) p
 order by p.available_at, p.id limit :n;

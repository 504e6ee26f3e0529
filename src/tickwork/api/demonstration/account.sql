-- What became of every order: the application's own table against Tickwork's ledger and archive.
-- demo_order is the application's: due_at is the time that it wants now, old_due_at the one before it was moved, and
-- committed_at the time that it noted after the commit of its move or cancel.

-- name: account
-- reader: anyone
with fired as (
    select f.trigger_id, count(*) as times, min(f.planned_at) as planned_at, max(f.fired_at) as fired_at
      from tickwork.firing f where f.outcome = 'fired' group by f.trigger_id
), done as (
    select a.trigger_id, count(*) as times from tickwork.archive a where a.outcome = 'done' group by a.trigger_id
), put as (
    select p.trigger_id, count(*) as times
      from (select trigger_id from tickwork.task union all select trigger_id from tickwork.archive) p
     where p.trigger_id is not null group by p.trigger_id
), fate as (
    select o.edit, o.due_at, o.old_due_at, o.committed_at, f.planned_at, f.fired_at,
           coalesce(f.times, 0) as fired, coalesce(d.times, 0) as done, coalesce(p.times, 0) as put,
           o.edit = 'cancelled' and f.trigger_id is null as called_off,
           f.planned_at is not null and o.edit is not null and f.fired_at > o.committed_at
           and (o.edit = 'cancelled' or (f.planned_at = o.old_due_at and f.planned_at <> o.due_at)) as too_late
      from demo_order o
      left join tickwork.trigger t on t.namespace = 'default' and t.key = o.key
      left join fired f on f.trigger_id = t.id
      left join done d on d.trigger_id = t.id
      left join put p on p.trigger_id = t.id
)
select count(*) as written,
       coalesce(sum(edit = 'moved'), 0) as moved,
       coalesce(sum(edit = 'cancelled'), 0) as cancelled,
       coalesce(sum(not coalesce(called_off, 0)), 0) as planned,
       coalesce(sum(fired), 0) as fired,
       coalesce(sum(done), 0) as done,
       coalesce(sum(not coalesce(called_off, 0)
                    and (fired = 0 or done = 0 or planned_at not in (due_at, coalesce(old_due_at, due_at)))), 0) as lost,
       coalesce(sum(max(fired, put, 1) - 1), 0) as doubled,
       coalesce(sum(too_late and edit = 'cancelled'), 0) as fired_after_cancel,
       coalesce(sum(too_late and edit = 'moved'), 0) as fired_after_move
  from fate;

-- name: lateness
-- reader: anyone
-- of the firings, by rank: how much later than planned the ledger has them, in microseconds
select fired_at - planned_at as lateness from (
    select f.fired_at, f.planned_at
      from tickwork.firing f join tickwork.trigger t on t.id = f.trigger_id join demo_order o on o.key = t.key
     where f.outcome = 'fired')
 order by lateness limit 1 offset :rank;

-- name: reruns
-- reader: anyone
-- runs that a killed worker had begun, and that were begun again: at least once is the promise for handlers
select coalesce(sum(lost), 0) from tickwork.archive where handler = 'demo.ring';

-- name: progress
-- reader: anyone
select (select count(*) from tickwork.firing f where f.outcome = 'fired'),
       (select count(*) from tickwork.archive a where a.handler = 'demo.ring'),
       (select count(*) from tickwork.event e where e.due_at <= :now)
       + (select count(*) from tickwork.trigger_change)
       + (select count(*) from tickwork.task k where k.handler = 'demo.ring');

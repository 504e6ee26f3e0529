-- What retention collects: each statement removes one slice, oldest first, and checks in the removal itself.

-- name: collect_archive
-- writer: worker
-- the notes of its failed attempts go with a task
delete from tickwork.archive where id in (
    select a.id from tickwork.archive a
     where a.finished_at <= :before::bigint and (a.finished_at < :before::bigint or a.id < :before_id::bigint)
       and a.outcome = any(:outcomes::text[])
     order by a.finished_at limit :n)
returning id;

-- name: collect_attempts_of
-- writer: worker
delete from tickwork.attempt where task_id = any(:ids::bigint[]);

-- name: collect_attempts
-- writer: worker
-- of tasks that are neither unfinished nor archived
delete from tickwork.attempt where id in (
    select a.id from tickwork.attempt a
     where a.ended_at < :before and not exists (select 1 from tickwork.task t where t.id = a.task_id)
       and not exists (select 1 from tickwork.archive r where r.id = a.task_id)
     order by a.id limit :n)
returning id;

-- name: collect_ledger
-- writer: daemon
delete from tickwork.firing where (trigger_id, generation, planned_at) in (
    select f.trigger_id, f.generation, f.planned_at from tickwork.firing f
     where f.fired_at < :before order by f.fired_at limit :n)
returning trigger_id;

-- name: collect_replaced
-- writer: daemon
delete from tickwork.replaced where (trigger_id, version) in (
    select r.trigger_id, r.version from tickwork.replaced r where r.until_at < :before limit :n)
returning trigger_id;

-- name: triggers_to_collect
-- writer: operator
select t.id from tickwork.trigger t
 where t.state = 'cancelled' and t.changed_at < :before order by t.changed_at limit :n
   for update skip locked;

-- name: finished_to_collect
-- writer: operator
-- triggers whose clock has ended and that fired for the last time before then; one that was edited since is not meant
select t.id from tickwork.event e join tickwork.trigger t on t.id = e.trigger_id
 where e.next_at is null and e.last_at is not null and e.last_at < :before and e.set_aside_at is null
   and t.state = 'active' and t.version = e.version and t.changed_at < :before
 order by e.last_at limit :n
   for update of t skip locked;

-- name: collect_finished
-- writer: operator
delete from tickwork.trigger where id = any(:ids::bigint[]) and state = 'active' and changed_at < :before returning id;

-- name: collect_versions_of
-- writer: operator
delete from tickwork.trigger_version where trigger_id = any(:ids::bigint[]);

-- name: collect_triggers
-- writer: operator
delete from tickwork.trigger where id = any(:ids::bigint[]) and state = 'cancelled' and changed_at < :before
returning id;

-- name: tell_of_collected
-- writer: operator
-- a letter: the daemon removes the events of triggers that are gone
insert into tickwork.trigger_change (trigger_id) select t.id from tickwork.trigger t where t.id = any(:ids::bigint[]);

-- name: collect_versions
-- writer: operator
-- versions that were replaced before the ledger begins: nothing recomputes slots from them any more
delete from tickwork.trigger_version where (trigger_id, version) in (
    select v.trigger_id, v.version from tickwork.trigger_version v
     where v.at < :before
       and exists (select 1 from tickwork.trigger_version w
                    where w.trigger_id = v.trigger_id and w.version > v.version and w.at < :before)
     order by v.at limit :n)
returning trigger_id;

-- name: collect_workers
-- writer: worker
-- processes that have given no sign of life for long
delete from tickwork.worker where id in (
    select w.id from tickwork.worker w where w.seen_at < :before order by w.id limit :n)
returning id;

-- name: collect_handlers
-- writer: worker
-- of processes that are gone
delete from tickwork.handler where (name, worker_id) in (
    select h.name, h.worker_id from tickwork.handler h
     where not exists (select 1 from tickwork.worker w where w.id = h.worker_id) limit :n)
returning worker_id;

-- name: collect_cancel_requests
-- writer: worker
-- for tasks that ended by themselves
delete from tickwork.cancel_request where task_id in (
    select c.task_id from tickwork.cancel_request c
     where c.requested_at < :before and not exists (select 1 from tickwork.task t where t.id = c.task_id) limit :n)
returning task_id;

-- name: collect_generator_keys
-- writer: worker
-- of which nothing is remembered, and which nobody has in hand: their worker died after their work was over
delete from tickwork.generator where (namespace, name, key) in (
    select g.namespace, g.name, g.key from tickwork.generator g
     where g.key <> '' and g.state = '{}' and g.paused_at is null and coalesce(g.next_wake_at, 0) < :before
       and g.changed_at < :before and coalesce(g.served_at, 0) < :before
       and not exists (select 1 from tickwork.lease l where l.token = g.lease)
     limit :n for update skip locked)
returning key;

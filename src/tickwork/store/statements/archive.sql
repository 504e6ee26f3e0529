-- Settling: what becomes of claimed tasks, all of it fenced by the token under which they were claimed.

-- name: archive_tasks
-- writer: worker
-- One statement: lock what is still ours (a row that somebody else holds just now is passed over and tried again),
-- delete it, archive exactly what was deleted, answer the cancel requests, leave a letter for each member of a group,
-- drop the leases that are empty then.
-- Each row is looked up by its key and the array names what is deleted, whatever statistics say: a table that was empty when they
-- were taken would be read from end to end. An equal sign would offer the index of leases, which knows a batch and not a row. Tasks
-- of a lease are counted, for `not exists` may become a join that walks all that are leased.
with item as materialized (
    select * from unnest(:id::bigint[], :token::bigint[], :outcome::text[], :reason::text[], :result::text[],
                         :error::text[], :attempt::int[], :started_at::bigint[], :ended_at::bigint[])
        as i (id, token, outcome, reason, result, error, attempt, started_at, ended_at)
), held as materialized (
    select h.*, i.outcome, i.reason, i.result, i.error, i.attempt, i.started_at, i.ended_at
      from item i
     cross join lateral (
        select t.id, t.namespace, t.queue, t.priority, t.handler, t.action, t.payload, t.payload_version, t.key,
               t.attempts, t.lost, t.snoozes, t.expires_at, t.asked_at, t.created_at, t.object, t.container, t.tags,
               t.trigger_id, t.trigger_key, t.generation, t.planned_at, t.previous_at, t.slots, t.parent_id,
               t.key_scope, t.group_id, t.gathered, t.limit_key, t.units
          from tickwork.task t
         where t.id = i.id and t.lease is not distinct from i.token
           for update skip locked
     ) h
), gone as (
    delete from tickwork.task t where t.id = any(array(select h.id from held h))
), asked as (
    delete from tickwork.cancel_request c where c.task_id = any(array(select h.id from held h))
    returning c.task_id, c.reason
), kept as (
    insert into tickwork.archive (id, namespace, queue, priority, handler, action, payload, payload_version, key,
                                  outcome, reason, result, error, attempts, attempt, lost, snoozes, expires_at,
                                  asked_at, created_at, started_at, finished_at, worker_id, object, container, tags,
                                  trigger_id, trigger_key, generation, planned_at, previous_at, slots, parent_id,
                                  key_scope, group_id, gathered, limit_key, units)
    select h.id, h.namespace, h.queue, h.priority, h.handler, h.action, h.payload, h.payload_version, h.key,
           case when a.task_id is null then h.outcome else 'cancelled' end, coalesce(a.reason, h.reason),
           case when a.task_id is null then h.result end, h.error, h.attempts, h.attempt, h.lost, h.snoozes,
           h.expires_at, h.asked_at, h.created_at, h.started_at, h.ended_at, :worker_id::bigint, h.object,
           h.container, h.tags, h.trigger_id, h.trigger_key, h.generation, h.planned_at, h.previous_at, h.slots,
           h.parent_id, h.key_scope, h.group_id, h.gathered, h.limit_key, h.units
      from held h left join asked a on a.task_id = h.id
), letter as (
    insert into tickwork.group_letter (group_id, task_id, outcome)
    select h.group_id, h.id, case when a.task_id is null then h.outcome else 'cancelled' end
      from held h left join asked a on a.task_id = h.id
     where h.group_id is not null
), dropped as (
    delete from tickwork.lease l
     where l.token = any(:finished::bigint[])
       and l.token in (select f.token from tickwork.lease f
                        where f.token = any(:finished::bigint[]) order by f.token for update)
       and (select count(*) from tickwork.task t
             where t.lease = l.token and not (t.id = any(array(select h.id from held h)))) = 0
)
select id, group_id from held;

-- name: held_tasks
-- writer: worker
-- which of these are still ours and free to be changed, and which of them somebody asked to cancel
select t.id, t.lease, c.task_id is not null, c.reason, t.namespace, t.group_id
  from tickwork.task t left join tickwork.cancel_request c on c.task_id = t.id
 where t.id = any(:ids::bigint[]) and t.lease = any(:tokens::bigint[])
 order by t.id for update of t skip locked;

-- name: still_under_lease
-- reader: anyone
-- of tasks that could not be settled: those that are ours and were only held by somebody for a moment
select id, lease from tickwork.task where id = any(:ids::bigint[]) and lease = any(:tokens::bigint[]);

-- name: archive_held
-- writer: worker
-- where a statement cannot write twice, and in rescue
insert into tickwork.archive (id, namespace, queue, priority, handler, action, payload, payload_version, key,
                              outcome, reason, result, error, attempts, attempt, lost, snoozes, expires_at, asked_at,
                              created_at, started_at, finished_at, worker_id, object, container, tags, trigger_id,
                              trigger_key, generation, planned_at, previous_at, slots, parent_id, key_scope, group_id,
                              gathered, limit_key, units)
select t.id, t.namespace, t.queue, t.priority, t.handler, t.action, t.payload, t.payload_version, t.key,
       i.outcome, i.reason, i.result, i.error, t.attempts, i.attempt, t.lost, t.snoozes, t.expires_at, t.asked_at,
       t.created_at, i.started_at, i.ended_at, i.worker_id, t.object, t.container, t.tags, t.trigger_id,
       t.trigger_key, t.generation, t.planned_at, t.previous_at, t.slots, t.parent_id, t.key_scope, t.group_id,
       t.gathered, t.limit_key, t.units
  from unnest(:id::bigint[], :outcome::text[], :reason::text[], :result::text[], :error::text[], :attempt::int[],
              :started_at::bigint[], :ended_at::bigint[], :worker_id::bigint[])
       as i (id, outcome, reason, result, error, attempt, started_at, ended_at, worker_id)
 cross join lateral (select * from tickwork.task k where k.id = i.id offset 0) t;  -- by its key, whatever statistics say

-- name: remove_archived
-- writer: worker
delete from tickwork.task where id = any(:ids::bigint[]);

-- name: answer_cancels
-- writer: worker, application, operator
delete from tickwork.cancel_request where task_id = any(:ids::bigint[]);

-- name: return_tasks
-- writer: worker
-- back to waiting: after a failure, a snooze (of one that was awakened meanwhile: at once), a lost lease, or a claim that
-- never began
update tickwork.task t
   set state = 'waiting', lease = null, started_at = null, attempt = i.attempt, woken = null,
       available_at = case when i.snoozed > 0 and t.woken is not null then least(i.available_at, :now)
                           else i.available_at end,
       lost = t.lost + i.lost, snoozes = t.snoozes + i.snoozed, error = coalesce(i.error, t.error),
       places = null, let_in_at = null
  from unnest(:id::bigint[], :token::bigint[], :available_at::bigint[], :attempt::int[], :lost::int[], :snoozed::int[],
              :error::text[])
       as i (id, token, available_at, attempt, lost, snoozed, error)
 where t.id = any(:id::bigint[]) and t.id = i.id and t.lease = i.token;

-- name: note_attempts
-- writer: worker
insert into tickwork.attempt (task_id, attempt, outcome, error, worker_id, started_at, ended_at)
select * from unnest(:task_id::bigint[], :attempt::int[], :outcome::text[], :error::text[], :worker_id::bigint[],
                     :started_at::bigint[], :ended_at::bigint[]);

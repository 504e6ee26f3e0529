-- Leases: granted with a claim, renewed by a heartbeat, watched and ended by rescuers.

-- name: grant_lease
-- writer: worker
insert into tickwork.lease (token, worker_id, length, expires_at) values (:token, :worker_id, :length, :now + :length);

-- name: renew_leases
-- writer: worker
-- locked in the order of their tokens: the other statement that takes several at once does the same
update tickwork.lease set expires_at = :now + length, renewals = renewals + 1
 where token = any(:tokens::bigint[])
   and token in (select l.token from tickwork.lease l where l.token = any(:tokens::bigint[]) order by l.token for update)
returning token;

-- name: drop_leases
-- writer: worker
-- only those that nothing points to any more; counted, for `not exists` may become a join that walks all leased tasks
delete from tickwork.lease
 where token = any(:tokens::bigint[])
   and token in (select l.token from tickwork.lease l where l.token = any(:tokens::bigint[]) order by l.token for update)
   and (select count(*) from tickwork.task t where t.lease = tickwork.lease.token) = 0;

-- name: standing_leases
-- reader: anyone
select token, renewals, length from tickwork.lease;

-- name: hold_ended_lease
-- writer: worker
-- still unchanged since the rescuer saw it; whoever holds it now (its owner, another rescuer) is passed over
select worker_id, :now as at from tickwork.lease
 where token = :token and renewals = :renewals for update skip locked;

-- name: hold_tasks_of_ended_lease
-- writer: worker
-- whom to tell, if it is lost, stands with the handlers of the worker that had it, which stay as long as its leases
select t.id, t.attempt, t.attempts, t.lost, t.available_at, t.started_at, c.task_id is not null, t.group_id,
       (select h.notice from tickwork.handler h where h.name = t.handler
         order by (h.worker_id = :worker_id::bigint) desc, h.notice desc nulls last limit 1),
       t.namespace, t.handler, t.priority, t.key, t.object, t.container
  from tickwork.task t left join tickwork.cancel_request c on c.task_id = t.id
 where t.lease = :token order by t.id for update of t skip locked;

-- name: lengthen_lease
-- writer: worker
-- a handler of the batch asked for a longer one
update tickwork.lease set length = :length, expires_at = :now + :length where token = :token;

-- name: end_lease_if_over
-- writer: worker
-- a lease that stands for a lock: nothing points to it
delete from tickwork.lease where token = :token and expires_at <= :now;

-- name: grant_lease_unless_held
-- writer: worker
insert into tickwork.lease (token, worker_id, length, expires_at) values (:token, :worker_id, :length, :now + :length)
    on conflict (token) do nothing
returning token;

-- name: note_progress_of_lease
-- writer: worker
-- what stands under it is one run, which says how far it has come; it goes with its lease
update tickwork.lease set progress = :progress::float8, progress_note = :note::text where token = :token;

-- Who works, and what each of them has in hand.

-- name: crew
-- reader: anyone
select w.id, w.kind, w.host, w.pid, w.name, w.started_at, w.seen_at, :now as at from tickwork.worker w order by w.id;

-- name: in_hand
-- reader: anyone
-- what is under a lease; a start that nobody had to write down yet is not known
select l.worker_id, t.id, t.handler, t.attempt, t.started_at, t.progress, t.progress_note, l.expires_at
  from tickwork.lease l join tickwork.task t on t.lease = l.token
 order by l.worker_id, t.id;

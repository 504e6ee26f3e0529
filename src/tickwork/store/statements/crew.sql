-- Who works, and what each of them has in hand.

-- name: crew
-- reader: anyone
select w.id, w.kind, w.host, w.pid, w.name, w.started_at, w.seen_at, :now as at from tickwork.worker w order by w.id;

-- name: in_hand
-- reader: anyone
-- what is under a lease, named by (generator, identifier); a start that nobody had to write down yet is not known
select l.worker_id, 'queue' as generator, cast(t.id as text) as identifier, t.handler, t.attempt, t.started_at,
       t.progress, t.progress_note, l.expires_at
  from tickwork.lease l join tickwork.task t on t.lease = l.token
union all
select l.worker_id, 'jobs', j.name, j.handler, j.in_cycle, j.started_at, l.progress, l.progress_note, l.expires_at
  from tickwork.lease l join tickwork.job j on j.lease = l.token
union all
select l.worker_id, g.name, g.key, null, g.failures + 1, g.served_at, l.progress, l.progress_note, l.expires_at
  from tickwork.lease l join tickwork.generator g on g.lease = l.token
 order by 1, 2, 3;

-- What PostgreSQL needs in other words; each says why.

-- name: take_up_unhandled
-- writer: worker
-- an array instead of a join, and no order: each might be found by reading the whole table by its key
update tickwork.task set state = 'waiting'
 where id = any(array(select t.id
                        from tickwork.handler h
                        join tickwork.task t on t.handler = h.name and t.payload_version between h.oldest and h.newest
                       where h.worker_id = :worker_id::bigint and t.state = 'unhandled'
                         for update of t skip locked))
returning id;

-- name: recall_let_in
-- writer: worker
-- an array instead of a join, and no order: each might be found by reading the whole table by its key
update tickwork.task set lane = null, ahead = null, places = null, held_at = null, let_in_at = null
 where id = any(array(select t.id from tickwork.task t
                       where t.let_in_at <= :now - :longest::bigint and t.let_in_at is not null and t.state = 'waiting'
                       limit 1000 for update skip locked))
returning id;

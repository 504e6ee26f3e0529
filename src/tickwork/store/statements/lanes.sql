-- Lanes: where tasks under a limit wait for a place, outside what is ready, and how they are let in.
--
-- A lane's row is locked, and passed over where it is locked, by whoever opens it; nobody ever waits for one. What has
-- come free since it was opened last lies before it as letters (see docs/design/0049-limits-are-lanes.md).

-- name: standing_limits
-- reader: anyone
select namespace, handler, per, concurrency, units, period, operator, said_by, said_at
  from tickwork.handler_limit order by namespace, handler, per;

-- name: declare_limit
-- writer: worker
-- what an operator has said stands
insert into tickwork.handler_limit as l (namespace, handler, per, concurrency, units, period, said_by, said_at)
values ('', :handler, :per, :concurrency::bigint, :units::bigint, :period::bigint, :said_by, :now)
    on conflict (namespace, handler, per) do update set
       concurrency = excluded.concurrency, units = excluded.units, period = excluded.period,
       said_by = excluded.said_by, said_at = excluded.said_at
 where l.operator = 0;

-- name: withdraw_limit
-- writer: worker
delete from tickwork.handler_limit where namespace = '' and handler = :handler and per = :per and operator = 0;

-- name: set_limit
-- writer: operator, application
insert into tickwork.handler_limit (namespace, handler, per, concurrency, units, period, operator, said_by, said_at)
values (:namespace, :handler, :per, :concurrency::bigint, :units::bigint, :period::bigint, 1, :said_by, :now)
    on conflict (namespace, handler, per) do update set
       concurrency = excluded.concurrency, units = excluded.units, period = excluded.period, operator = 1,
       said_by = excluded.said_by, said_at = excluded.said_at
returning handler;

-- name: remove_limit
-- writer: operator, application
delete from tickwork.handler_limit where namespace = :namespace and handler = :handler and per = :per returning handler;

-- name: look_at_lanes
-- writer: operator, application, worker
-- a limit has changed: every lane is looked at anew
insert into tickwork.opening (lane) select name from tickwork.lane order by name;

-- name: tasks_to_hold
-- reader: anyone
-- held by the claim that found them
select id, namespace, queue, priority, handler, payload, limit_key from tickwork.task where id = any(:ids::bigint[]) order by id;

-- name: limited_ahead
-- writer: worker
-- the next ones of a range that have no place yet, held; bounded by what is looked at
select t.id from tickwork.task t
 where t.id in (select s.id
                  from (select n.id, n.namespace, n.handler, n.places from tickwork.task n
                         where n.state = 'waiting' and n.namespace = :namespace and n.queue = :queue
                           and n.priority = :priority::int and n.available_at <= :now
                         order by n.available_at, n.id limit :most::bigint) s
                 where s.places is null
                   and exists (select 1 from tickwork.handler_limit l
                                where l.namespace in ('', s.namespace) and l.handler in ('*', s.handler)))
   and t.state = 'waiting' and t.places is null and t.lane is null
 order by t.id for update skip locked;

-- name: hold_in_lane
-- writer: worker
-- out of what is ready: no claim walks over it again
update tickwork.task t
   set lane = i.lane, ahead = i.ahead, held_at = t.available_at, available_at = i.never_at
  from unnest(:id::bigint[], :lane::text[], :ahead::text[], :never_at::bigint[]) as i (id, lane, ahead, never_at)
 where t.id = any(:id::bigint[]) and t.id = i.id and t.state = 'waiting' and t.lane is null and t.places is null;

-- name: write_openings
-- writer: worker
insert into tickwork.opening (lane, due_at, units, period, task_id, token)
select * from unnest(:lane::text[], :due_at::bigint[], :units::bigint[], :period::bigint[], :task_id::bigint[],
                     :token::bigint[]);

-- name: due_openings
-- writer: worker
select id, lane, places, units, :now as at from tickwork.opening
 where due_at <= :now and not (lane = any(:busy::text[]))
 order by due_at, id limit :most::bigint for update skip locked;

-- name: lock_lanes
-- writer: worker
select name, places, units from tickwork.lane where name = any(:names::text[]) order by name for update skip locked;

-- name: make_lanes
-- writer: worker
-- those that are there and locked come back without a row
insert into tickwork.lane (name) select n from unnest(:names::text[]) n order by n
    on conflict (name) do nothing
returning name;

-- name: pick_held
-- writer: worker
-- the first ones of each lane, as many as there is room for; :caps is the whole rate, 0 where there is none
with lane as materialized (
    select * from unnest(:names::text[], :places::bigint[], :units::bigint[], :caps::bigint[])
        as l (name, places, units, cap)
)
select p.id, p.lane, p.ahead, p.places, p.need
  from lane l
 cross join lateral (
    select h.*, sum(h.need) over (order by h.priority, h.held_at, h.id) as upto
      from (select t.id, t.lane, t.ahead, t.places, t.priority, t.held_at, least(coalesce(t.units, 1), l.cap) as need
              from tickwork.task t where t.lane = l.name
             order by t.priority, t.held_at, t.id limit l.places for update skip locked) h
 ) p
 where p.upto <= l.units or l.cap = 0
 order by p.priority, p.held_at, p.id;

-- name: move_on
-- writer: worker
-- to the next lane, or in
update tickwork.task t
   set lane = i.lane, ahead = i.ahead, places = i.places, let_in_at = i.at,
       available_at = case when i.lane is null then t.held_at else t.available_at end,
       held_at = case when i.lane is null then null else t.held_at end
  from unnest(:id::bigint[], :lane::text[], :ahead::text[], :places::text[], :at::bigint[])
       as i (id, lane, ahead, places, at)
 where t.id = any(:id::bigint[]) and t.id = i.id;

-- name: still_held
-- reader: anyone
-- lanes in which somebody waits, and what the first of them is worth
select n.name, coalesce(f.units, 1)
  from unnest(:names::text[]) as n (name)
 cross join lateral (select t.units from tickwork.task t where t.lane = n.name
                      order by t.priority, t.held_at, t.id limit 1) f;

-- name: save_lanes
-- writer: worker
update tickwork.lane l set places = i.places, units = i.units
  from unnest(:name::text[], :places::bigint[], :units::bigint[]) as i (name, places, units)
 where l.name = i.name;

-- name: remove_lanes
-- writer: worker
-- nothing is taken of them and nobody waits: the next letter makes them anew
delete from tickwork.lane where name = any(:names::text[]);

-- name: take_openings
-- writer: worker
delete from tickwork.opening where id = any(:ids::bigint[]);

-- name: tell_starts
-- writer: worker
-- when it really began is known now: its units come back one period after that, or at once where it never did
update tickwork.opening o
   set due_at = case when i.started_at is null then 0 else least(o.due_at, i.started_at + o.period) end
  from unnest(:task_id::bigint[], :token::bigint[], :started_at::bigint[]) as i (task_id, token, started_at)
 where o.id in (select f.id from tickwork.opening f where f.task_id = any(:task_id::bigint[]) for update skip locked)
   and o.task_id = i.task_id and o.token = i.token;

-- name: any_let_in_for_long
-- reader: anyone
select 1 from tickwork.task
 where let_in_at <= :now - :longest::bigint and let_in_at is not null and state = 'waiting' limit 1;

-- name: recall_let_in
-- writer: worker
-- let in and taken by nobody: whoever serves its queue has gone, and its places are for others
update tickwork.task set lane = null, ahead = null, places = null, held_at = null, let_in_at = null
 where id in (select t.id from tickwork.task t
               where t.let_in_at <= :now - :longest::bigint and t.let_in_at is not null and t.state = 'waiting'
               order by t.id limit 1000 for update skip locked)
returning id;

-- name: list_lanes
-- reader: anyone
-- what is taken, and who waits (counted no further than a thousand)
select l.name, l.places, l.units,
       (select count(*) from (select 1 from tickwork.task t where t.lane = l.name limit 1000) held)
  from tickwork.lane l order by l.name limit :n;

-- name: lane_of_task
-- reader: anyone
-- where it waits for a place, what is taken there, and how many wait before it (counted no further than a thousand)
select t.lane, coalesce(l.places, 0), coalesce(l.units, 0),
       (select count(*) from (select 1 from tickwork.task b
                               where b.lane = t.lane
                                 and (b.priority, b.held_at, b.id) < (t.priority, t.held_at, t.id) limit 1000) before)
  from tickwork.task t left join tickwork.lane l on l.name = t.lane
 where t.namespace = :namespace and t.id = :id and t.lane is not null;

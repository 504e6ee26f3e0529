-- Which tasks are ready, and how a worker takes them under a lease.
--
-- A *range* is one (namespace, queue, priority) in use. They are found by a skip scan: one probe of the index
-- task_ready for each, and the row it hits is the head, the earliest of its range. A range whose head lies in the
-- future has nothing ready, however many rows it has: delayed rows are never walked.

-- part: heads
-- The head of each range, by a skip scan.
head (namespace, queue, priority, available_at, id) as (
    (select t.namespace, t.queue, t.priority, t.available_at, t.id from tickwork.task t where t.state = 'waiting'
      order by t.namespace, t.queue, t.priority, t.available_at, t.id limit 1)
    union all
    select n.namespace, n.queue, n.priority, n.available_at, n.id
      from head h
     cross join lateral (
        select t.namespace, t.queue, t.priority, t.available_at, t.id from tickwork.task t
         where t.state = 'waiting' and (t.namespace, t.queue, t.priority) > (h.namespace, h.queue, h.priority)
         order by t.namespace, t.queue, t.priority, t.available_at, t.id limit 1
     ) n
)

-- part: heads_above_lows
-- The heads of known ranges, each searched from its low on. What was claimed leaves dead entries at the low end of its range
-- for as long as anybody's snapshot may need them, and a search from the bottom passes them all, each time.
head (namespace, queue, priority, available_at, id) as (
    select l.namespace, l.queue, l.priority, h.available_at, h.id
      from unnest(:low_namespaces::text[], :low_queues::text[], :low_priorities::int[], :lows::bigint[])
           as l (namespace, queue, priority, low)
     cross join lateral (
        select t.available_at, t.id from tickwork.task t
         where t.state = 'waiting' and t.namespace = l.namespace and t.queue = l.queue and t.priority = l.priority
           and t.available_at >= l.low
         order by t.available_at, t.id limit 1
     ) h
)

-- part: outlook
-- the clock, how many ranges have something ready, when the next of the others will, whether members of groups ended,
-- the same of lanes: whether one is to be opened, and when the next one is; and how urgent the best is
select :now as at,
       count(*) filter (where r.available_at <= :now),
       min(r.available_at) filter (where r.available_at > :now),
       exists (select 1 from tickwork.group_letter)
       or exists (select 1 from tickwork.task_group where state in ('stopping', 'over')),
       exists (select 1 from tickwork.opening o where o.due_at <= :now),
       (select o.due_at from tickwork.opening o where o.due_at > :now order by o.due_at limit 1),
       min(r.priority - case when :ageing::bigint > 0 then (:now - r.available_at) / :ageing::bigint else 0 end)
           filter (where r.available_at <= :now)
  from head r
 where (:every_namespace::bool or r.namespace = any(:namespaces::text[]))
   and (:every_queue::bool or r.queue = any(:queues::text[]))
   and r.priority <= :priority_at_most::int

-- name: look_for_tasks
-- reader: anyone
with recursive {heads}
{outlook};

-- name: look_above_lows
-- reader: anyone
with recursive {heads_above_lows}
{outlook};

-- part: range_heads
-- the clock, and every range with the time of its head; no range: one row with nothing but the clock
select c.at, r.namespace, r.queue, r.priority, r.available_at
  from (select :now as at) c left join head r on true

-- name: range_heads
-- reader: anyone
with recursive {heads}
{range_heads};

-- name: range_heads_above_lows
-- reader: anyone
with recursive {heads_above_lows}
{range_heads};

-- part: ready_ranges
-- the ranges with something ready, in the order in which they are served; :ageing microseconds of waiting are worth a
-- point of priority (0: none), by the head of the range, which has waited longest
select r.namespace, r.queue, r.priority, r.available_at, count(*) over (partition by r.priority),
       r.priority - case when :ageing::bigint > 0 then (:now - r.available_at) / :ageing::bigint else 0 end
  from head r
 where r.available_at <= :now
   and (:every_namespace::bool or r.namespace = any(:namespaces::text[]))
   and (:every_queue::bool or r.queue = any(:queues::text[]))
   and r.priority <= :priority_at_most::int
 order by r.priority - case when :ageing::bigint > 0 then (:now - r.available_at) / :ageing::bigint else 0 end,
          r.available_at, r.id

-- name: ranges_of_new_tasks
-- reader: anyone
-- the newest id that was given out, and the ranges of waiting tasks whose id is newer than :seen
select s.last_value, r.namespace, r.queue, r.priority
  from tickwork.task_id_seq s
  left join (select distinct t.namespace, t.queue, t.priority from tickwork.task t
              where t.id > :seen::bigint and t.state = 'waiting') r on true;

-- name: ready_ranges
-- reader: anyone
with recursive {heads}
{ready_ranges};

-- name: ready_ranges_above_lows
-- reader: anyone
with recursive {heads_above_lows}
{ready_ranges};

-- part: claim
-- What was picked is named by an array, not joined: where statistics were taken of an empty table the planner would read a
-- backlog from end to end to find fifty rows.
-- The pick is materialised: an `in (select ... limit n)` may run more than once and take more than n.
-- Ranges of one priority share the batch evenly, beginning with the one whose head has waited longest; the outer
-- limit stops the walk, so nothing is locked that is not taken, but for what a suspect leaves behind.
-- A range is read from its head on: nothing lies before it in this snapshot but what is dead, which the search for the
-- head has passed once already, or what lies below a mark.
-- A task that has lost a lease is a suspect: it is taken alone, at its turn.
-- A task under a limit that has no place yet is not taken: it is held, and told (without a lease) to be given to a lane.
-- The first :starts of the batch begin at once, so their start stands in the row; the others' is not known here.
range as materialized (
    select r.namespace, r.queue, r.priority, r.available_at as since,
           row_number() over (order by r.priority - case when :ageing::bigint > 0 then ((select at from moment) - r.available_at) / :ageing::bigint else 0 end,
           r.available_at, r.id) as place,
           (:size::bigint + count(*) over (partition by r.priority) - 1) / count(*) over (partition by r.priority) as share
      from head r
     where r.available_at <= (select at from moment)
       and (:every_namespace::bool or r.namespace = any(:namespaces::text[]))
       and (:every_queue::bool or r.queue = any(:queues::text[]))
       and r.priority <= :priority_at_most::int
     order by place
), picked as materialized (
    select p.id, p.lost, p.available_at, r.place,
           p.places is null and exists (select 1 from tickwork.handler_limit) and exists (
               select 1 from tickwork.handler_limit l
                where l.namespace in ('', r.namespace) and l.handler in ('*', p.handler)) as limited
      from range r
     cross join lateral (
        select t.id, t.lost, t.available_at, t.handler, t.places from tickwork.task t
         where t.state = 'waiting' and t.namespace = r.namespace and t.queue = r.queue and t.priority = r.priority
           and t.available_at >= r.since and t.available_at <= (select at from moment)
           and not (t.handler = any(:foreign::text[])
                   or :mixed::bool and t.handler || ' ' || t.payload_version = any(:unread::text[]))
         order by t.available_at, t.id limit r.share for update skip locked
     ) p
     limit :size::bigint
), placed as (
    select id, lost, limited, row_number() over (order by place, available_at, id) as place,
           first_value(lost) over (order by place, available_at, id) as first_lost
      from picked
), kept as (
    select id, limited, row_number() over (partition by limited order by place) as place
      from placed where (first_lost = 0 and lost = 0) or place = 1
), granted as (
    insert into tickwork.lease (token, worker_id, length, expires_at)
    select :token::bigint, :worker_id::bigint, :length::bigint, m.at + :length::bigint
      from moment m where exists (select 1 from kept where not limited)
), claimed as (
    update tickwork.task t
       set state = 'running', lease = :token::bigint, attempt = t.attempt + 1,
           started_at = case when t.id = any(array(select id from kept where place <= :starts::bigint)) then m.at end,
           unique_key = case when t.key_scope is distinct from 'waiting' then t.unique_key end
      from moment m
     where t.id = any(array(select id from kept where not limited))
    returning t.id, t.lease, t.namespace, t.queue, t.priority, t.handler, t.payload, t.payload_version, t.key,
              t.attempt, t.attempts, t.lost, t.snoozes, t.available_at, t.expires_at, t.asked_at, t.created_at,
              t.object, t.container, t.tags, t.trigger_key, t.planned_at, t.previous_at, t.slots, t.parent_id,
              t.started_at is not null as marked, m.at, t.root, t.root_at, t.gathered, t.places
)
select k.id, c.lease, c.namespace, c.queue, c.priority, c.handler, c.payload, c.payload_version, c.key,
       c.attempt, c.attempts, c.lost, c.snoozes, c.available_at, c.expires_at, c.asked_at, c.created_at,
       c.object, c.container, c.tags, c.trigger_key, c.planned_at, c.previous_at, c.slots, c.parent_id,
       c.marked,
       c.id = any(array(select q.task_id from tickwork.cancel_request q where q.task_id = any(array(select id from kept)))),
       o.at is not null, c.at, c.gathered, c.places,
       exists (select 1 from tickwork.opening g where g.due_at <= (select at from moment))
  from kept k left join claimed c on c.id = k.id
       left join tickwork.root o on o.namespace = c.namespace and o.signature = c.root and o.at > c.root_at
 order by k.place

-- name: claim_tasks
-- writer: worker
with recursive moment as materialized (
    select :now as at
), {heads},
{claim};

-- name: claim_above_lows
-- writer: worker
with recursive moment as materialized (
    select :now as at
), {heads_above_lows},
{claim};

-- name: pick_tasks
-- reader: anyone
-- one range's ready tasks; where a statement cannot do it all, the claim is made of these steps
select t.id, t.lost, t.places is null and exists (
           select 1 from tickwork.handler_limit l
            where l.namespace in ('', t.namespace) and l.handler in ('*', t.handler)) as limited
  from tickwork.task t
 where t.state = 'waiting' and t.namespace = :namespace and t.queue = :queue and t.priority = :priority::int
   and t.available_at <= :now
   and not (t.handler = any(:foreign::text[])
           or :mixed::bool and t.handler || ' ' || t.payload_version = any(:unread::text[]))
 order by t.available_at, t.id limit :size::bigint;

-- name: ready_tasks
-- reader: anyone
-- one range's ready tasks from its head on, for the ranking with other sources of work: what could be had, and since when
select t.id, t.available_at from tickwork.task t
 where t.state = 'waiting' and t.namespace = :namespace and t.queue = :queue and t.priority = :priority::int
   and t.available_at >= :since::bigint and t.available_at <= :now
   and not (t.handler = any(:foreign::text[])
           or :mixed::bool and t.handler || ' ' || t.payload_version = any(:unread::text[]))
 order by t.available_at, t.id limit :size::bigint;

-- name: take_tasks
-- writer: worker
update tickwork.task
   set state = 'running', lease = :token::bigint, attempt = attempt + 1,
       started_at = case when id = any(:starting::bigint[]) then :now end,
       unique_key = case when coalesce(key_scope, '') <> 'waiting' then unique_key end,
       available_at = coalesce(held_at, available_at), lane = null, ahead = null, held_at = null
 where id = any(:ids::bigint[]) and state = 'waiting' and awaits is null;

-- name: tasks_of_lease
-- reader: anyone
-- what a token holds: asked after a claim whose acknowledgement was lost, too
select t.id, t.lease, t.namespace, t.queue, t.priority, t.handler, t.payload, t.payload_version, t.key,
       t.attempt, t.attempts, t.lost, t.snoozes, t.available_at, t.expires_at, t.asked_at, t.created_at,
       t.object, t.container, t.tags, t.trigger_key, t.planned_at, t.previous_at, t.slots, t.parent_id,
       t.started_at is not null, q.task_id is not null, o.at is not null, :now as at, t.gathered, t.places,
       exists (select 1 from tickwork.opening g where g.due_at <= :now)
  from tickwork.task t left join tickwork.cancel_request q on q.task_id = t.id
       left join tickwork.root o on o.namespace = t.namespace and o.signature = t.root and o.at > t.root_at
 where t.lease = :token
 order by t.priority, t.available_at, t.id;

-- name: mark_started
-- writer: worker
-- a start that must be known when its worker dies; no row: the lease is lost
update tickwork.task set started_at = :now
 where id = any(:ids::bigint[]) and lease = any(:tokens::bigint[]) and state = 'running'
returning id;

-- name: mark_running
-- writer: worker
-- the same for long runs, in passing: what somebody else holds just now is marked the next time
update tickwork.task set started_at = :now
 where id = any(:ids::bigint[])
   and id in (select t.id from tickwork.task t
               where t.id = any(:ids::bigint[]) and t.lease = any(:tokens::bigint[]) and t.state = 'running'
               order by t.id for update skip locked);

-- name: lay_aside_unhandled
-- writer: worker
-- claimed by a worker that does not know the handler, or cannot read the payload, nor can any: kept, listed, not counted
update tickwork.task
   set state = 'unhandled', lease = null, attempt = attempt - 1, started_at = null, places = null, let_in_at = null
 where id = any(:ids::bigint[]) and lease = :token and state = 'running'
   and not exists (select 1 from tickwork.handler h
                    where h.name = tickwork.task.handler
                      and tickwork.task.payload_version between coalesce(h.oldest, 1) and coalesce(h.newest, 1000000))
returning id;

-- name: any_unhandled
-- reader: anyone
-- that this worker could run
select 1
  from tickwork.handler h
  join tickwork.task t on t.handler = h.name and t.payload_version between h.oldest and h.newest and t.state = 'unhandled'
 where h.worker_id = :worker_id::bigint limit 1;

-- name: take_up_unhandled
-- writer: worker
-- a worker that knows the handler and can read the payload has come
update tickwork.task set state = 'waiting'
 where id in (select t.id
                from tickwork.handler h
                join tickwork.task t on t.handler = h.name and t.payload_version between h.oldest and h.newest
               where h.worker_id = :worker_id::bigint and t.state = 'unhandled'
               order by t.id for update of t skip locked)
returning id;

-- name: cancels_asked
-- reader: anyone
select task_id from tickwork.cancel_request where task_id = any(:ids::bigint[]);

-- Groups of tasks that another task waits for. Whoever ends a member leaves a letter in the same transaction and touches
-- nothing else, so members that end at one moment do not wait for each other; workers open letters and count. The
-- group's row is locked by workers alone, in the order of ids, and only while they count.

-- name: make_groups
-- writer: application, operator, worker
-- filled when their members are there
insert into tickwork.task_group (namespace, on_failure, then_at, then_delay, created_at)
select :namespace, r.on_failure, r.at, r.delay, c.now
  from unnest(:on_failure::text[], :at::bigint[], :delay::bigint[]) with ordinality
       as r (on_failure, at, delay, place), (select :now as now) c
 order by r.place
returning id;

-- name: fill_groups
-- writer: application, operator, worker
-- how many members were put; nobody else sees the group yet
update tickwork.task_group g set total = r.total, unended = r.total
  from unnest(:id::bigint[], :total::bigint[]) as r (id, total) where g.id = r.id;

-- name: unmake_groups
-- writer: application, operator, worker
-- what was to wait was not put: its key is taken
delete from tickwork.task_group where id = any(:ids::bigint[]);

-- name: post_group_letters
-- writer: application, operator, worker
with posted as (
    insert into tickwork.group_letter (group_id, task_id, outcome, joined)
    select * from unnest(:group_id::bigint[], :task_id::bigint[], :outcome::text[], :joined::bigint[])
    returning id
)
select count(*), case when :channel::text is not null then pg_notify(:channel::text, 'task')::text end from posted;

-- name: take_group_letters
-- writer: worker
-- a letter that is deleted was visible, so what it tells had committed; what commits late is seen later
with taken as materialized (
    select id from tickwork.group_letter order by id limit :n::bigint for update skip locked
)
delete from tickwork.group_letter where id in (select id from taken) returning group_id, outcome, joined;

-- name: hold_groups
-- writer: worker
-- in one order: two workers that count wait for each other, never in a circle
select id, namespace, on_failure, state, total, unended, ended, then_at, then_delay
  from tickwork.task_group where id = any(:ids::bigint[]) order by id for update;

-- name: save_groups
-- writer: worker
update tickwork.task_group g set state = r.state, total = r.total, unended = r.unended, ended = r.ended
  from unnest(:id::bigint[], :state::text[], :total::bigint[], :unended::bigint[], :ended::text[])
       as r (id, state, total, unended, ended)
 where g.id = r.id;

-- name: groups_to_tend
-- writer: worker
-- those whose end has something to be done about it; what another worker tends is passed over
select id, namespace, on_failure, state, total, unended, ended, then_at, then_delay
  from tickwork.task_group where state in ('stopping', 'over') order by id limit :n::bigint for update skip locked;

-- name: hold_awaiting
-- writer: worker
-- what waits for these groups; what an application holds just now is passed over, and found the next time
select id, awaits, namespace from tickwork.task
 where awaits = any(:groups::bigint[]) order by id for update skip locked;

-- name: release_awaiting
-- writer: worker
update tickwork.task t
   set awaits = null, gathered = r.gathered, asked_at = coalesce(r.at, c.now) + r.delay,
       available_at = greatest(coalesce(r.at, c.now) + r.delay, c.now)
  from unnest(:id::bigint[], :gathered::text[], :at::bigint[], :delay::bigint[]) as r (id, gathered, at, delay),
       (select :now as now) c
 where t.id = any(:id::bigint[]) and t.id = r.id;

-- name: close_groups
-- writer: worker
-- nothing waits for them any more
delete from tickwork.task_group
 where id = any(:ids::bigint[])
   and not exists (select 1 from tickwork.task t where t.awaits = tickwork.task_group.id)
returning id;

-- name: unasked_members
-- reader: anyone
-- the members of a group, the members of the groups that members wait for, and so on, but for those that were asked
with recursive tree (id, awaits) as (
    select t.id, t.awaits from tickwork.task t where t.group_id = :group_id::bigint
    union all
    select t.id, t.awaits from tree r join tickwork.task t on t.group_id = r.awaits
)
select r.id from tree r
 where not exists (select 1 from tickwork.cancel_request c where c.task_id = r.id)
 order by r.id limit :n::bigint;

-- name: wait_briefly
-- writer: worker
-- for the rest of this transaction: two requests for one task wait for each other, and a worker must not
select set_config('lock_timeout', '100ms', true);

-- name: hold_members
-- writer: worker
select id from tickwork.task where id = any(:ids::bigint[]) order by id for update skip locked;

-- name: tree_of_tasks
-- reader: anyone
-- tasks, the members of the groups that they wait for, and so on
with recursive tree (id, awaits) as (
    select t.id, t.awaits from tickwork.task t where t.namespace = :namespace and t.id = any(:ids::bigint[])
    union all
    select t.id, t.awaits from tree r join tickwork.task t on t.group_id = r.awaits
)
select id, awaits from tree order by id;

-- name: results_of_group
-- reader: anyone
-- of the members that are over, in the order of their ids
select id, outcome, result from tickwork.archive
 where namespace = :namespace and group_id = :group_id::bigint and id > :after::bigint
 order by id limit :n::bigint;

-- name: group_by_id
-- reader: anyone
select id, on_failure, total, unended, ended
  from tickwork.task_group where namespace = :namespace and id = :id::bigint;

-- Bulk work: what was ordered, how far it has come, and the next slice of it.

-- name: put_bulk
-- writer: application, operator
insert into tickwork.bulk (namespace, key, kind, title, selection, terms, state, total, top_id, created_at, changed_at, by)
values (:namespace, :key::text, :kind, :title, :selection, :terms, 'running', :total::bigint, :top_id::bigint, :now, :now,
        :by)
    on conflict (namespace, key) where key is not null do nothing
returning id;

-- name: bulk_of_key
-- reader: anyone
select id from tickwork.bulk where namespace = :namespace and key = :key;

-- name: bulk_by_id
-- reader: anyone
select id, key, kind, title, state, total, done, failed, counts, error, created_at, changed_at, by
  from tickwork.bulk where namespace = :namespace and id = :id::bigint;

-- name: list_bulks
-- reader: anyone
-- newest first
select id, key, kind, title, state, total, done, failed, counts, error, created_at, changed_at, by
  from tickwork.bulk
 where namespace = :namespace and (:state::text is null or state = :state::text)
 order by id desc limit :n;

-- name: open_bulks
-- reader: anyone
select id, changed_at from tickwork.bulk
 where namespace = :namespace and state in ('running', 'cancelling') order by changed_at, id limit :n;

-- name: hold_bulk
-- writer: application, operator, worker
-- whoever treats a slice, or orders something else, holds the row; so each slice is treated once
update tickwork.bulk set changed_at = changed_at where namespace = :namespace and id = :id::bigint
returning id, key, kind, title, state, total, done, failed, counts, error, created_at, changed_at, by, selection, terms,
          after_id, top_id;

-- name: save_bulk
-- writer: application, operator, worker
update tickwork.bulk
   set state = :state, done = :done::bigint, failed = :failed::bigint, counts = :counts, after_id = :after_id::bigint,
       error = :error::text, changed_at = :now
 where id = :id::bigint;

-- name: newest_task
-- reader: anyone
-- what a bulk verb goes up to: tasks that are put later are not meant
select coalesce(max(id), 0) from tickwork.task where namespace = :namespace
union all
select coalesce(max(id), 0) from tickwork.archive where namespace = :namespace;

-- name: count_selected
-- reader: anyone
select count(*)
  from tickwork.task
 where namespace = :namespace
   and (:by_id::int = 0 or id = any(:ids::bigint[]))
   and (:key::text is null or key = :key::text)
   and (:handler::text is null or handler = :handler::text)
   and (:queue::text is null or queue = :queue::text)
   and (:state::text is null
        or (case when state = 'waiting' and available_at <= :now then 'ready' else state end) = :state::text)
   and (:object::text is null or object = :object::text)
   and (:container::text is null or container = :container::text)
   and (:trigger::text is null or trigger_key = :trigger::text)
   and (:tag::text is null or replace(replace(tags, '[' || :tag::text, ''), ',' || :tag::text, '') <> tags)
   and (:min_priority::int is null or priority >= :min_priority::int)
   and (:max_priority::int is null or priority <= :max_priority::int)
   and (:min_failures::int is null
        or attempt - lost - case when state = 'running' then 1 else 0 end >= :min_failures::int)
   and (:max_failures::int is null
        or attempt - lost - case when state = 'running' then 1 else 0 end <= :max_failures::int);

-- name: count_selected_archived
-- reader: anyone
select count(*)
  from tickwork.archive
 where namespace = :namespace
   and (:by_id::int = 0 or id = any(:ids::bigint[]))
   and (:key::text is null or key = :key::text)
   and (:handler::text is null or handler = :handler::text)
   and (:queue::text is null or queue = :queue::text)
   and (:outcome::text is null or outcome = :outcome::text)
   and (:object::text is null or object = :object::text)
   and (:container::text is null or container = :container::text)
   and (:trigger::text is null or trigger_key = :trigger::text)
   and (:tag::text is null or replace(replace(tags, '[' || :tag::text, ''), ',' || :tag::text, '') <> tags)
   and (:min_priority::int is null or priority >= :min_priority::int)
   and (:max_priority::int is null or priority <= :max_priority::int)
   and (:min_failures::int is null
        or attempt - lost - case when outcome in ('done', 'declined') then 1 else 0 end >= :min_failures::int)
   and (:max_failures::int is null
        or attempt - lost - case when outcome in ('done', 'declined') then 1 else 0 end <= :max_failures::int)
   and (:finished_after::bigint is null or finished_at >= :finished_after::bigint)
   and (:finished_before::bigint is null or finished_at <= :finished_before::bigint);

-- name: slice_of_tasks
-- reader: anyone
-- the next ones by id
select id, key, case when state = 'waiting' and available_at <= :now then 'ready' else state end, handler, priority,
       coalesce(held_at, available_at), attempt - lost - case when state = 'running' then 1 else 0 end
  from tickwork.task
 where namespace = :namespace
   and (:by_id::int = 0 or id = any(:ids::bigint[]))
   and (:key::text is null or key = :key::text)
   and (:handler::text is null or handler = :handler::text)
   and (:queue::text is null or queue = :queue::text)
   and (:state::text is null
        or (case when state = 'waiting' and available_at <= :now then 'ready' else state end) = :state::text)
   and (:object::text is null or object = :object::text)
   and (:container::text is null or container = :container::text)
   and (:trigger::text is null or trigger_key = :trigger::text)
   and (:tag::text is null or replace(replace(tags, '[' || :tag::text, ''), ',' || :tag::text, '') <> tags)
   and (:min_priority::int is null or priority >= :min_priority::int)
   and (:max_priority::int is null or priority <= :max_priority::int)
   and (:min_failures::int is null
        or attempt - lost - case when state = 'running' then 1 else 0 end >= :min_failures::int)
   and (:max_failures::int is null
        or attempt - lost - case when state = 'running' then 1 else 0 end <= :max_failures::int)
   and id > :after_id::bigint and id <= :top_id::bigint
 order by id limit :n;

-- name: slice_of_archived
-- reader: anyone
select id, key, outcome, handler, priority, null, attempt - lost - case when outcome in ('done', 'declined') then 1 else 0 end
  from tickwork.archive
 where namespace = :namespace
   and (:by_id::int = 0 or id = any(:ids::bigint[]))
   and (:key::text is null or key = :key::text)
   and (:handler::text is null or handler = :handler::text)
   and (:queue::text is null or queue = :queue::text)
   and (:outcome::text is null or outcome = :outcome::text)
   and (:object::text is null or object = :object::text)
   and (:container::text is null or container = :container::text)
   and (:trigger::text is null or trigger_key = :trigger::text)
   and (:tag::text is null or replace(replace(tags, '[' || :tag::text, ''), ',' || :tag::text, '') <> tags)
   and (:min_priority::int is null or priority >= :min_priority::int)
   and (:max_priority::int is null or priority <= :max_priority::int)
   and (:min_failures::int is null
        or attempt - lost - case when outcome in ('done', 'declined') then 1 else 0 end >= :min_failures::int)
   and (:max_failures::int is null
        or attempt - lost - case when outcome in ('done', 'declined') then 1 else 0 end <= :max_failures::int)
   and (:finished_after::bigint is null or finished_at >= :finished_after::bigint)
   and (:finished_before::bigint is null or finished_at <= :finished_before::bigint)
   and id > :after_id::bigint and id <= :top_id::bigint
 order by id limit :n;

-- name: any_left_in_container
-- reader: anyone
select 1 from tickwork.task where namespace = :namespace and container = :name limit 1;

-- name: ended_in_container
-- reader: anyone
-- how a bulk's own tasks ended, and how many have not
select 'archive', outcome, count(*)
  from tickwork.archive where namespace = :namespace and container = :name group by outcome
union all
select 'task', 'left', count(*) from tickwork.task where namespace = :namespace and container = :name;

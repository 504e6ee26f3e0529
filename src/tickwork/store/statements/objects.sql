-- What is about an object, or belongs to a container: both are indexed in every table.

-- name: task_ids_of_container
-- reader: anyone
select id from tickwork.task where namespace = :namespace and container = :container order by id;

-- name: count_of_object
-- reader: anyone
select 'trigger', state, count(*)
  from tickwork.trigger where namespace = :namespace and object = :name group by state
union all
select 'task', case when state = 'waiting' and available_at <= :now then 'ready' else state end, count(*)
  from tickwork.task where namespace = :namespace and object = :name group by 2
union all
select 'archive', outcome, count(*)
  from tickwork.archive where namespace = :namespace and object = :name group by outcome;

-- name: count_of_container
-- reader: anyone
select 'trigger', state, count(*)
  from tickwork.trigger where namespace = :namespace and container = :name group by state
union all
select 'task', case when state = 'waiting' and available_at <= :now then 'ready' else state end, count(*)
  from tickwork.task where namespace = :namespace and container = :name group by 2
union all
select 'archive', outcome, count(*)
  from tickwork.archive where namespace = :namespace and container = :name group by outcome;

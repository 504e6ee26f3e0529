-- Figures of archived tasks by handler and window: rolled up from one window's rows, so that nobody counts the archive.

-- name: newest_window
-- reader: anyone
select (select at from tickwork.statistic where width = :width::bigint order by at desc limit 1);

-- name: next_finished
-- reader: anyone
-- the first that ended then or later: empty windows are passed over
select (select finished_at from tickwork.archive where finished_at >= :at::bigint order by finished_at limit 1);

-- name: clear_window
-- writer: worker
delete from tickwork.statistic where width = :width::bigint and at = :at::bigint;

-- name: roll_outcomes
-- writer: worker
-- two may count one window at once, where a worker was taken for dead: both count the same rows, and either may stand
insert into tickwork.statistic (namespace, handler, at, width, measure, size, count)
select namespace, handler, :at::bigint, :width::bigint, outcome, 0, count(*)
  from tickwork.archive
 where finished_at >= :at::bigint and finished_at < :at::bigint + :width::bigint
 group by namespace, handler, outcome
    on conflict (namespace, handler, at, width, measure, size) do update set count = excluded.count;

-- name: roll_measures
-- writer: worker
-- each figure is rounded down to two digits and then to the next of twelve steps in ten, so that windows add up
with figure as (
    select namespace, handler, 'wait' as measure,
           case when started_at > asked_at and started_at > created_at
                then started_at - case when asked_at > created_at then asked_at else created_at end else 0 end as size
      from tickwork.archive
     where finished_at >= :at::bigint and finished_at < :at::bigint + :width::bigint and started_at is not null
    union all
    select namespace, handler, 'lateness',
           case when started_at > coalesce(planned_at, asked_at) then started_at - coalesce(planned_at, asked_at)
                else 0 end
      from tickwork.archive
     where finished_at >= :at::bigint and finished_at < :at::bigint + :width::bigint and started_at is not null
    union all
    select namespace, handler, 'run', case when finished_at > started_at then finished_at - started_at else 0 end
      from tickwork.archive
     where finished_at >= :at::bigint and finished_at < :at::bigint + :width::bigint and started_at is not null
), digits as (
    select namespace, handler, measure, size, cast(substr(cast(size as text), 1, 2) as bigint) as front,
           substr('00000000000000000000', 1, length(cast(size as text)) - 2) as zeros
      from figure
), stepped as (
    select namespace, handler, measure,
           case when size < 10 then size
                else cast(case when front < 12 then '10' when front < 15 then '12' when front < 18 then '15'
                               when front < 22 then '18' when front < 27 then '22' when front < 33 then '27'
                               when front < 39 then '33' when front < 47 then '39' when front < 56 then '47'
                               when front < 68 then '56' when front < 82 then '68' else '82' end || zeros as bigint)
           end as size
      from digits
)
insert into tickwork.statistic (namespace, handler, at, width, measure, size, count)
select namespace, handler, :at::bigint, :width::bigint, measure, size, count(*)
  from stepped group by namespace, handler, measure, size
    on conflict (namespace, handler, at, width, measure, size) do update set count = excluded.count;

-- name: oldest_window
-- reader: anyone
select (select at from tickwork.statistic where width = :width::bigint order by at limit 1);

-- name: merge_windows
-- writer: worker
insert into tickwork.statistic (namespace, handler, at, width, measure, size, count)
select namespace, handler, :at::bigint, :wide::bigint, measure, size, sum(count)
  from tickwork.statistic
 where width = :width::bigint and at >= :at::bigint and at < :at::bigint + :wide::bigint
 group by namespace, handler, measure, size
    on conflict (namespace, handler, at, width, measure, size) do update set count = excluded.count;

-- name: clear_merged
-- writer: worker
delete from tickwork.statistic
 where width = :width::bigint and at >= :at::bigint and at < :at::bigint + :wide::bigint;

-- name: collect_statistics
-- writer: worker
delete from tickwork.statistic where width = :width::bigint and at < :before::bigint;

-- name: read_statistics
-- reader: anyone
select handler, measure, size, sum(count)
  from tickwork.statistic
 where namespace = :namespace and at >= :since::bigint and at < :until::bigint
   and (:handler::text is null or handler = :handler::text)
 group by handler, measure, size
 order by handler, measure, size;

-- name: retention_rules
-- reader: anyone
select name, keep_for, keep_most from tickwork.retention order by name;

-- name: set_retention
-- writer: operator, application
insert into tickwork.retention (name, keep_for, keep_most, changed_at, by)
values (:name, :keep_for::bigint, :keep_most::bigint, :now, :by)
    on conflict (name) do update set keep_for = excluded.keep_for, keep_most = excluded.keep_most,
       changed_at = excluded.changed_at, by = excluded.by;

-- name: forget_retention
-- writer: operator, application
delete from tickwork.retention where name = :name;

-- name: finished_of_the_last
-- reader: anyone
-- when the last of so many ended: what ended before that is more than is to be kept
select finished_at, id from tickwork.archive where outcome = any(:outcomes::text[])
 order by finished_at desc, id desc limit 1 offset :most::bigint;

-- name: collect_reservations
-- writer: worker, application, operator
delete from tickwork.reservation where (namespace, key) in
       (select namespace, key from tickwork.reservation where until_at < :before::bigint order by until_at limit :n)
returning key;

-- name: collect_roots
-- writer: worker, application, operator
delete from tickwork.root where (namespace, signature) in
       (select namespace, signature from tickwork.root where noted_at < :before::bigint limit :n)
returning signature;

-- name: collect_bulks
-- writer: worker, operator, application
delete from tickwork.bulk where id in
       (select id from tickwork.bulk where state in ('done', 'cancelled', 'failed') and changed_at < :before::bigint
         order by id limit :n)
returning id;

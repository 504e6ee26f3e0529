-- Generators: what they remember, who has a piece of their work, and what failed for good.
-- A row is locked for a moment by workers only; a run that writes in an application's own transaction holds its row to
-- its commit, so workers that look for work pass over rows that somebody holds.

-- name: generators_at_rest
-- reader: anyone
-- the time, and every generator's own row
select c.now, g.key, g.name, g.state, g.version, g.next_wake_at, g.paused_at, g.woken_at, null::bigint, g.priority,
       g.served_at, g.done, g.failed, g.failures, g.error, g.about, g.changed_at, g.namespace
  from (select :now as now) c
  left join tickwork.generator g on g.namespace = any(:namespaces::text[]) and g.key = ''
 order by g.name, g.namespace;

-- name: keys_of_generator
-- reader: anyone
select g.key, g.state, g.version, g.next_wake_at, g.paused_at, g.woken_at, l.token, g.priority, g.served_at, g.done,
       g.failed, g.failures, g.error, g.about, g.changed_at
  from tickwork.generator g left join tickwork.lease l on l.token = g.lease
 where g.namespace = :namespace and g.name = :name and g.key > :after
 order by g.key limit :n;

-- name: named_keys
-- reader: anyone
select g.key, g.state, g.version, g.next_wake_at, g.paused_at, g.woken_at, l.token, g.priority, g.served_at, g.done,
       g.failed, g.failures, g.error, g.about, g.changed_at
  from tickwork.generator g left join tickwork.lease l on l.token = g.lease
 where g.namespace = :namespace and g.name = :name and g.key = any(:keys::text[]);

-- name: next_wake_of_generator
-- reader: anyone
select min(next_wake_at) from tickwork.generator
 where namespace = :namespace and name = :name and next_wake_at > :now and key <> '';

-- name: make_generator
-- writer: worker
insert into tickwork.generator (namespace, name, key, about, changed_at) values (:namespace, :name, '', :about, :now)
    on conflict (namespace, name, key) do update set about = excluded.about where generator.about <> excluded.about;

-- name: hold_generator
-- writer: worker
-- for one that limits how much of it is done at once: workers take turns at counting
select g.name from tickwork.generator g where g.namespace = :namespace and g.name = :name and g.key = '' for update;

-- name: work_in_hands
-- reader: anyone
select count(*) from tickwork.generator g join tickwork.lease l on l.token = g.lease
 where g.namespace = :namespace and g.name = :name;

-- name: make_keys
-- writer: worker
insert into tickwork.generator (namespace, name, key, changed_at)
select :namespace, :name, k.key, :now from unnest(:keys::text[]) as k (key) order by k.key
    on conflict (namespace, name, key) do nothing;

-- name: hold_keys
-- writer: worker
select g.key, g.state, g.version, g.next_wake_at, g.paused_at, g.woken_at, l.token, g.priority, g.served_at, g.done,
       g.failed, g.failures, g.error, g.about, g.changed_at, g.lease, :now
  from tickwork.generator g left join tickwork.lease l on l.token = g.lease
 where g.namespace = :namespace and g.name = :name and g.key = any(:keys::text[])
 order by g.key
   for update of g skip locked;

-- name: take_key
-- writer: worker
update tickwork.generator set lease = :token, priority = :priority::int, served_at = :now, failures = :failures::int
 where namespace = :namespace and name = :name and key = :key;

-- name: leave_keys
-- writer: worker
-- room that was made for work which could not be had after all
delete from tickwork.generator
 where namespace = :namespace and name = :name and key = any(:keys::text[]) and version = 0 and lease is null
   and next_wake_at is null and paused_at is null and failures = 0 and done = 0 and failed = 0;

-- name: hold_work
-- writer: worker, application
-- the fence: only who still has it under this token goes on
select version, state from tickwork.generator
 where namespace = :namespace and name = :name and key = :key and lease = :token for update;

-- name: remember_state
-- writer: worker, application
update tickwork.generator set state = :state, version = version + 1, changed_at = :now
 where namespace = :namespace and name = :name and key = :key and lease = :token
returning version;

-- name: end_work
-- writer: worker, application
update tickwork.generator
   set state = coalesce(:state::text, state), version = version + 1, lease = null,
       next_wake_at = case when :after::bigint is null then null else :now + :after::bigint end,
       done = done + :done::int, failed = failed + :failed::int,
       failures = case when :failed::int = 0 then 0 else failures + :failed::int end,
       error = case when :failed::int = 0 then null else :error::text end, changed_at = :now
 where namespace = :namespace and name = :name and key = :key and lease = :token
returning version;

-- name: let_go_of_work
-- writer: worker
-- it was claimed, and its run did not begin or did not end: nothing of it counts
update tickwork.generator set lease = null
 where namespace = :namespace and name = :name and key = :key and lease = :token;

-- name: forget_work
-- writer: worker, application
-- nothing is left to remember of it
delete from tickwork.generator
 where namespace = :namespace and name = :name and key = :key and lease = :token and state = '{}' and paused_at is null
returning key;

-- name: end_work_lease
-- writer: worker
delete from tickwork.lease where token = :token;

-- name: park_work
-- writer: worker, application
insert into tickwork.parked (namespace, generator, identifier, source, attempts, reason, error, parked_at)
values (:namespace, :name, :key, :source::text, :attempts::int, :reason::text, :error::text, :now)
    on conflict (namespace, generator, identifier) do update
       set source = excluded.source, attempts = excluded.attempts, reason = excluded.reason, error = excluded.error,
           parked_at = excluded.parked_at;

-- name: parked_of_keys
-- reader: anyone
select generator, identifier, source, attempts, reason, error, parked_at from tickwork.parked
 where namespace = :namespace and generator = :name and identifier = any(:keys::text[]);

-- name: list_parked
-- reader: anyone
select generator, identifier, source, attempts, reason, error, parked_at from tickwork.parked
 where namespace = any(:namespaces::text[]) and (:name::text is null or generator = :name::text)
 order by parked_at, generator, identifier limit :n;

-- name: release_parked
-- writer: worker, application, operator
delete from tickwork.parked
 where namespace = any(:namespaces::text[]) and generator = :name
   and (:identifier::text is null or identifier = :identifier::text)
returning identifier;

-- name: release_keys
-- writer: worker, application, operator
-- what is released is tried at once, and counted anew
update tickwork.generator set failures = 0, next_wake_at = null, changed_at = :now
 where namespace = any(:namespaces::text[]) and name = :name and key = any(:keys::text[]) and lease is null;

-- name: swap_state
-- writer: application, worker, operator
update tickwork.generator set state = :state, version = version + 1, changed_at = :now
 where namespace = :namespace and name = :name and key = :key and version = :expected
returning version;

-- name: first_state
-- writer: application, worker, operator
insert into tickwork.generator (namespace, name, key, state, version, changed_at)
values (:namespace, :name, :key, :state, 1, :now)
    on conflict (namespace, name, key) do nothing
returning version;

-- name: pause_generator
-- writer: application, operator
update tickwork.generator set paused_at = coalesce(paused_at, :now), changed_at = :now
 where namespace = any(:namespaces::text[]) and name = :name and key = :key
returning key;

-- name: resume_generator
-- writer: application, operator
update tickwork.generator set paused_at = null, woken_at = :now, changed_at = :now
 where namespace = any(:namespaces::text[]) and name = :name and key = :key
returning key;

-- name: wake_generator
-- writer: application, operator, worker
-- a hint: a row that somebody holds is being looked at anyway, and nobody waits for it
update tickwork.generator set woken_at = :now, next_wake_at = null
 where (namespace, name, key) in (
           select g.namespace, g.name, g.key from tickwork.generator g
            where g.namespace = any(:namespaces::text[]) and g.name = :name and (g.key = '' or g.key = :key)
              and (g.next_wake_at is not null or g.woken_at is null or g.woken_at < :now)
            for update skip locked)
returning key;

-- name: generator_in_trouble
-- writer: worker
-- it raised when it was asked: everybody leaves it alone for a while
update tickwork.generator
   set failures = failures + 1, error = :error::text, next_wake_at = :now + :after::bigint, changed_at = :now
 where namespace = :namespace and name = :name and key = '';

-- name: generator_is_well
-- writer: worker
update tickwork.generator set failures = 0, error = null, next_wake_at = null, changed_at = :now
 where namespace = :namespace and name = :name and key = '' and failures > 0;

-- name: count_work
-- writer: worker
-- added up in memory and written now and then, so that nobody waits for a counter
update tickwork.generator
   set done = done + :done::bigint, failed = failed + :failed::bigint, served_at = greatest(coalesce(served_at, 0), :served_at::bigint)
 where namespace = :namespace and name = :name and key = '';

-- name: wake_for_generators
-- writer: application, operator, worker
select case when :channel::text is not null then pg_notify(:channel::text, 'generator')::text end;

-- name: writers_of_table
-- reader: anyone
-- the transactions that may have drawn a number of this table and have not ended: who draws one holds its sequence, or
-- the table itself, until the end
select l.virtualtransaction from pg_locks l
 where l.locktype = 'relation' and l.granted and l.pid is distinct from pg_backend_pid()
   and l.database = (select oid from pg_database where datname = current_database())
   and l.relation in (to_regclass(:table), to_regclass(pg_get_serial_sequence(:table, :position)))
   and l.mode in ('RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock',
                  'ExclusiveLock', 'AccessExclusiveLock');

-- The queue, whole: what a key keeps away and for how long, roots, topics, bulk work, statistics and retention.

-- A key names a task; unique_key is what keeps a second one away. A task put with the scope "waiting" loses its
-- unique_key when it is claimed, in the claim itself, so that it never stands in the way of work that came later.
alter table tickwork.task add column unique_key text;
alter table tickwork.task add column key_scope text;      -- null for "unfinished", else "waiting" or "period"
alter table tickwork.task add column root text;           -- the root task's signature, and its time
alter table tickwork.task add column root_at integer;
alter table tickwork.archive add column key_scope text;
update tickwork.task set unique_key = key where key is not null;
create unique index tickwork.task_of_unique_key on tickwork.task (namespace, unique_key) where unique_key is not null;
drop index tickwork.task_of_key;
create index tickwork.task_named on tickwork.task (namespace, key) where key is not null;
create index tickwork.archive_named on tickwork.archive (namespace, key, id) where key is not null;
create index tickwork.archive_of_container on tickwork.archive (namespace, container, outcome) where container is not null;

create table tickwork.reservation (               -- a key that is taken until then, whatever became of its task
    namespace text   not null,
    key       text   not null,
    until_at  integer not null,
    task_id   integer,
    primary key (namespace, key)
) strict;
create index tickwork.reservation_end on tickwork.reservation (until_at);

create table tickwork.root (                      -- the newest root task of each signature: older leaves are no-ops
    namespace text   not null,
    signature text   not null,
    at        integer not null,
    noted_at  integer not null,
    primary key (namespace, signature)
) strict;

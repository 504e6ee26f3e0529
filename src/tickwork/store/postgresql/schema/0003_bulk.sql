-- The queue, whole: what a key keeps away and for how long, roots, topics, bulk work, statistics and retention.

-- A key names a task; unique_key is what keeps a second one away. A task put with the scope "waiting" loses its
-- unique_key when it is claimed, in the claim itself, so that it never stands in the way of work that came later.
alter table tickwork.task add column unique_key text;
alter table tickwork.task add column key_scope text;      -- null for "unfinished", else "waiting" or "period"
alter table tickwork.task add column root text;           -- the root task's signature, and its time
alter table tickwork.task add column root_at bigint;
alter table tickwork.archive add column key_scope text;
update tickwork.task set unique_key = key where key is not null;
create unique index task_of_unique_key on tickwork.task (namespace, unique_key) where unique_key is not null;
drop index tickwork.task_of_key;
create index task_named on tickwork.task (namespace, key) where key is not null;
create index archive_named on tickwork.archive (namespace, key, id) where key is not null;
create index archive_of_container on tickwork.archive (namespace, container, outcome) where container is not null;

create table tickwork.reservation (               -- a key that is taken until then, whatever became of its task
    namespace text   not null,
    key       text   not null,
    until_at  bigint not null,
    task_id   bigint,
    primary key (namespace, key)
);
create index reservation_end on tickwork.reservation (until_at);

create table tickwork.root (                      -- the newest root task of each signature: older leaves are no-ops
    namespace text   not null,
    signature text   not null,
    at        bigint not null,
    noted_at  bigint not null,
    primary key (namespace, signature)
);

create table tickwork.bulk (                      -- writers: applications and operators order, workers do
    id         bigint generated always as identity primary key,
    namespace  text    not null,
    key        text,
    kind       text    not null,                  -- put: tasks of its own; else the verb that is done to what a filter selects
    title      text    not null default '',
    selection  text    not null default '{}',     -- the filter, as JSON
    terms      text    not null default '{}',     -- what the verb takes, as JSON
    state      text    not null check (state in ('running', 'done', 'failed', 'cancelling', 'cancelled')),
    total      bigint  not null,
    done       bigint  not null default 0,
    failed     bigint  not null default 0,
    counts     text    not null default '{}',     -- what was done to how many, or how its tasks ended
    after_id   bigint  not null default 0,        -- everything up to this id has been treated
    top_id     bigint  not null default 0,        -- and what came after this one is not meant
    error      text,
    created_at bigint  not null,
    changed_at bigint  not null,
    by         text    not null default ''
);
create unique index bulk_of_key on tickwork.bulk (namespace, key) where key is not null;
create index bulk_open on tickwork.bulk (namespace, id) where state in ('running', 'cancelling');

create table tickwork.subscription (              -- each handler of a topic gets a task of its own
    namespace text    not null,
    topic     text    not null,
    handler   text    not null,
    attempts  integer not null default 20,
    since_at  bigint  not null,
    primary key (namespace, topic, handler)
);

create table tickwork.statistic (                 -- writer: workers, by the collector; counts of archived tasks
    namespace text   not null,
    handler   text   not null,
    at        bigint not null,                    -- the window begins
    width     bigint not null,
    measure   text   not null,                    -- an outcome, or wait, lateness, run
    size      bigint not null,                    -- of a measure: from so many microseconds on, in steps of a fifth
    count     bigint not null,
    primary key (namespace, handler, at, width, measure, size)
);
create index statistic_window on tickwork.statistic (width, at);

create table tickwork.retention (                 -- writer: operators; how long what is kept, where it is not as usual
    name       text   primary key,
    keep_for   bigint,                            -- null with no number either: for ever
    keep_most  bigint,
    changed_at bigint not null,
    by         text   not null default ''
);

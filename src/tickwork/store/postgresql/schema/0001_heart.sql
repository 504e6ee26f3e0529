-- The heart: triggers and their mailbox, events and the ledger, tasks under leases, the archive.
-- Instants and durations are microseconds; JSON is text, so that what was put comes back byte by byte.
-- No foreign key leads to trigger or event: a key check would make a daemon wait for an application.
-- vacuum_truncate is off on the hot tables: cutting off empty pages takes a lock that daemons would wait for.

create table tickwork.setting (
    name  text primary key,
    value text not null
);

create table tickwork.clock (                     -- named clocks that many triggers share
    id        bigint generated always as identity primary key,
    namespace text   not null,
    name      text   not null,
    kind      text   not null,
    params    text   not null,
    version   bigint not null default 1,
    unique (namespace, name)
);

create table tickwork.trigger (                   -- writer: applications
    id           bigint generated always as identity primary key,
    namespace    text    not null,
    key          text    not null,
    state        text    not null default 'active' check (state in ('active', 'paused', 'cancelled')),
    version      bigint  not null default 1,
    generation   bigint  not null default 1,
    clock_kind   text    not null,
    clock_params text    not null,
    clock_id     bigint,
    since_at     bigint  not null,                -- created, re-armed or given this clock
    policies     text    not null default '{}',
    action       text    not null default 'task', -- what a firing does: task, command, log
    handler      text    not null,
    payload      text    not null default '{}',
    payload_version integer not null default 1,
    queue        text    not null default 'default',
    priority     integer not null default 2000,
    attempts     integer not null default 20,
    expires_after bigint,
    object       text,
    container    text,
    tags         text    not null default '[]',
    missed       text,                            -- what the last resume said about the slots of the pause
    resumed_at   bigint,
    created_at   bigint  not null,
    changed_at   bigint  not null,
    changed_by   text    not null default '',
    did          text    not null default 'created', -- what the last edit was: created, edited, moved, paused ...
    unique (namespace, key)
) with (fillfactor = 80, vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
create index trigger_of_object on tickwork.trigger (namespace, object) where object is not null;
create index trigger_of_container on tickwork.trigger (namespace, container) where container is not null;
create index trigger_of_clock on tickwork.trigger (clock_id) where clock_id is not null;
create index trigger_cancelled on tickwork.trigger (changed_at) where state = 'cancelled';

create table tickwork.trigger_version (           -- writer: applications; every version that a trigger had
    trigger_id   bigint not null,
    version      bigint not null,
    generation   bigint not null,
    state        text   not null,
    clock_kind   text   not null,
    clock_params text   not null,
    clock_id     bigint,
    since_at     bigint not null,
    policies     text   not null,
    missed       text,
    at           bigint not null,
    by           text   not null default '',
    did          text   not null default 'created',
    primary key (trigger_id, version)
);

create table tickwork.trigger_change (            -- writer: applications put letters in, the daemon takes them out
    id         bigint generated always as identity primary key,
    trigger_id bigint,
    clock_id   bigint,
    fire_at    bigint                             -- "fire it by hand", for this planned time
) with (vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000);

create table tickwork.event (                     -- writer: the trigger daemon
    trigger_id    bigint primary key,
    version       bigint not null,
    generation    bigint not null,
    clock_version bigint,
    last_at       bigint,
    next_at       bigint,
    due_at        bigint,
    firings       bigint not null default 0,
    task_id       bigint,
    tzdata        text   not null default '',
    failures      integer not null default 0,
    error         text,
    set_aside_at  bigint,
    planned_at    bigint not null default 0
) with (fillfactor = 70, vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 2000);
create index event_due on tickwork.event (due_at, trigger_id) where due_at is not null;
create index event_set_aside on tickwork.event (set_aside_at) where set_aside_at is not null;

create table tickwork.firing (                    -- writer: the trigger daemon; the ledger, append-only
    trigger_id bigint  not null,
    generation bigint  not null,
    planned_at bigint  not null,
    outcome    text    not null check (outcome in ('fired', 'coalesced', 'skipped', 'by hand')),
    reason     text,
    slots      integer not null default 1,
    until_at   bigint,
    version    bigint  not null,
    task_id    bigint,
    fired_at   bigint  not null,
    primary key (trigger_id, generation, planned_at)
);
create index firing_by_time on tickwork.firing using brin (fired_at);

create table tickwork.replaced (                  -- writer: the trigger daemon; overdue slots that an edit dropped (a hint)
    trigger_id bigint not null,
    version    bigint not null,
    next_at    bigint not null,
    until_at   bigint not null,
    primary key (trigger_id, version)
);

create table tickwork.task (                      -- put by applications, the daemon and workers; changed by workers and operators
    id           bigint generated by default as identity primary key,
    namespace    text    not null,
    queue        text    not null default 'default',
    priority     integer not null default 2000,
    available_at bigint  not null,
    state        text    not null default 'waiting' check (state in ('waiting', 'running', 'unhandled')),
    lease        bigint,
    handler      text    not null,
    action       text    not null default 'task',
    payload      text    not null default '{}',
    payload_version integer not null default 1,
    key          text,
    attempts     integer not null default 20,     -- runs allowed
    attempt      integer not null default 0,      -- runs begun
    lost         integer not null default 0,      -- leases that ran out while it ran
    snoozes      integer not null default 0,
    expires_at   bigint,
    asked_at     bigint  not null,                -- when it was first to run: lateness counts from here
    created_at   bigint  not null,
    started_at   bigint,
    object       text,
    container    text,
    tags         text,
    trigger_id   bigint,
    trigger_key  text,
    generation   bigint,
    planned_at   bigint,
    previous_at  bigint,
    slots        integer,
    parent_id    bigint,
    error        text
) with (fillfactor = 80, vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 2000);
create index task_ready on tickwork.task (namespace, queue, priority, available_at, id) where state = 'waiting';
create index task_of_lease on tickwork.task (lease) where lease is not null;
create unique index task_of_key on tickwork.task (namespace, key) where key is not null;
create index task_of_object on tickwork.task (namespace, object) where object is not null;
create index task_of_container on tickwork.task (namespace, container) where container is not null;
create index task_unhandled on tickwork.task (handler, id) where state = 'unhandled';

create table tickwork.lease (                     -- writer: workers
    token      bigint primary key,
    worker_id  bigint not null,
    length     bigint not null,
    expires_at bigint not null,
    renewals   bigint not null default 0
) with (fillfactor = 50, vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 500);
create index lease_end on tickwork.lease (expires_at);

create table tickwork.archive (                   -- writer: workers; pruned by retention
    id           bigint primary key,
    namespace    text    not null,
    queue        text    not null,
    priority     integer not null,
    handler      text    not null,
    action       text    not null,
    payload      text    not null,
    payload_version integer not null,
    key          text,
    outcome      text    not null check (outcome in ('done', 'gave up', 'lost', 'expired', 'declined', 'cancelled')),
    reason       text,
    result       text,
    error        text,
    attempts     integer not null,
    attempt      integer not null,
    lost         integer not null,
    snoozes      integer not null,
    expires_at   bigint,
    asked_at     bigint  not null,
    created_at   bigint  not null,
    started_at   bigint,
    finished_at  bigint  not null,
    worker_id    bigint,
    object       text,
    container    text,
    tags         text,
    trigger_id   bigint,
    trigger_key  text,
    generation   bigint,
    planned_at   bigint,
    previous_at  bigint,
    slots        integer,
    parent_id    bigint
);
create index archive_finished on tickwork.archive (finished_at);
create index archive_of_object on tickwork.archive (namespace, object) where object is not null;

create table tickwork.attempt (                   -- writer: workers; every attempt that failed, with its error
    id         bigint generated always as identity primary key,
    task_id    bigint  not null,
    attempt    integer not null,
    outcome    text    not null,                  -- failed, lost, snoozed
    error      text,
    worker_id  bigint,
    started_at bigint,
    ended_at   bigint  not null
);
create index attempt_of_task on tickwork.attempt (task_id, id);

create table tickwork.cancel_request (            -- applications and the daemon ask, workers answer
    task_id      bigint primary key,
    reason       text,
    requested_at bigint not null,
    by           text   not null default ''
);

create table tickwork.worker (                    -- writer: itself; one running process
    id         bigint generated always as identity primary key,
    kind       text   not null,
    host       text   not null,
    pid        bigint not null,
    name       text   not null default '',
    settings   text   not null default '{}',
    started_at bigint not null,
    seen_at    bigint not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 200);

create table tickwork.handler (                   -- writer: itself; what a process knows how to run
    worker_id bigint not null,
    name      text   not null,
    schema    text,
    primary key (name, worker_id)
);
create index handler_of_worker on tickwork.handler (worker_id);

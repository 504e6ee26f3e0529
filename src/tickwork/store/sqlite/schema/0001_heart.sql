-- The heart: triggers and their mailbox, events and the ledger, tasks under leases, the archive.
-- Instants and durations are microseconds; JSON is text, so that what was put comes back byte by byte.
-- No foreign key leads to trigger or event: a key check would make a daemon wait for an application.
-- STRICT tables: a wrong type is an error. AUTOINCREMENT: ids never come back.

create table tickwork.setting (
    name  text primary key,
    value text not null
) strict, without rowid;

create table tickwork.clock (                     -- named clocks that many triggers share
    id        integer primary key autoincrement,
    namespace text   not null,
    name      text   not null,
    kind      text   not null,
    params    text   not null,
    version   integer not null default 1,
    unique (namespace, name)
) strict;

create table tickwork.trigger (                   -- writer: applications
    id           integer primary key autoincrement,
    namespace    text    not null,
    key          text    not null,
    state        text    not null default 'active' check (state in ('active', 'paused', 'cancelled')),
    version      integer not null default 1,
    generation   integer not null default 1,
    clock_kind   text    not null,
    clock_params text    not null,
    clock_id     integer,
    since_at     integer not null,                -- created, re-armed or given this clock
    policies     text    not null default '{}',
    action       text    not null default 'task', -- what a firing does: task, command, log
    handler      text    not null,
    payload      text    not null default '{}',
    payload_version integer not null default 1,
    queue        text    not null default 'default',
    priority     integer not null default 2000,
    attempts     integer not null default 20,
    expires_after integer,
    object       text,
    container    text,
    tags         text    not null default '[]',
    missed       text,                            -- what the last resume said about the slots of the pause
    resumed_at   integer,
    created_at   integer not null,
    changed_at   integer not null,
    changed_by   text    not null default '',
    did          text    not null default 'created', -- what the last edit was: created, edited, moved, paused ...
    unique (namespace, key)
) strict;
create index tickwork.trigger_of_object on tickwork.trigger (namespace, object) where object is not null;
create index tickwork.trigger_of_container on tickwork.trigger (namespace, container) where container is not null;
create index tickwork.trigger_of_clock on tickwork.trigger (clock_id) where clock_id is not null;
create index tickwork.trigger_cancelled on tickwork.trigger (changed_at) where state = 'cancelled';

create table tickwork.trigger_version (           -- writer: applications; every version that a trigger had
    trigger_id   integer not null,
    version      integer not null,
    generation   integer not null,
    state        text   not null,
    clock_kind   text   not null,
    clock_params text   not null,
    clock_id     integer,
    since_at     integer not null,
    policies     text   not null,
    missed       text,
    at           integer not null,
    by           text   not null default '',
    did          text   not null default 'created',
    primary key (trigger_id, version)
) strict, without rowid;

create table tickwork.trigger_change (            -- writer: applications put letters in, the daemon takes them out
    id         integer primary key autoincrement,
    trigger_id integer,
    clock_id   integer,
    fire_at    integer                            -- "fire it by hand", for this planned time
) strict;

create table tickwork.event (                     -- writer: the trigger daemon
    trigger_id    integer primary key,
    version       integer not null,
    generation    integer not null,
    clock_version integer,
    last_at       integer,
    next_at       integer,
    due_at        integer,
    firings       integer not null default 0,
    task_id       integer,
    tzdata        text   not null default '',
    failures      integer not null default 0,
    error         text,
    set_aside_at  integer,
    planned_at    integer not null default 0
) strict;
create index tickwork.event_due on tickwork.event (due_at, trigger_id) where due_at is not null;
create index tickwork.event_set_aside on tickwork.event (set_aside_at) where set_aside_at is not null;

create table tickwork.firing (                    -- writer: the trigger daemon; the ledger, append-only
    trigger_id integer not null,
    generation integer not null,
    planned_at integer not null,
    outcome    text    not null check (outcome in ('fired', 'coalesced', 'skipped', 'by hand')),
    reason     text,
    slots      integer not null default 1,
    until_at   integer,
    version    integer not null,
    task_id    integer,
    fired_at   integer not null,
    primary key (trigger_id, generation, planned_at)
) strict, without rowid;

create table tickwork.replaced (                  -- writer: the trigger daemon; overdue slots that an edit dropped (a hint)
    trigger_id integer not null,
    version    integer not null,
    next_at    integer not null,
    until_at   integer not null,
    primary key (trigger_id, version)
) strict, without rowid;

create table tickwork.task (                      -- put by applications, the daemon and workers; changed by workers and operators
    id           integer primary key autoincrement,
    namespace    text    not null,
    queue        text    not null default 'default',
    priority     integer not null default 2000,
    available_at integer not null,
    state        text    not null default 'waiting' check (state in ('waiting', 'running', 'unhandled')),
    lease        integer,
    handler      text    not null,
    action       text    not null default 'task',
    payload      text    not null default '{}',
    payload_version integer not null default 1,
    key          text,
    attempts     integer not null default 20,     -- runs allowed
    attempt      integer not null default 0,      -- runs begun
    lost         integer not null default 0,      -- leases that ran out while it ran
    snoozes      integer not null default 0,
    expires_at   integer,
    asked_at     integer not null,                -- when it was first to run: lateness counts from here
    created_at   integer not null,
    started_at   integer,
    object       text,
    container    text,
    tags         text,
    trigger_id   integer,
    trigger_key  text,
    generation   integer,
    planned_at   integer,
    previous_at  integer,
    slots        integer,
    parent_id    integer,
    error        text
) strict;
create index tickwork.task_ready on tickwork.task (namespace, queue, priority, available_at, id) where state = 'waiting';
create index tickwork.task_of_lease on tickwork.task (lease) where lease is not null;
create unique index tickwork.task_of_key on tickwork.task (namespace, key) where key is not null;
create index tickwork.task_of_object on tickwork.task (namespace, object) where object is not null;
create index tickwork.task_of_container on tickwork.task (namespace, container) where container is not null;
create index tickwork.task_unhandled on tickwork.task (handler, id) where state = 'unhandled';

create table tickwork.lease (                     -- writer: workers
    token      integer primary key,
    worker_id  integer not null,
    length     integer not null,
    expires_at integer not null,
    renewals   integer not null default 0
) strict;
create index tickwork.lease_end on tickwork.lease (expires_at);

create table tickwork.archive (                   -- writer: workers; pruned by retention
    id           integer primary key,
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
    expires_at   integer,
    asked_at     integer not null,
    created_at   integer not null,
    started_at   integer,
    finished_at  integer not null,
    worker_id    integer,
    object       text,
    container    text,
    tags         text,
    trigger_id   integer,
    trigger_key  text,
    generation   integer,
    planned_at   integer,
    previous_at  integer,
    slots        integer,
    parent_id    integer
) strict;
create index tickwork.archive_finished on tickwork.archive (finished_at);
create index tickwork.archive_of_object on tickwork.archive (namespace, object) where object is not null;

create table tickwork.attempt (                   -- writer: workers; every attempt that failed, with its error
    id         integer primary key autoincrement,
    task_id    integer not null,
    attempt    integer not null,
    outcome    text    not null,                  -- failed, lost, snoozed
    error      text,
    worker_id  integer,
    started_at integer,
    ended_at   integer not null
) strict;
create index tickwork.attempt_of_task on tickwork.attempt (task_id, id);

create table tickwork.cancel_request (            -- applications and the daemon ask, workers answer
    task_id      integer primary key,
    reason       text,
    requested_at integer not null,
    by           text   not null default ''
) strict;

create table tickwork.worker (                    -- writer: itself; one running process
    id         integer primary key autoincrement,
    kind       text   not null,
    host       text   not null,
    pid        integer not null,
    name       text   not null default '',
    settings   text   not null default '{}',
    started_at integer not null,
    seen_at    integer not null
) strict;

create table tickwork.handler (                   -- writer: itself; what a process knows how to run
    worker_id integer not null,
    name      text   not null,
    schema    text,
    primary key (name, worker_id)
) strict, without rowid;
create index tickwork.handler_of_worker on tickwork.handler (worker_id);

-- Generators of work: what each remembers, under which claim its pieces of work are, and what failed for good.

create table tickwork.generator (                 -- writer: workers; operators pause, resume and wake; one row of a
    namespace    text   not null,                 -- generator (key '') and one of each of its keys that has a state
    name         text   not null,
    key          text   not null default '',
    state        text   not null default '{}',
    version      bigint not null default 0,       -- +1 at every change of the state: compare and swap
    next_wake_at bigint,                          -- nothing to collect until then
    paused_at    bigint,
    woken_at     bigint,                          -- somebody asked to look at once
    lease        bigint,                          -- the claim of the worker that has this piece of work
    priority     integer,
    served_at    bigint,                          -- when a worker last had it in its hands
    done         bigint not null default 0,
    failed       bigint not null default 0,
    failures     integer not null default 0,      -- in a row, since it last went well
    error        text,
    about        text   not null default '{}',    -- of the generator's own row: what it is, for those who list it
    changed_at   bigint not null,
    primary key (namespace, name, key)
) with (fillfactor = 70, vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
create index generator_of_lease on tickwork.generator (lease) where lease is not null;
create index generator_waiting on tickwork.generator (namespace, name, next_wake_at) where next_wake_at is not null;

create table tickwork.parked (                    -- writer: workers; operators release; work without a row that failed for good
    namespace  text    not null,
    generator  text    not null,
    identifier text    not null,
    source     text,                              -- what it was made from: work of a changed source is made anew
    attempts   integer not null,
    reason     text,
    error      text,
    parked_at  bigint  not null,
    primary key (namespace, generator, identifier)
);

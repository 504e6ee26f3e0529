-- Generators of work: what each remembers, under which claim its pieces of work are, and what failed for good.

create table tickwork.generator (                 -- writer: workers; operators pause, resume and wake; one row of a
    namespace    text   not null,                 -- generator (key '') and one of each of its keys that has a state
    name         text   not null,
    key          text   not null default '',
    state        text   not null default '{}',
    version      integer not null default 0,       -- +1 at every change of the state: compare and swap
    next_wake_at integer,                          -- nothing to collect until then
    paused_at    integer,
    woken_at     integer,                          -- somebody asked to look at once
    lease        integer,                          -- the claim of the worker that has this piece of work
    priority     integer,
    served_at    integer,                          -- when a worker last had it in its hands
    done         integer not null default 0,
    failed       integer not null default 0,
    failures     integer not null default 0,      -- in a row, since it last went well
    error        text,
    about        text   not null default '{}',    -- of the generator's own row: what it is, for those who list it
    changed_at   integer not null,
    primary key (namespace, name, key)
) strict;
create index tickwork.generator_of_lease on tickwork.generator (lease) where lease is not null;
create index tickwork.generator_waiting on tickwork.generator (namespace, name, next_wake_at) where next_wake_at is not null;

create table tickwork.parked (                    -- writer: workers; operators release; work without a row that failed for good
    namespace  text    not null,
    generator  text    not null,
    identifier text    not null,
    source     text,                              -- what it was made from: work of a changed source is made anew
    attempts   integer not null,
    reason     text,
    error      text,
    parked_at  integer not null,
    primary key (namespace, generator, identifier)
) strict;

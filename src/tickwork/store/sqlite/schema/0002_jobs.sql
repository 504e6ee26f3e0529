-- Jobs: a descriptor with its state beside it, and the log, which is the truth.
-- No column holds when a job fires next: that is worked out from the log, by whoever needs it.

create table tickwork.job (                       -- each writer through its own kinds of event
    id            integer primary key autoincrement,
    namespace     text     not null,
    name          text     not null,
    origin        text     not null default '',   -- who declared it: code, file:GROUP, or a verb
    handler       text     not null,
    priority      integer  not null,
    recurs        integer  not null,              -- whether the descriptor has a clock
    lease         integer,                        -- the claim of the worker that has it
    seq           integer  not null,              -- the number of the newest event: appends compare and swap it
    status        text     not null,
    descriptor    text     not null,              -- the newest one that the log carries
    created_at    integer  not null,
    configured_at integer  not null,
    changed_at    integer  not null,
    nominal_at    integer,
    ended_at      integer,
    since_completed integer not null default 0,
    in_cycle      integer  not null default 0,
    error         text,
    started_at    integer,
    unique (namespace, name)
) strict;
create index tickwork.job_at_rest on tickwork.job (status, id) where status in ('completed', 'error', 'fatal', 'stop requested');
create index tickwork.job_scheduled on tickwork.job (namespace, priority, changed_at, id) where status = 'scheduled';
create index tickwork.job_of_lease on tickwork.job (lease) where lease is not null;

create table tickwork.job_event (                 -- append-only; removed only with the whole job
    id         integer primary key autoincrement,
    job_id     integer not null,
    seq        integer not null,
    kind       text   not null,
    at         integer not null,
    writer     text   not null,
    detail     text   not null default '{}',
    descriptor text,
    unique (job_id, seq)
) strict;
create index tickwork.job_tombstone on tickwork.job_event (at) where kind = 'deleted';

-- Jobs: a descriptor with its state beside it, and the log, which is the truth.
-- No column holds when a job fires next: that is worked out from the log, by whoever needs it.

create table tickwork.job (                       -- each writer through its own kinds of event
    id            bigint generated always as identity primary key,
    namespace     text     not null,
    name          text     not null,
    origin        text     not null default '',   -- who declared it: code, file:GROUP, or a verb
    handler       text     not null,
    priority      integer  not null,
    recurs        smallint not null,              -- whether the descriptor has a clock
    lease         bigint,                         -- the claim of the worker that has it
    seq           bigint   not null,              -- the number of the newest event: appends compare and swap it
    status        text     not null,
    descriptor    text     not null,              -- the newest one that the log carries
    created_at    bigint   not null,
    configured_at bigint   not null,
    changed_at    bigint   not null,
    nominal_at    bigint,
    ended_at      bigint,
    since_completed integer not null default 0,
    in_cycle      integer  not null default 0,
    error         text,
    started_at    bigint,
    unique (namespace, name)
) with (fillfactor = 70, vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500);
create index job_at_rest on tickwork.job (status, id) where status in ('completed', 'error', 'fatal', 'stop requested');
create index job_scheduled on tickwork.job (namespace, priority, changed_at, id) where status = 'scheduled';
create index job_of_lease on tickwork.job (lease) where lease is not null;

create table tickwork.job_event (                 -- append-only; removed only with the whole job
    id         bigint generated always as identity primary key,
    job_id     bigint not null,
    seq        bigint not null,
    kind       text   not null,
    at         bigint not null,
    writer     text   not null,
    detail     text   not null default '{}',
    descriptor text,
    unique (job_id, seq)
) with (autovacuum_vacuum_insert_scale_factor = 0.1);
create index job_tombstone on tickwork.job_event (at) where kind = 'deleted';

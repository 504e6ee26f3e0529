-- Groups: tasks that another task waits for. A member that ends leaves a letter; whoever opens letters counts.

create table tickwork.task_group (                -- writer: applications and workers put, workers count
    id         bigint generated always as identity primary key,
    namespace  text    not null,
    on_failure text    not null check (on_failure in ('run', 'give up', 'stop', 'stop and run')),
    state      text    not null default 'open' check (state in ('open', 'stopping', 'stopped', 'over')),
    total      bigint  not null default 0,
    unended    bigint  not null default 0,        -- as far as letters have been opened
    ended      text    not null default '{}',     -- how many ended how, as JSON
    then_at    bigint,                            -- when what waits may run at the earliest,
    then_delay bigint  not null default 0,        -- and how long after the last member's end
    created_at bigint  not null
) with (fillfactor = 70, vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
create index task_group_to_tend on tickwork.task_group (id) where state in ('stopping', 'over');

create table tickwork.group_letter (              -- whoever ends a member writes, workers take; append-only
    id       bigint generated always as identity primary key,
    group_id bigint  not null,
    task_id  bigint,
    outcome  text,                                -- how the member ended; null: look at this group; 'stop': cancel its rest
    joined   integer not null default 0           -- how many new members the ended one has put
) with (vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000);

alter table tickwork.task add column group_id bigint;     -- the group of which it is a member
alter table tickwork.task add column awaits bigint;       -- the group for whose end it waits; null from then on
alter table tickwork.task add column gathered text;       -- how that group ended, as JSON
alter table tickwork.task add column woken bigint;        -- it was awakened while it ran: it does not sleep then
alter table tickwork.archive add column group_id bigint;
alter table tickwork.archive add column gathered text;
create index task_of_group on tickwork.task (group_id, id) where group_id is not null;
create index task_awaiting on tickwork.task (awaits) where awaits is not null;
create index archive_of_group on tickwork.archive (group_id, id) where group_id is not null;

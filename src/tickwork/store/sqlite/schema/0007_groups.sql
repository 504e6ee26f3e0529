-- Groups: tasks that another task waits for. A member that ends leaves a letter; whoever opens letters counts.

create table tickwork.task_group (                -- writer: applications and workers put, workers count
    id         integer primary key autoincrement,
    namespace  text    not null,
    on_failure text    not null check (on_failure in ('run', 'give up', 'stop', 'stop and run')),
    state      text    not null default 'open' check (state in ('open', 'stopping', 'stopped', 'over')),
    total      integer not null default 0,
    unended    integer not null default 0,        -- as far as letters have been opened
    ended      text    not null default '{}',     -- how many ended how, as JSON
    then_at    integer,                           -- when what waits may run at the earliest,
    then_delay integer not null default 0,        -- and how long after the last member's end
    created_at integer not null
) strict;
create index tickwork.task_group_to_tend on tickwork.task_group (id) where state in ('stopping', 'over');

create table tickwork.group_letter (              -- whoever ends a member writes, workers take; append-only
    id       integer primary key autoincrement,
    group_id integer not null,
    task_id  integer,
    outcome  text,                                -- how the member ended; null: look at this group; 'stop': cancel its rest
    joined   integer not null default 0           -- how many new members the ended one has put
) strict;

alter table tickwork.task add column group_id integer;    -- the group of which it is a member
alter table tickwork.task add column awaits integer;      -- the group for whose end it waits; null from then on
alter table tickwork.task add column gathered text;       -- how that group ended, as JSON
alter table tickwork.task add column woken integer;       -- it was awakened while it ran: it does not sleep then
alter table tickwork.archive add column group_id integer;
alter table tickwork.archive add column gathered text;
create index tickwork.task_of_group on tickwork.task (group_id, id) where group_id is not null;
create index tickwork.task_awaiting on tickwork.task (awaits) where awaits is not null;
create index tickwork.archive_of_group on tickwork.archive (group_id, id) where group_id is not null;

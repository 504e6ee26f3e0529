-- Limits: how many tasks of a handler, of a key or of a namespace run at once, and how many start within a period.

alter table tickwork.task add column limit_key text;     -- whose places it takes up, where the payload does not say
alter table tickwork.task add column units integer;      -- how much work it is; null: one
alter table tickwork.task add column lane text;          -- it waits here for a place, outside what is ready
alter table tickwork.task add column ahead text;         -- the lanes that come after it, as JSON
alter table tickwork.task add column places text;        -- the places that it has: [[lane, units], ...]
alter table tickwork.task add column held_at integer;    -- since when it could have run
alter table tickwork.task add column let_in_at integer;  -- since when it has all its places
alter table tickwork.archive add column limit_key text;
alter table tickwork.archive add column units integer;
create index tickwork.task_held on tickwork.task (lane, priority, held_at, id) where lane is not null;
create index tickwork.task_let_in on tickwork.task (let_in_at) where let_in_at is not null and state = 'waiting';

create table tickwork.handler_limit (             -- writers: workers say what their code says, operators say otherwise
    namespace   text    not null,                 -- '': in every namespace, for each by itself
    handler     text    not null,                 -- '*': the whole namespace
    per         text    not null,                 -- a field of the payload: for each value by itself; '': for all together
    concurrency integer,
    units       integer,                          -- so many units start within any period, and no more
    period      integer,
    operator    integer not null default 0,       -- an operator has said it: what code says does not count
    said_by     text    not null default '',
    said_at     integer not null,
    primary key (namespace, handler, per)
) strict;

create table tickwork.lane (                      -- writer: workers; what is taken of one limit, while anything is
    name   text    primary key,                   -- [namespace, handler, per, key], as JSON
    places integer not null default 0,
    units  integer not null default 0
) strict, without rowid;

create table tickwork.opening (                   -- a letter to whoever opens lanes next: something has come free, or come
    id      integer primary key autoincrement,
    lane    text    not null,
    places  integer not null default 0,
    units   integer not null default 0,
    due_at  integer not null default 0,
    period  integer,                              -- with a task and its lease: units that it may give back sooner
    task_id integer,
    token   integer
) strict;
create index tickwork.opening_due on tickwork.opening (due_at, id);
create index tickwork.opening_of_task on tickwork.opening (task_id) where task_id is not null;

-- A place is given back by the row itself, whoever deletes it or takes its places away: no statement can forget it.
-- Units stay taken for their period once the task was claimed; before that they come back with the place.
create trigger tickwork.task_gone after delete on tickwork.task when old.places is not null
begin
    insert into tickwork.opening (lane, places, units)
    select p.value ->> 0, 1, case when old.state = 'waiting' then p.value ->> 1 else 0 end
      from json_each(old.places) p;
end;
create trigger tickwork.task_left after update of places on tickwork.task
    when old.places is not null and new.places is null
begin
    insert into tickwork.opening (lane, places, units)
    select p.value ->> 0, 1, case when old.state = 'waiting' then p.value ->> 1 else 0 end
      from json_each(old.places) p;
end;

-- Limits: how many tasks of a handler, of a key or of a namespace run at once, and how many start within a period.

alter table tickwork.task add column limit_key text;     -- whose places it takes up, where the payload does not say
alter table tickwork.task add column units integer;      -- how much work it is; null: one
alter table tickwork.task add column lane text;          -- it waits here for a place, outside what is ready
alter table tickwork.task add column ahead text;         -- the lanes that come after it, as JSON
alter table tickwork.task add column places text;        -- the places that it has: [[lane, units], ...]
alter table tickwork.task add column held_at bigint;     -- since when it could have run
alter table tickwork.task add column let_in_at bigint;   -- since when it has all its places
alter table tickwork.archive add column limit_key text;
alter table tickwork.archive add column units integer;
create index task_held on tickwork.task (lane, priority, held_at, id) where lane is not null;
create index task_let_in on tickwork.task (let_in_at) where let_in_at is not null and state = 'waiting';

create table tickwork.handler_limit (             -- writers: workers say what their code says, operators say otherwise
    namespace   text    not null,                 -- '': in every namespace, for each by itself
    handler     text    not null,                 -- '*': the whole namespace
    per         text    not null,                 -- a field of the payload: for each value by itself; '': for all together
    concurrency bigint,
    units       bigint,                           -- so many units start within any period, and no more
    period      bigint,
    operator    integer not null default 0,       -- an operator has said it: what code says does not count
    said_by     text    not null default '',
    said_at     bigint  not null,
    primary key (namespace, handler, per)
);

create table tickwork.lane (                      -- writer: workers; what is taken of one limit, while anything is
    name   text   primary key,                    -- [namespace, handler, per, key], as JSON
    places bigint not null default 0,
    units  bigint not null default 0
) with (fillfactor = 50, vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 500);

create table tickwork.opening (                   -- a letter to whoever opens lanes next: something has come free, or come
    id      bigint generated always as identity primary key,
    lane    text   not null,
    places  bigint not null default 0,
    units   bigint not null default 0,
    due_at  bigint not null default 0,
    period  bigint,                               -- with a task and its lease: units that it may give back sooner
    task_id bigint,
    token   bigint
) with (vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000);
create index opening_due on tickwork.opening (due_at, id);
create index opening_of_task on tickwork.opening (task_id) where task_id is not null;

-- A place is given back by the row itself, whoever deletes it or takes its places away: no statement can forget it.
-- Units stay taken for their period once the task was claimed; before that they come back with the place.
create function tickwork.give_places_back() returns trigger language plpgsql as $$
begin
    insert into tickwork.opening (lane, places, units)
    select p.value ->> 0, 1, case when old.state = 'waiting' then (p.value ->> 1)::bigint else 0 end
      from json_array_elements(old.places::json) p;
    return null;
end $$;
create trigger task_gone after delete on tickwork.task for each row
    when (old.places is not null) execute function tickwork.give_places_back();
create trigger task_left after update of places on tickwork.task for each row
    when (old.places is not null and new.places is null) execute function tickwork.give_places_back();

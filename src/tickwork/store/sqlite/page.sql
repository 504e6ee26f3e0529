-- What SQLite needs in other words; each says why.

-- name: take_turns_at_migrating
-- writer: installer
-- begin immediate takes turns by itself
select 1;

-- name: make_room_for_steps
-- writer: installer
-- the prefix needs no room
select 1;

-- name: make_list_of_steps
-- writer: installer
-- STRICT, as all tables here
create table if not exists tickwork.migration (number integer primary key, name text not null, at integer not null) strict;

-- The list of steps that were taken, and the turn-taking of those who migrate.

-- name: take_turns_at_migrating
-- writer: installer
select pg_advisory_xact_lock(hashtext('tickwork.migration'));

-- name: make_room_for_steps
-- writer: installer
create schema if not exists tickwork;

-- name: make_list_of_steps
-- writer: installer
create table if not exists tickwork.migration (number integer primary key, name text not null, at bigint not null);

-- name: steps_taken
-- reader: anyone
select number from tickwork.migration;

-- name: record_step
-- writer: installer
insert into tickwork.migration (number, name, at) values (:number, :name, :now);

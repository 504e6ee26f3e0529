-- Slots: a batch of firings handed over in a table of the connection's own, where there are no arrays (SQLite's page).

-- name: lay_out_slots
-- writer: daemon
-- PostgreSQL has arrays: it needs none of the three
select 1;

-- name: clear_slots
-- writer: daemon
select 1;

-- name: fill_slots
-- writer: daemon
select 1;

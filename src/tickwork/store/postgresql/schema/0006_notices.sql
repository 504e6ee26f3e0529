-- Who is told when a task of a handler is over for good: whoever ends the lease of a worker that has gone asks its row.
alter table tickwork.handler add column notice text;

-- When a kind of work was first left alone: what is put off comes back in the order in which it went.
alter table tickwork.pressure add column since_at bigint;

-- Who is told when a task of a handler is over for good: whoever ends the lease of a worker that has gone asks its row.
alter table tickwork.handler add column notice text;

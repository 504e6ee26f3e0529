-- The queue: how far a run has come, and kinds of work that are not to be run for a while.

alter table tickwork.task add column progress real;             -- a share from 0 to 1, as the handler said
alter table tickwork.task add column progress_note text;
alter table tickwork.task add column progress_at integer;

create table tickwork.pressure (                  -- writer: workers; a kind of work that all workers leave alone until then
    namespace text    not null,
    kind      text    not null,
    until_at  integer not null,
    reason    text,
    worker_id integer,
    primary key (namespace, kind)
) strict;

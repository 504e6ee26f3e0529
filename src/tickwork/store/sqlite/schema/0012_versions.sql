-- Which versions of a payload a worker can read, by handler; not known of one that runs an older program. A task of a
-- version that nobody reads is laid aside as unhandled, and found by the first that does.

alter table tickwork.handler add column oldest integer;
alter table tickwork.handler add column newest integer;

drop index tickwork.task_unhandled;
create index tickwork.task_unhandled on tickwork.task (handler, payload_version, id) where state = 'unhandled';

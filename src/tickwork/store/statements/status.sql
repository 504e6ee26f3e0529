-- How things stand, for people and for whoever watches. Nothing here writes or locks.

-- name: anything_unhandled
-- reader: anyone
select 1 from tickwork.task
 where state = 'unhandled' and (:every_namespace::bool or namespace = any(:namespaces::text[])) limit 1;

-- Files that were imported, crontabs and calendars: the triggers of one file have one container.

-- name: triggers_of_container
-- reader: anyone
-- those that an import may cancel when their line has vanished
select key, object from tickwork.trigger
 where namespace = :namespace and container = :container and state <> 'cancelled'
 order by id;

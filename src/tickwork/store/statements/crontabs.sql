-- Crontabs that were imported: the triggers of one file have one container.

-- name: triggers_of_container
-- reader: anyone
-- those that a pruning import may cancel when their line has vanished
select key from tickwork.trigger
 where namespace = :namespace and container = :container and state <> 'cancelled'
 order by id;

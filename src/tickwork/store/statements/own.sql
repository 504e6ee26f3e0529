-- The task's own transaction: held by its token before its handler is called, settled after it.

-- name: hold_own_task
-- writer: worker
-- the fence: no row, and the lease was lost; whoever has it for a moment is waited for
select id from tickwork.task where id = :id and lease = :token and state = 'running' for update;

-- name: own_last_word
-- reader: anyone
-- somebody may have asked to cancel it while it ran: then it stands in the archive so, and its effects must not stand
select outcome from tickwork.archive where id = :id;

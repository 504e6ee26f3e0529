-- Triggers that have fired for the last time, by when that was: retention finds them without walking those that wait.

create index tickwork.event_finished on tickwork.event (last_at) where next_at is null and last_at is not null;

-- Settings on which every process must agree, and what one short process leaves for the next.

-- name: read_settings
-- reader: anyone
select name, value from tickwork.setting order by name;

-- name: read_setting
-- reader: anyone
select value from tickwork.setting where name = :name;

-- name: agree_on_setting
-- writer: installer
-- the first one who says it is right; nothing changes for those who come later
insert into tickwork.setting (name, value) values (:name, :value) on conflict (name) do nothing;

-- name: write_setting
-- writer: installer, worker
insert into tickwork.setting (name, value) values (:name, :value)
    on conflict (name) do update set value = excluded.value;

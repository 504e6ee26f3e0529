-- Generators' own rows, among the rows of their keys: every look of an idle process asks when one of them was woken.

create index tickwork.generator_head on tickwork.generator (namespace, name) where key = '';

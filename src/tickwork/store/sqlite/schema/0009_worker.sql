-- One worker: how far a run has come that has a lease of its own (a job's, a generator's) stands with its lease.
alter table tickwork.lease add column progress real;             -- a share from 0 to 1, as the run said
alter table tickwork.lease add column progress_note text;

-- What a dossier is to another one: '' a filing of its own, 'supplement' or 'withdrawal' about the dossier `about`.
ALTER TABLE dossier ADD COLUMN purpose TEXT NOT NULL DEFAULT '';

ALTER TABLE dossier ADD COLUMN about TEXT;

CREATE INDEX dossier_about ON dossier (about, seq) WHERE about IS NOT NULL;

-- By what a holder may choose among the work of its office, and in which order.
ALTER TABLE work ADD COLUMN unit TEXT NOT NULL DEFAULT '';

ALTER TABLE work ADD COLUMN procedure TEXT NOT NULL DEFAULT '';

ALTER TABLE work ADD COLUMN offered_at_us BIGINT NOT NULL DEFAULT 0;

UPDATE work SET
  unit = (SELECT d.unit FROM dossier d WHERE d.id = work.dossier),
  procedure = (SELECT d.procedure FROM dossier d WHERE d.id = work.dossier),
  offered_at_us = (SELECT e.at_us FROM event e WHERE e.seq = work.offered_seq);

-- How far a dossier has come since an office did something with it: what its facts amount to, so that nobody has to
-- fold them to find what is due. One row from the first of those facts on; times are microseconds since 1970 UTC.
CREATE TABLE course (
  dossier TEXT PRIMARY KEY REFERENCES dossier (id),
  office TEXT NOT NULL,
  department TEXT NOT NULL,
  officer TEXT NOT NULL,
  since_us BIGINT NOT NULL,
  until_us BIGINT,
  due_at_us BIGINT,
  calendar TEXT NOT NULL,
  appointed_at_us BIGINT,
  paused_since_us BIGINT,
  pauses TEXT NOT NULL,
  supplements BIGINT NOT NULL,
  taken_at_us BIGINT,
  finished_at_us BIGINT,
  ended_at_us BIGINT,
  returned_at_us BIGINT,
  returned_by TEXT NOT NULL,
  national_code TEXT NOT NULL,
  bhxh_number TEXT NOT NULL,
  warned TEXT NOT NULL
);

-- The files of a result; the bytes are documents of the kind 'result' with the same number. A later file may replace
-- an earlier one; neither goes away.
CREATE TABLE result (
  dossier TEXT NOT NULL REFERENCES dossier (id),
  number BIGINT NOT NULL,
  seq BIGINT NOT NULL,
  name TEXT NOT NULL,
  media_type TEXT NOT NULL,
  sha256 BYTEA NOT NULL,
  size_bytes BIGINT NOT NULL,
  result_number TEXT NOT NULL,
  electronic_code TEXT NOT NULL,
  signature TEXT NOT NULL,
  signer TEXT NOT NULL,
  replaces BIGINT,
  PRIMARY KEY (dossier, number)
);

-- The certificates with which an office signs its results, as an operator registered them (SHA-256, hex).
CREATE TABLE office_certificate (
  office TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  subject TEXT NOT NULL,
  added_at_us BIGINT NOT NULL,
  PRIMARY KEY (office, sha256)
);

-- One text serves both dialects: SQLite keeps blobs as they are in a BYTEA column. Times are microseconds since 1970 UTC.

CREATE TABLE client (
  id TEXT PRIMARY KEY,
  role TEXT NOT NULL,
  name TEXT NOT NULL,
  secret_sha256 BYTEA,
  jwk TEXT,
  requests_per_minute_max BIGINT NOT NULL,
  created_at_us BIGINT NOT NULL,
  disabled_at_us BIGINT
);

CREATE TABLE client_unit (
  client TEXT NOT NULL REFERENCES client (id),
  unit TEXT NOT NULL,
  PRIMARY KEY (client, unit)
);

CREATE TABLE client_office (
  client TEXT NOT NULL REFERENCES client (id),
  office TEXT NOT NULL,
  PRIMARY KEY (client, office)
);

CREATE TABLE token (
  sha256 BYTEA PRIMARY KEY,
  client TEXT NOT NULL REFERENCES client (id),
  expires_at_us BIGINT NOT NULL
);

CREATE INDEX token_end ON token (expires_at_us);

CREATE TABLE assertion (
  client TEXT NOT NULL REFERENCES client (id),
  jti TEXT NOT NULL,
  expires_at_us BIGINT NOT NULL,
  PRIMARY KEY (client, jti)
);

CREATE INDEX assertion_end ON assertion (expires_at_us);

CREATE TABLE quota (
  client TEXT NOT NULL,
  budget TEXT NOT NULL,
  minute BIGINT NOT NULL,
  used BIGINT NOT NULL,
  PRIMARY KEY (client, budget, minute)
);

CREATE INDEX quota_end ON quota (minute);

CREATE TABLE idempotency (
  client TEXT NOT NULL,
  key TEXT NOT NULL,
  request_sha256 BYTEA NOT NULL,
  status BIGINT NOT NULL,
  body BYTEA NOT NULL,
  at_us BIGINT NOT NULL,
  PRIMARY KEY (client, key)
);

CREATE INDEX idempotency_end ON idempotency (at_us);

CREATE TABLE unit (
  code TEXT NOT NULL,
  valid_from TEXT NOT NULL,
  valid_to TEXT,
  tax_code TEXT NOT NULL,
  office TEXT NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY (code, valid_from)
);

CREATE TABLE dossier (
  id TEXT PRIMARY KEY,
  seq BIGINT NOT NULL,
  state TEXT NOT NULL,
  sha256 BYTEA NOT NULL,
  size_bytes BIGINT NOT NULL,
  channel TEXT NOT NULL,
  procedure TEXT NOT NULL,
  procedure_version TEXT NOT NULL,
  unit TEXT NOT NULL,
  tax_code TEXT NOT NULL,
  period TEXT NOT NULL,
  batch BIGINT NOT NULL,
  follows TEXT,
  submitter TEXT NOT NULL,
  received_at_us BIGINT NOT NULL,
  due_at_us BIGINT,
  competent_office TEXT NOT NULL,
  statement_number TEXT NOT NULL UNIQUE,
  statement TEXT NOT NULL,
  report TEXT NOT NULL,
  pack TEXT,
  pack_offset BIGINT,
  pack_length BIGINT,
  wrapped_key BYTEA
);

-- The same bytes are accepted once; refused bytes may come again and are judged afresh.
CREATE UNIQUE INDEX dossier_content ON dossier (sha256) WHERE state <> 'refused';

CREATE INDEX dossier_refused_content ON dossier (sha256, submitter) WHERE state = 'refused';

CREATE INDEX dossier_batch ON dossier (unit, procedure, period, batch, seq) WHERE state <> 'refused';

CREATE INDEX dossier_of_unit ON dossier (unit, seq);

CREATE INDEX dossier_of_submitter ON dossier (submitter, seq);

CREATE INDEX dossier_of_office ON dossier (competent_office, seq);

CREATE UNIQUE INDEX dossier_in_order ON dossier (seq);

CREATE TABLE part (
  dossier TEXT NOT NULL REFERENCES dossier (id),
  number BIGINT NOT NULL,
  form TEXT NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  size_bytes BIGINT NOT NULL,
  sha256 BYTEA NOT NULL,
  PRIMARY KEY (dossier, number)
);

CREATE TABLE event (
  seq BIGINT PRIMARY KEY,
  dossier TEXT NOT NULL REFERENCES dossier (id),
  type TEXT NOT NULL,
  at_us BIGINT NOT NULL,
  actor TEXT NOT NULL,
  detail TEXT NOT NULL,
  unit TEXT NOT NULL,
  submitter TEXT NOT NULL,
  office TEXT NOT NULL
);

CREATE INDEX event_of_dossier ON event (dossier, seq);

CREATE INDEX event_of_unit ON event (unit, seq);

CREATE INDEX event_of_submitter ON event (submitter, seq);

CREATE INDEX event_of_office ON event (office, seq);

CREATE TABLE work (
  dossier TEXT PRIMARY KEY REFERENCES dossier (id),
  offered_seq BIGINT NOT NULL,
  office TEXT NOT NULL,
  state TEXT NOT NULL,
  due_at_us BIGINT,
  attempt BIGINT NOT NULL,
  lease TEXT UNIQUE,
  holder TEXT,
  lease_until_us BIGINT
);

CREATE INDEX work_open ON work (office, state, offered_seq) WHERE state <> 'done';

CREATE INDEX work_leased ON work (lease_until_us) WHERE state = 'leased';

CREATE TABLE log_entry (
  seq BIGINT PRIMARY KEY,
  leaf BYTEA NOT NULL
);

CREATE TABLE ordinal (
  name TEXT PRIMARY KEY,
  value BIGINT NOT NULL
);

INSERT INTO ordinal (name, value) VALUES ('commit', 0);

CREATE TABLE alarm (
  id TEXT PRIMARY KEY,
  rule TEXT NOT NULL,
  subject TEXT NOT NULL,
  owner TEXT NOT NULL,
  since_us BIGINT NOT NULL,
  next_step_vi TEXT NOT NULL,
  next_step_en TEXT NOT NULL,
  closed_by TEXT,
  closed_at_us BIGINT
);

CREATE UNIQUE INDEX alarm_open ON alarm (rule, subject) WHERE closed_at_us IS NULL;

-- The tables of offices and rules that decided, or may decide, who is competent: each a version, never changed. `content`
-- is the table's text (TOML), `name` what receipts call it by, `jws` the gateway's seal over who made it and its SHA-256.
CREATE TABLE office_table (
  version BIGINT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  source TEXT NOT NULL,
  content BYTEA NOT NULL,
  sha256 BYTEA NOT NULL,
  made_at_us BIGINT NOT NULL,
  made_by TEXT NOT NULL,
  note TEXT NOT NULL,
  jws TEXT NOT NULL,
  CONSTRAINT office_table_source CHECK (source IN ('shipped', 'file', 'operator'))
);

-- Which version was put in force, from which day (Vietnam's), numbered in commit order, never changed. The last number
-- whose day has come counts; the signed statement has the fact number seq.
CREATE TABLE office_table_use (
  number BIGINT PRIMARY KEY,
  version BIGINT NOT NULL REFERENCES office_table (version),
  valid_from TEXT NOT NULL,
  at_us BIGINT NOT NULL,
  used_by TEXT NOT NULL,
  why TEXT NOT NULL,
  seq BIGINT NOT NULL UNIQUE,
  CONSTRAINT office_table_use_signed CHECK (used_by <> '')
);

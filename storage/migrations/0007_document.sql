-- Files about a dossier other than its content (the printable receipt, results): made once, kept in the vault, each
-- under a key of its own, which is forgotten when the dossier is erased.
CREATE TABLE document (
  dossier TEXT NOT NULL REFERENCES dossier (id),
  kind TEXT NOT NULL,
  number BIGINT NOT NULL,
  media_type TEXT NOT NULL,
  sha256 BYTEA NOT NULL,
  size_bytes BIGINT NOT NULL,
  pack TEXT NOT NULL,
  pack_offset BIGINT NOT NULL,
  pack_length BIGINT NOT NULL,
  wrapped_key BYTEA,
  made_at_us BIGINT NOT NULL,
  PRIMARY KEY (dossier, kind, number)
);

-- Every time that content of a dossier was given out: to which client, when, what and why. The number counts a
-- dossier's readings in commit order, without gaps.
CREATE TABLE reading (
  id TEXT PRIMARY KEY,
  dossier TEXT NOT NULL REFERENCES dossier (id),
  number BIGINT NOT NULL,
  at_us BIGINT NOT NULL,
  client TEXT NOT NULL,
  role TEXT NOT NULL,
  what TEXT NOT NULL,
  why TEXT NOT NULL,
  correlation TEXT NOT NULL
);

CREATE UNIQUE INDEX reading_of_dossier ON reading (dossier, number);

CREATE INDEX reading_of_client ON reading (dossier, client, number);

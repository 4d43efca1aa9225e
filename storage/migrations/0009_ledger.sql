-- The hourly closings of the ledger: what had come, gone and stood there between two numbers in commit order. The signed
-- statement has the fact number seq; `lines` is the JSON text whose SHA-256 it names.
CREATE TABLE closing (
  number BIGINT PRIMARY KEY,
  seq BIGINT NOT NULL UNIQUE,
  from_seq BIGINT NOT NULL,
  upto_seq BIGINT NOT NULL,
  opened_at_us BIGINT NOT NULL,
  closed_at_us BIGINT NOT NULL,
  lines TEXT NOT NULL,
  gaps BIGINT NOT NULL,
  absence_root BYTEA,
  absence_count BIGINT NOT NULL,
  absence_kid TEXT
);

CREATE INDEX closing_in_time ON closing (closed_at_us);

-- Who closes, until when; each take-over has a higher fence, and whoever holds a lower one writes nothing.
CREATE TABLE closing_leader (
  number BIGINT PRIMARY KEY,
  fence BIGINT NOT NULL,
  leader TEXT NOT NULL,
  leader_until_us BIGINT NOT NULL
);

INSERT INTO closing_leader (number, fence, leader, leader_until_us) VALUES (1, 0, '', 0);

-- The sorted keyed hashes of what arrived between two closings, 256 to a row (32 bytes each), with the RFC 6962 hash of
-- the row's subtree.
CREATE TABLE absence_chunk (
  closing BIGINT NOT NULL REFERENCES closing (number),
  n BIGINT NOT NULL,
  first_value BYTEA NOT NULL,
  content BYTEA NOT NULL,
  root BYTEA NOT NULL,
  PRIMARY KEY (closing, n)
);

CREATE INDEX absence_chunk_first ON absence_chunk (closing, first_value);

-- What the audit has looked at: every fact up to upto_seq when it was new; of what is older, in a round that began at
-- round_since_us, every dossier up to number round_seq; and all of it since whole_since_us (NULL: not yet).
CREATE TABLE audit_mark (
  what TEXT PRIMARY KEY,
  upto_seq BIGINT NOT NULL,
  at_us BIGINT NOT NULL,
  round_seq BIGINT NOT NULL,
  round_since_us BIGINT NOT NULL,
  whole_since_us BIGINT
);

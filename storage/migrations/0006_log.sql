-- The transparency log. Each origin is one tree; the last row is the tree that grows. `size`, `root` and `upto_seq` say
-- what won the compare-and-swap, `fence` who may try the next one; what a leader signs is in `checkpoint`.
CREATE TABLE log_origin (
  number BIGINT PRIMARY KEY,
  origin TEXT NOT NULL UNIQUE,
  vkey TEXT NOT NULL,
  opened_at_us BIGINT NOT NULL,
  -- Leaves after this number belong to the tree.
  after_seq BIGINT NOT NULL,
  size BIGINT NOT NULL,
  root BYTEA NOT NULL,
  upto_seq BIGINT NOT NULL,
  fence BIGINT NOT NULL,
  leader TEXT NOT NULL,
  leader_until_us BIGINT NOT NULL,
  -- When the time-stamp authority is to be asked next.
  stamp_at_us BIGINT NOT NULL,
  -- What this origin continues: the last checkpoint that was known of the one before; '' where it continues none.
  previous_origin TEXT NOT NULL,
  previous_size BIGINT NOT NULL,
  previous_root BYTEA NOT NULL
);

-- Hashes of 32 bytes side by side, 256 in a full tile (C2SP tlog-tiles); every narrower tile there ever was is a prefix.
CREATE TABLE log_tile (
  origin BIGINT NOT NULL REFERENCES log_origin (number),
  level BIGINT NOT NULL,
  n BIGINT NOT NULL,
  hashes BYTEA NOT NULL,
  PRIMARY KEY (origin, level, n)
);

-- Signed tree heads; the note is kept with the cosignatures that came later, the token is over its text (RFC 3161).
CREATE TABLE checkpoint (
  origin BIGINT NOT NULL REFERENCES log_origin (number),
  size BIGINT NOT NULL,
  root BYTEA NOT NULL,
  upto_seq BIGINT NOT NULL,
  note TEXT NOT NULL,
  signed_at_us BIGINT NOT NULL,
  token BYTEA,
  stamped_at_us BIGINT,
  PRIMARY KEY (origin, size)
);

-- Where a leaf stands is counted on from the last checkpoint before it.
CREATE INDEX checkpoint_upto ON checkpoint (origin, upto_seq);

CREATE INDEX checkpoint_stamped ON checkpoint (origin, size) WHERE token IS NOT NULL;

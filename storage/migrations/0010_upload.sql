-- Where the pieces of a large content lie, which one entry of a pack could not hold in memory. The dossier's own place is
-- that of piece 0.
CREATE TABLE piece (
  dossier TEXT NOT NULL,
  number BIGINT NOT NULL,
  size_bytes BIGINT NOT NULL,
  pack TEXT NOT NULL,
  pack_offset BIGINT NOT NULL,
  pack_length BIGINT NOT NULL,
  PRIMARY KEY (dossier, number)
);

-- Contents that are on their way in parts. `durable_bytes` is how much of one would survive a power cut: its bytes stand
-- in a file of the machine that made it. Once it was submitted, sha256 says as what.
CREATE TABLE upload (
  id TEXT PRIMARY KEY,
  client TEXT NOT NULL,
  size_bytes BIGINT NOT NULL,
  durable_bytes BIGINT NOT NULL,
  metadata TEXT NOT NULL,
  made_at_us BIGINT NOT NULL,
  ends_at_us BIGINT NOT NULL,
  sha256 BYTEA
);

CREATE INDEX upload_of_client ON upload (client);

CREATE INDEX upload_by_end ON upload (ends_at_us);

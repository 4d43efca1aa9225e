-- What we signed beside the statements that stand in a dossier's own row: hand-overs, erasures, closings, origins of the
-- log. The number is that of the fact which it states, and of its leaf. A statement about the house itself has the
-- subject ''.
CREATE TABLE statement (
  seq BIGINT PRIMARY KEY,
  type TEXT NOT NULL,
  subject TEXT NOT NULL,
  number TEXT NOT NULL,
  jws TEXT NOT NULL
);

CREATE INDEX statement_of_subject ON statement (subject, seq);

CREATE INDEX statement_of_type ON statement (type, seq);

-- When the key to its content was destroyed.
ALTER TABLE dossier ADD COLUMN erased_at_us BIGINT;

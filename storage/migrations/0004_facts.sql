-- What operators said of the facts that the catalogue calls unconfirmed: each word a row of its own, numbered in commit
-- order, never changed. The last word about a fact counts, from the day valid_from on (NULL: at once).
CREATE TABLE fact_word (
  number BIGINT PRIMARY KEY,
  fact TEXT NOT NULL,
  what TEXT NOT NULL,
  said_by TEXT NOT NULL,
  source TEXT NOT NULL,
  valid_from TEXT,
  at_us BIGINT NOT NULL,
  CONSTRAINT fact_word_what CHECK (what IN ('confirmed', 'withdrawn')),
  CONSTRAINT fact_word_signed CHECK (said_by <> '' AND source <> '')
);

CREATE INDEX fact_word_of ON fact_word (fact, number);

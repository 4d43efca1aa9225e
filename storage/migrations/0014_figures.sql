-- What the figures count: one narrow row a dossier, made afterwards from its row, its course and its results, so that
-- counting a month reads no receipt and no report, and adds nothing to what a submission writes. Nothing here is a truth
-- of its own: emptied, with figure_mark at 0, it is made again. Times are microseconds since 1970 UTC, months are yyyymm
-- in Vietnam's time.
CREATE TABLE figure (
  dossier TEXT PRIMARY KEY,
  unit TEXT NOT NULL,
  procedure TEXT NOT NULL,
  channel BIGINT NOT NULL,
  state TEXT NOT NULL,
  received_at_us BIGINT NOT NULL,
  received_month BIGINT NOT NULL,
  received_office TEXT NOT NULL,
  office TEXT NOT NULL,
  taken_at_us BIGINT,
  taken_month BIGINT,
  ended_at_us BIGINT,
  ended_month BIGINT,
  returned_at_us BIGINT,
  returned_month BIGINT,
  returned_by TEXT NOT NULL,
  due_at_us BIGINT,
  appointed_at_us BIGINT,
  told_at_us BIGINT,
  is_waiting BIGINT NOT NULL,
  supplements BIGINT NOT NULL,
  has_electronic_result BIGINT NOT NULL,
  is_straight BIGINT NOT NULL,
  worked_us BIGINT
);

CREATE INDEX figure_received ON figure (received_at_us);

CREATE INDEX figure_taken ON figure (taken_at_us) WHERE taken_at_us IS NOT NULL;

CREATE INDEX figure_ended ON figure (ended_at_us) WHERE ended_at_us IS NOT NULL;

CREATE INDEX figure_returned ON figure (returned_at_us) WHERE returned_at_us IS NOT NULL;

CREATE INDEX figure_open ON figure (received_at_us) WHERE ended_at_us IS NULL;

-- Why dossiers were refused: one row a reason, and one with the reason '' for the refusal itself.
CREATE TABLE figure_refusal (
  dossier TEXT NOT NULL,
  reason TEXT NOT NULL,
  procedure TEXT NOT NULL,
  received_at_us BIGINT NOT NULL,
  received_month BIGINT NOT NULL,
  PRIMARY KEY (dossier, reason)
);

CREATE INDEX figure_refused ON figure_refusal (received_at_us);

-- Up to which fact the rows above were made.
CREATE TABLE figure_mark (
  one BIGINT PRIMARY KEY,
  seq BIGINT NOT NULL
);

INSERT INTO figure_mark (one, seq) VALUES (1, 0);

-- The public statistics as they were made last, and whose turn it is to make the next.
CREATE TABLE public_statistics (
  one BIGINT PRIMARY KEY,
  hour BIGINT NOT NULL,
  content TEXT NOT NULL,
  claimed_until_us BIGINT NOT NULL
);

INSERT INTO public_statistics (one, hour, content, claimed_until_us) VALUES (1, 0, '', 0);

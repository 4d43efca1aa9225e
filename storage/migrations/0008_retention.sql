-- Who forbade to erase a dossier, since when and why; and who lifted it. Several may hold one dossier, each for reasons
-- of its own. Nothing is ever deleted here.
CREATE TABLE hold (
  id TEXT PRIMARY KEY,
  dossier TEXT NOT NULL REFERENCES dossier (id),
  placed_by TEXT NOT NULL,
  placed_at_us BIGINT NOT NULL,
  why TEXT NOT NULL,
  lifted_by TEXT,
  lifted_at_us BIGINT,
  lifted_why TEXT,
  CONSTRAINT hold_said CHECK (placed_by <> '' AND why <> ''),
  CONSTRAINT hold_lifted CHECK ((lifted_at_us IS NULL) = (lifted_by IS NULL) AND (lifted_at_us IS NULL) = (lifted_why IS NULL))
);

CREATE INDEX hold_of_dossier ON hold (dossier, placed_at_us);

-- Which ended dossiers may be due for erasure.
CREATE INDEX dossier_kept ON dossier (state, seq) WHERE erased_at_us IS NULL;

-- What a dossier's content is; and the second statement about one that had to wait for its judgement.
ALTER TABLE dossier ADD COLUMN media_type TEXT NOT NULL DEFAULT 'application/xml';

ALTER TABLE dossier ADD COLUMN judgement_number TEXT;

ALTER TABLE dossier ADD COLUMN judgement TEXT;

ALTER TABLE dossier ADD COLUMN judged_at_us BIGINT;

-- Bytes that were received (and hold a receipt) are received once, whatever was judged of them later; bytes that were
-- refused at once have no place in the vault, may come again and are judged afresh.
DROP INDEX dossier_content;

DROP INDEX dossier_refused_content;

CREATE UNIQUE INDEX dossier_content ON dossier (sha256) WHERE pack IS NOT NULL;

CREATE INDEX dossier_refused_content ON dossier (sha256, submitter) WHERE pack IS NULL;

-- Received dossiers that wait for revocation data.
CREATE TABLE pending (
  dossier TEXT PRIMARY KEY REFERENCES dossier (id),
  since_us BIGINT NOT NULL,
  next_try_at_us BIGINT NOT NULL,
  attempts BIGINT NOT NULL
);

CREATE INDEX pending_next ON pending (next_try_at_us);

-- What verdicts rest on: certificates, CRLs, OCSP responses, time-stamps (DER), by their SHA-256 in hex.
CREATE TABLE proof (
  sha256 TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  content BYTEA NOT NULL,
  kept_at_us BIGINT NOT NULL
);

-- Revocation data in the order in which it was fetched, shared by all workers.
CREATE TABLE revocation (
  seq BIGINT PRIMARY KEY,
  sha256 TEXT NOT NULL UNIQUE REFERENCES proof (sha256),
  source TEXT NOT NULL,
  -- Of all rows with one subject only the last counts for those who come to know them now.
  subject TEXT NOT NULL,
  fetched_at_us BIGINT NOT NULL
);

CREATE INDEX revocation_subject ON revocation (subject, seq);

-- Where revocation data was got, to be asked again in the background: a CRL's address, or a responder's for one
-- certificate (its SHA-256) that names no CRL. The issuer's name (RFC 4514) tells whether it is needed still.
CREATE TABLE revocation_source (
  url TEXT NOT NULL,
  certificate TEXT NOT NULL,
  issuer TEXT NOT NULL,
  asked_at_us BIGINT NOT NULL,
  used_at_us BIGINT NOT NULL,
  PRIMARY KEY (url, certificate)
);

CREATE INDEX revocation_source_asked ON revocation_source (asked_at_us);

-- Which certificates signed a received dossier, so that a later revocation finds it.
CREATE TABLE dossier_certificate (
  dossier TEXT NOT NULL REFERENCES dossier (id),
  certificate TEXT NOT NULL,
  issuer TEXT NOT NULL,
  serial TEXT NOT NULL,
  received_at_us BIGINT NOT NULL,
  PRIMARY KEY (dossier, certificate)
);

-- Which certificates of an issuer signed: answered from here alone, one step a certificate.
CREATE INDEX dossier_certificate_of_issuer ON dossier_certificate (issuer, certificate, serial);

-- Whether certificates of an issuer are in use still.
CREATE INDEX dossier_certificate_used ON dossier_certificate (issuer, received_at_us);

CREATE INDEX dossier_certificate_seen ON dossier_certificate (certificate, received_at_us);

-- A batch is taken by whatever was received, also when it was refused after it had to wait.
DROP INDEX dossier_batch;

CREATE INDEX dossier_batch ON dossier (unit, procedure, period, batch, seq) WHERE pack IS NOT NULL;

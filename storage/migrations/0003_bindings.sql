-- Whose certificates sign for a unit: any with its tax code ('tax-code'), or only registered ones ('registered'); and
-- whether a branch's dossiers may be signed by its head office (off: unconfirmed that the agency takes them).
ALTER TABLE unit ADD COLUMN signing TEXT NOT NULL DEFAULT 'tax-code';

ALTER TABLE unit ADD COLUMN signed_by_parent BOOLEAN NOT NULL DEFAULT FALSE;

-- The code under which an I-VAN is registered (mã I-VAN).
ALTER TABLE client ADD COLUMN ivan_code TEXT NOT NULL DEFAULT '';

-- Who may submit for a unit, from the first day to the last, both included. '' as the first day: ever since, and then
-- without an end.
CREATE TABLE client_unit_dated (
  client TEXT NOT NULL REFERENCES client (id),
  unit TEXT NOT NULL,
  valid_from TEXT NOT NULL,
  valid_to TEXT,
  reference TEXT NOT NULL,
  registered_by TEXT NOT NULL,
  at_us BIGINT NOT NULL,
  CONSTRAINT client_unit_span PRIMARY KEY (client, unit, valid_from),
  CONSTRAINT client_unit_undated CHECK (valid_from <> '' OR valid_to IS NULL)
);

INSERT INTO client_unit_dated (client, unit, valid_from, valid_to, reference, registered_by, at_us)
  SELECT client, unit, '', NULL, '', '', 0 FROM client_unit;

DROP TABLE client_unit;

ALTER TABLE client_unit_dated RENAME TO client_unit;

-- Certificates that are registered to sign for a unit, and those that were recognised as their renewals. Digests are
-- SHA-256 in hex; days are of the binding, instants not_before and not_after of the certificate itself.
CREATE TABLE certificate_binding (
  unit TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  valid_from TEXT NOT NULL,
  valid_to TEXT,
  serial TEXT NOT NULL,
  issuer TEXT NOT NULL,
  spki_sha256 TEXT NOT NULL,
  subject_sha256 TEXT NOT NULL,
  holder TEXT NOT NULL,
  not_before_us BIGINT NOT NULL,
  not_after_us BIGINT NOT NULL,
  registered_by TEXT NOT NULL,
  at_us BIGINT NOT NULL,
  renews TEXT,
  withdrawn_by TEXT,
  withdrawn_at_us BIGINT,
  CONSTRAINT certificate_binding_span PRIMARY KEY (unit, sha256, valid_from)
);

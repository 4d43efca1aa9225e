-- Paper: announced, posted, handed over, opened, scanned, filed, returned. Times are microseconds since 1970 UTC.

-- What an employer (or, for paper that came unannounced, a clerk) told of paper that is to come. `office` is where it is
-- to be sent; `sha256` is of the request, so that the same one is answered with the same announcement.
CREATE TABLE announcement (
  id TEXT PRIMARY KEY,
  client TEXT NOT NULL,
  role TEXT NOT NULL,
  office TEXT NOT NULL,
  made_at_us BIGINT NOT NULL,
  sha256 BYTEA NOT NULL,
  carrier TEXT NOT NULL,
  return_to TEXT NOT NULL,
  cancelled_at_us BIGINT,
  cancelled_by TEXT
);

CREATE UNIQUE INDEX announcement_content ON announcement (client, sha256) WHERE cancelled_at_us IS NULL;

CREATE INDEX announcement_made ON announcement (made_at_us);

-- One dossier of an announcement. `id` is the one that its dossier will have: it follows from the content, which lies in
-- the vault under its own key until the dossier has come, or will not come any more. `half_of` is the dossier whose paper
-- half it is; `hybrid` 1 when an electronic half belongs to it. `digest` is of everything that the cover sheet stands
-- for, `code` what its QR says. State: announced, filed, cancelled.
CREATE TABLE announced (
  id TEXT PRIMARY KEY,
  announcement TEXT NOT NULL REFERENCES announcement (id),
  number BIGINT NOT NULL,
  unit TEXT NOT NULL,
  tax_code TEXT NOT NULL,
  procedure TEXT NOT NULL,
  period TEXT NOT NULL,
  batch BIGINT,
  half_of TEXT NOT NULL,
  hybrid BIGINT NOT NULL,
  competent_office TEXT NOT NULL,
  sha256 BYTEA NOT NULL,
  size_bytes BIGINT NOT NULL,
  media_type TEXT NOT NULL,
  pack TEXT NOT NULL,
  pack_offset BIGINT NOT NULL,
  pack_length BIGINT NOT NULL,
  wrapped_key BYTEA,
  pieces TEXT NOT NULL,
  printed TEXT NOT NULL,
  digest BYTEA NOT NULL,
  code TEXT NOT NULL,
  state TEXT NOT NULL,
  state_at_us BIGINT NOT NULL
);

CREATE UNIQUE INDEX announced_in_order ON announced (announcement, number);

CREATE INDEX announced_of_unit ON announced (unit, procedure, period);

CREATE INDEX announced_half ON announced (half_of) WHERE half_of <> '';

-- A postal item, by its number. `scheme` is s10 or local, `direction` in or out, `office` the mail room that it goes to
-- or comes from. What its handlings amount to stands beside it: `state`, since when, posted, delivered, last heard of.
-- `questioned` is 1 while a typed number with a wrong check digit waits to be confirmed.
CREATE TABLE item (
  number TEXT PRIMARY KEY,
  scheme TEXT NOT NULL,
  carrier TEXT NOT NULL,
  direction TEXT NOT NULL,
  office TEXT NOT NULL,
  unit TEXT NOT NULL,
  announcement TEXT REFERENCES announcement (id),
  bound_at_us BIGINT NOT NULL,
  bound_by TEXT NOT NULL,
  questioned BIGINT NOT NULL,
  state TEXT NOT NULL,
  state_at_us BIGINT NOT NULL,
  posted_at_us BIGINT,
  delivered_at_us BIGINT,
  heard_at_us BIGINT
);

CREATE INDEX item_of_office ON item (office, state);

CREATE INDEX item_of_announcement ON item (announcement) WHERE announcement IS NOT NULL;

-- The dossiers in an item: announced ones by the id that they will have, and those whose results it brings back.
CREATE TABLE item_dossier (
  item TEXT NOT NULL REFERENCES item (number),
  dossier TEXT NOT NULL,
  PRIMARY KEY (item, dossier)
);

CREATE INDEX item_dossier_of ON item_dossier (dossier);

-- Numbers that a carrier has given out beforehand. State: free, taken, recalled.
CREATE TABLE pool_number (
  number TEXT PRIMARY KEY,
  carrier TEXT NOT NULL,
  state TEXT NOT NULL,
  added_at_us BIGINT NOT NULL,
  taken_for TEXT,
  taken_by TEXT,
  taken_at_us BIGINT,
  recalled_at_us BIGINT
);

CREATE INDEX pool_number_free ON pool_number (carrier, state, added_at_us);

-- An order to a carrier to fetch an item. State: waiting, accepted, refused, cancelled.
CREATE TABLE pickup (
  item TEXT PRIMARY KEY REFERENCES item (number),
  carrier TEXT NOT NULL,
  body TEXT NOT NULL,
  state TEXT NOT NULL,
  answer TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  next_at_us BIGINT,
  made_at_us BIGINT NOT NULL,
  made_by TEXT NOT NULL
);

CREATE INDEX pickup_waiting ON pickup (next_at_us) WHERE state = 'waiting';

-- What a carrier told of an item, each once, never changed: `code` is the EMSEVT code that its word was mapped to, ''
-- while the word is not known. Kept whether or not the item is known yet.
CREATE TABLE handling (
  seq BIGINT PRIMARY KEY,
  item TEXT NOT NULL,
  carrier TEXT NOT NULL,
  code TEXT NOT NULL,
  word TEXT NOT NULL,
  at_us BIGINT NOT NULL,
  office TEXT NOT NULL,
  place TEXT NOT NULL,
  source TEXT NOT NULL,
  heard_at_us BIGINT NOT NULL,
  heard_from TEXT NOT NULL
);

CREATE UNIQUE INDEX handling_once ON handling (item, code, word, at_us, office);

CREATE TABLE carrier_word (
  carrier TEXT NOT NULL,
  word TEXT NOT NULL,
  times BIGINT NOT NULL,
  first_at_us BIGINT NOT NULL,
  last_at_us BIGINT NOT NULL,
  item TEXT NOT NULL,
  PRIMARY KEY (carrier, word)
);

-- What one side handed over to the other (bản kê), with the times at which it was written, however late it came here.
CREATE TABLE manifest (
  id TEXT PRIMARY KEY,
  carrier TEXT NOT NULL,
  office TEXT NOT NULL,
  direction TEXT NOT NULL,
  number TEXT NOT NULL,
  made_at_us BIGINT NOT NULL,
  made_by TEXT NOT NULL,
  entered_at_us BIGINT NOT NULL,
  entered_by TEXT NOT NULL,
  sha256 BYTEA NOT NULL,
  signature TEXT NOT NULL,
  body TEXT NOT NULL,
  received_at_us BIGINT,
  received_by TEXT,
  receipt_entered_at_us BIGINT,
  receipt_signature TEXT,
  receipt_body TEXT
);

CREATE INDEX manifest_of_office ON manifest (office, made_at_us);

-- One item of a manifest, as the giver and the taker saw it: pieces by kind (JSON), condition; NULL: not said yet.
CREATE TABLE manifest_line (
  manifest TEXT NOT NULL REFERENCES manifest (id),
  item TEXT NOT NULL,
  handed TEXT,
  taken TEXT,
  difference TEXT NOT NULL,
  PRIMARY KEY (manifest, item)
);

CREATE INDEX manifest_line_of ON manifest_line (item);

-- An item opened in a mail room, and what was counted in it.
CREATE TABLE opening (
  id TEXT PRIMARY KEY,
  item TEXT NOT NULL UNIQUE REFERENCES item (number),
  office TEXT NOT NULL,
  opened_at_us BIGINT NOT NULL,
  opened_by TEXT NOT NULL,
  officer TEXT NOT NULL,
  arrived_at_us BIGINT NOT NULL,
  counted TEXT NOT NULL,
  condition TEXT NOT NULL
);

CREATE INDEX opening_of_office ON opening (office, opened_at_us);

-- A batch of scanned pages, as it was sent: the bytes lie in the vault under their own key.
CREATE TABLE scan (
  id TEXT PRIMARY KEY,
  opening TEXT NOT NULL REFERENCES opening (id),
  number BIGINT NOT NULL,
  media_type TEXT NOT NULL,
  sha256 BYTEA NOT NULL,
  size_bytes BIGINT NOT NULL,
  pages BIGINT NOT NULL,
  pack TEXT NOT NULL,
  pack_offset BIGINT NOT NULL,
  pack_length BIGINT NOT NULL,
  wrapped_key BYTEA,
  scanned_at_us BIGINT NOT NULL,
  scanned_by TEXT NOT NULL
);

CREATE UNIQUE INDEX scan_once ON scan (opening, sha256);

-- A page of a scan, and the dossier that it belongs to: '' while it waits for a person. State: filed, waiting, set-aside.
CREATE TABLE page (
  scan TEXT NOT NULL REFERENCES scan (id),
  number BIGINT NOT NULL,
  dossier TEXT NOT NULL,
  state TEXT NOT NULL,
  how TEXT NOT NULL,
  why TEXT NOT NULL,
  codes TEXT NOT NULL,
  PRIMARY KEY (scan, number)
);

CREATE INDEX page_of ON page (dossier, scan, number);

CREATE INDEX page_waiting ON page (scan) WHERE state = 'waiting';

-- Every time that a page was bound to a dossier, by whom and why; never changed.
CREATE TABLE page_binding (
  scan TEXT NOT NULL,
  number BIGINT NOT NULL,
  version BIGINT NOT NULL,
  dossier TEXT NOT NULL,
  was TEXT NOT NULL,
  at_us BIGINT NOT NULL,
  bound_by TEXT NOT NULL,
  why TEXT NOT NULL,
  PRIMARY KEY (scan, number, version)
);

-- The halves of a hybrid dossier: which is awaited since when, and what came.
CREATE TABLE half (
  dossier TEXT NOT NULL REFERENCES dossier (id),
  kind TEXT NOT NULL,
  awaited_since_us BIGINT NOT NULL,
  alarm_at_us BIGINT NOT NULL,
  came TEXT,
  came_at_us BIGINT,
  PRIMARY KEY (dossier, kind)
);

CREATE INDEX half_awaited ON half (alarm_at_us) WHERE came IS NULL;

-- Two filings that may be one case. `decision` is '' until a person has decided: same or different.
CREATE TABLE same_case (
  one TEXT NOT NULL REFERENCES dossier (id),
  other TEXT NOT NULL REFERENCES dossier (id),
  found_at_us BIGINT NOT NULL,
  why TEXT NOT NULL,
  decision TEXT NOT NULL,
  decided_by TEXT NOT NULL,
  decided_at_us BIGINT,
  PRIMARY KEY (one, other)
);

CREATE INDEX same_case_other ON same_case (other);

-- An original paper that an office holds for its owner: so many of a kind. State: held, sent, returned.
CREATE TABLE original (
  id TEXT PRIMARY KEY,
  dossier TEXT NOT NULL REFERENCES dossier (id),
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  count BIGINT NOT NULL,
  office TEXT NOT NULL,
  unit TEXT NOT NULL,
  arrived_at_us BIGINT NOT NULL,
  arrived_in TEXT NOT NULL,
  state TEXT NOT NULL,
  state_at_us BIGINT NOT NULL,
  sent_in TEXT
);

CREATE INDEX original_of ON original (dossier);

CREATE INDEX original_kept ON original (office, arrived_at_us) WHERE state <> 'returned';

-- Who had an original from when; never changed.
CREATE TABLE custody (
  original TEXT NOT NULL REFERENCES original (id),
  version BIGINT NOT NULL,
  at_us BIGINT NOT NULL,
  holder TEXT NOT NULL,
  fact TEXT NOT NULL,
  told_by TEXT NOT NULL,
  note TEXT NOT NULL,
  PRIMARY KEY (original, version)
);

-- An item that brings results and originals back, and what is in it. `form_05` is awaited, returned or not-asked.
CREATE TABLE outbound (
  item TEXT PRIMARY KEY REFERENCES item (number),
  contents TEXT NOT NULL,
  address TEXT NOT NULL,
  manifest_number TEXT NOT NULL,
  form_05 TEXT NOT NULL,
  form_05_at_us BIGINT,
  made_at_us BIGINT NOT NULL,
  made_by TEXT NOT NULL,
  confirmed_at_us BIGINT,
  next_item TEXT
);

-- The day's account of paper, as it was counted.
CREATE TABLE post_account (
  day TEXT PRIMARY KEY,
  counted_at_us BIGINT NOT NULL,
  lines TEXT NOT NULL,
  differences BIGINT NOT NULL
);

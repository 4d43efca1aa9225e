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
-- for, `code` what its QR says, `findings` the warnings. State: announced, filed, cancelled.
CREATE TABLE announced (
  id TEXT NOT NULL,
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
  findings TEXT NOT NULL,
  state TEXT NOT NULL,
  state_at_us BIGINT NOT NULL,
  PRIMARY KEY (announcement, number)
);

CREATE INDEX announced_by_id ON announced (id);

-- What was cancelled may be announced again.
CREATE UNIQUE INDEX announced_once ON announced (id) WHERE state <> 'cancelled';

-- What has not come yet, the oldest first.
CREATE INDEX announced_open ON announced (state_at_us) WHERE state = 'announced';

CREATE INDEX announced_of_unit ON announced (unit, procedure, period);

-- A dossier has one paper half at most.
CREATE UNIQUE INDEX announced_half ON announced (half_of) WHERE half_of <> '' AND state <> 'cancelled';

-- A postal item, by its number. `scheme` is s10 or local, `direction` in or out, `office` the mail room that it goes to
-- or comes from. What its handlings amount to stands beside it: `state`, since when, posted, delivered, last heard of.
-- `questioned` is 1 while a typed number with a wrong check digit waits to be confirmed; `watched` 1 while something may
-- still be told of it.
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
  heard_at_us BIGINT,
  watched BIGINT NOT NULL
);

CREATE INDEX item_of_office ON item (office, number);

CREATE INDEX item_of_unit ON item (unit, number);

CREATE INDEX item_watched ON item (number) WHERE watched = 1;

CREATE INDEX item_of_announcement ON item (announcement) WHERE announcement IS NOT NULL;

-- The dossiers in an item: announced ones by the id that they will have, and those whose results it brings back.
CREATE TABLE item_dossier (
  item TEXT NOT NULL REFERENCES item (number),
  dossier TEXT NOT NULL,
  PRIMARY KEY (item, dossier)
);

CREATE INDEX item_dossier_of ON item_dossier (dossier);

-- Every time that an item was bound, or let go, by whom and why; never changed. `dossiers` is JSON.
CREATE TABLE item_binding (
  item TEXT NOT NULL,
  version BIGINT NOT NULL,
  announcement TEXT NOT NULL,
  dossiers TEXT NOT NULL,
  questioned BIGINT NOT NULL,
  at_us BIGINT NOT NULL,
  bound_by TEXT NOT NULL,
  why TEXT NOT NULL,
  PRIMARY KEY (item, version)
);

-- What is announced and has not come: the looks begin here.
CREATE INDEX announced_awaited ON announced (announcement) WHERE state = 'announced';

-- Numbers that a carrier has given out beforehand. State: free, taken, used (posted, so that another may be taken for the
-- same), recalled.
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

CREATE INDEX pool_number_free ON pool_number (carrier, state, added_at_us, number);

-- One code for one dossier or announcement, until it is posted.
CREATE UNIQUE INDEX pool_number_taken ON pool_number (carrier, taken_for) WHERE state = 'taken';

-- An order to a carrier to fetch an item, under the one number by which it knows that it had it before. `body` names
-- persons: it is kept locked, and only until the carrier has answered. State: waiting, accepted, refused.
CREATE TABLE pickup (
  item TEXT PRIMARY KEY REFERENCES item (number),
  carrier TEXT NOT NULL,
  order_number TEXT NOT NULL UNIQUE,
  sha256 BYTEA NOT NULL,
  body BYTEA,
  wrapped_key BYTEA,
  state TEXT NOT NULL,
  state_at_us BIGINT NOT NULL,
  answer TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  next_at_us BIGINT,
  made_at_us BIGINT NOT NULL,
  made_by TEXT NOT NULL
);

CREATE INDEX pickup_waiting ON pickup (next_at_us) WHERE state = 'waiting';

CREATE INDEX pickup_refused ON pickup (item) WHERE state = 'refused';

-- What a carrier told of an item, each once, never changed: `code` is the EMSEVT code that it told, or (`mapped` 1) the
-- one that its word stood for when it was heard, '' while the word is not known. Kept whether or not the item is known.
CREATE TABLE handling (
  seq BIGINT PRIMARY KEY,
  item TEXT NOT NULL,
  carrier TEXT NOT NULL,
  code TEXT NOT NULL,
  word TEXT NOT NULL,
  mapped BIGINT NOT NULL,
  at_us BIGINT NOT NULL,
  office TEXT NOT NULL,
  place TEXT NOT NULL,
  source TEXT NOT NULL,
  heard_at_us BIGINT NOT NULL,
  heard_from TEXT NOT NULL
);

CREATE UNIQUE INDEX handling_once ON handling (item, code, word, mapped, at_us, office);

CREATE INDEX handling_word ON handling (carrier, word, item) WHERE word <> '';

-- What a carrier's word stands for now, '' while nobody knows; how often it was told, and of which item last. When that
-- changes, every item of which the word was told stands anew: `followed` is the last one that does, NULL when all do.
CREATE TABLE carrier_word (
  carrier TEXT NOT NULL,
  word TEXT NOT NULL,
  code TEXT NOT NULL,
  followed TEXT,
  times BIGINT NOT NULL,
  first_at_us BIGINT NOT NULL,
  last_at_us BIGINT NOT NULL,
  item TEXT NOT NULL,
  PRIMARY KEY (carrier, word)
);

-- When a carrier is asked next, whichever worker does it; how often it failed since it last answered, and after which
-- item it is asked on.
CREATE TABLE carrier_poll (
  carrier TEXT PRIMARY KEY,
  next_at_us BIGINT NOT NULL,
  failures BIGINT NOT NULL,
  after_item TEXT NOT NULL
);

-- A list of what one side handed over to the other (bản kê), from when either side told of it: `number` is what stands on
-- the paper, `direction` in (the post to an office) or out. `sides` is how many have spoken (1 or 2), `differences` counts
-- the lines that do not meet once both have; `settlement` is a person's note on them, `settled_seq` the number of its
-- signed statement. What comes after a settlement opens it again: `settled_at_us` is NULL then.
CREATE TABLE manifest (
  id TEXT PRIMARY KEY,
  carrier TEXT NOT NULL,
  office TEXT NOT NULL,
  direction TEXT NOT NULL,
  number TEXT NOT NULL,
  sides BIGINT NOT NULL,
  differences BIGINT NOT NULL,
  settlement TEXT NOT NULL,
  settled_by TEXT NOT NULL,
  settled_at_us BIGINT,
  settled_seq BIGINT
);

CREATE INDEX manifest_of_office ON manifest (office, id);

CREATE INDEX manifest_open ON manifest (id) WHERE settled_at_us IS NULL AND (sides < 2 OR differences > 0);

-- What one side said, with the time at which it was written, however late it came here. `side` is handed or taken, `sha256`
-- of what was said (canonical JSON, without the signature), `seq` the number of the signed statement that we made of it.
CREATE TABLE manifest_side (
  manifest TEXT NOT NULL REFERENCES manifest (id),
  side TEXT NOT NULL,
  made_at_us BIGINT NOT NULL,
  made_by TEXT NOT NULL,
  entered_at_us BIGINT NOT NULL,
  entered_by TEXT NOT NULL,
  sha256 BYTEA NOT NULL,
  signature TEXT NOT NULL,
  body TEXT NOT NULL,
  seq BIGINT NOT NULL,
  PRIMARY KEY (manifest, side)
);

-- One item of a manifest, as the giver and the taker saw it (JSON: pieces by kind, condition); NULL: not said. The
-- difference is '' until both have spoken.
CREATE TABLE manifest_line (
  manifest TEXT NOT NULL REFERENCES manifest (id),
  item TEXT NOT NULL,
  handed TEXT,
  taken TEXT,
  difference TEXT NOT NULL,
  PRIMARY KEY (manifest, item)
);

CREATE INDEX manifest_line_of ON manifest_line (item);

-- An item opened in a mail room, and what was counted in it (JSON). `open` is 1 while something of it waits: a page for a
-- person, a file to be read, a dossier to come, or that anybody tells what it was. `matched` is what its pages were last
-- matched with.
CREATE TABLE opening (
  id TEXT PRIMARY KEY,
  item TEXT NOT NULL UNIQUE REFERENCES item (number),
  office TEXT NOT NULL,
  opened_at_us BIGINT NOT NULL,
  opened_by TEXT NOT NULL,
  officer TEXT NOT NULL,
  arrived_at_us BIGINT NOT NULL,
  counted TEXT NOT NULL,
  condition TEXT NOT NULL,
  open BIGINT NOT NULL,
  matched TEXT NOT NULL
);

CREATE INDEX opening_of_office ON opening (office, opened_at_us);

CREATE INDEX opening_open ON opening (id) WHERE open = 1;

-- Scanned pages, as they were sent: the bytes lie in the vault under their own key. Scans of one `batch` follow one
-- another by `number`. State: kept (not read yet), read, unreadable, and then `why` (JSON).
CREATE TABLE scan (
  id TEXT PRIMARY KEY,
  opening TEXT NOT NULL REFERENCES opening (id),
  number BIGINT NOT NULL,
  batch TEXT NOT NULL,
  media_type TEXT NOT NULL,
  sha256 BYTEA NOT NULL,
  size_bytes BIGINT NOT NULL,
  pages BIGINT NOT NULL,
  state TEXT NOT NULL,
  why TEXT NOT NULL,
  pack TEXT NOT NULL,
  pack_offset BIGINT NOT NULL,
  pack_length BIGINT NOT NULL,
  wrapped_key BYTEA,
  scanned_at_us BIGINT NOT NULL,
  scanned_by TEXT NOT NULL
);

CREATE UNIQUE INDEX scan_once ON scan (opening, sha256);

CREATE UNIQUE INDEX scan_in_order ON scan (opening, number);

CREATE INDEX scan_unread ON scan (scanned_at_us) WHERE state = 'kept';

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

-- Every time that a page was bound to a dossier, by whom and why; never changed, but for `why` when it is erased.
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

CREATE INDEX page_binding_to ON page_binding (dossier);

CREATE INDEX page_binding_from ON page_binding (was) WHERE was <> '';

-- A dossier made of the pages of an opening: who asked for it (gateway: it was complete by itself), what was missing
-- (JSON), and which pages its kept scan has (JSON). State: wanted, filed, rebound (its pages are others by now), refused,
-- and then `why` (JSON).
CREATE TABLE paper_filing (
  dossier TEXT PRIMARY KEY,
  opening TEXT NOT NULL REFERENCES opening (id),
  state TEXT NOT NULL,
  asked_at_us BIGINT NOT NULL,
  asked_by TEXT NOT NULL,
  reason TEXT NOT NULL,
  missing TEXT NOT NULL,
  pages TEXT NOT NULL,
  why TEXT NOT NULL,
  state_at_us BIGINT NOT NULL
);

CREATE INDEX paper_filing_of ON paper_filing (opening);

CREATE INDEX paper_filing_open ON paper_filing (state) WHERE state <> 'filed';

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

-- Two filings that may be one case: `other` may be a dossier that is announced only, and is told of it (`told`) when it
-- comes. `why` is content, rows or batch. `decision` is '' until a person has decided: same or different.
CREATE TABLE same_case (
  one TEXT NOT NULL REFERENCES dossier (id),
  other TEXT NOT NULL,
  found_at_us BIGINT NOT NULL,
  why TEXT NOT NULL,
  told BIGINT NOT NULL,
  decision TEXT NOT NULL,
  reason TEXT NOT NULL,
  decided_by TEXT NOT NULL,
  decided_at_us BIGINT,
  PRIMARY KEY (one, other)
);

CREATE INDEX same_case_other ON same_case (other);

CREATE INDEX same_case_untold ON same_case (other) WHERE told = 0;

-- Paper is the rarer: a pair is looked for from its side.
CREATE INDEX dossier_on_paper ON dossier (unit, procedure, period, seq) WHERE channel = 'post';

-- Up to which fact such pairs were looked for.
CREATE TABLE same_case_mark (
  one BIGINT PRIMARY KEY,
  seq BIGINT NOT NULL
);

INSERT INTO same_case_mark (one, seq) VALUES (1, 0);

-- An original paper that an office holds for its owner: so many of a kind. State: held, sent, returned, lost.
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

CREATE INDEX original_sent ON original (sent_in) WHERE sent_in IS NOT NULL;

CREATE INDEX original_away ON original (sent_in) WHERE state = 'sent';

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

-- An item that brings results and originals back, and what is in it. `form_05` is awaited, returned or not-asked. State:
-- sent, delivered, undelivered, sent-again (in `next_item`), kept (for collection at the office).
CREATE TABLE outbound (
  item TEXT PRIMARY KEY REFERENCES item (number),
  contents TEXT NOT NULL,
  address TEXT NOT NULL,
  manifest_number TEXT NOT NULL,
  form_05 TEXT NOT NULL,
  form_05_at_us BIGINT,
  form_05_note TEXT NOT NULL,
  made_at_us BIGINT NOT NULL,
  made_by TEXT NOT NULL,
  state TEXT NOT NULL,
  state_at_us BIGINT NOT NULL,
  confirmed_at_us BIGINT,
  decided_by TEXT NOT NULL,
  decision_note TEXT NOT NULL,
  next_item TEXT
);

CREATE INDEX outbound_open ON outbound (state, item) WHERE state IN ('sent', 'undelivered');

CREATE INDEX outbound_delivered ON outbound (confirmed_at_us) WHERE state = 'delivered';

-- The day's account of paper, as it was counted.
CREATE TABLE post_account (
  day TEXT PRIMARY KEY,
  counted_at_us BIGINT NOT NULL,
  lines TEXT NOT NULL,
  differences BIGINT NOT NULL
);

-- When the clock of a dossier started, where that was not its receipt: with the half that came later.
ALTER TABLE course ADD COLUMN starts_at_us BIGINT;

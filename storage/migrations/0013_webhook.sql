-- Whom to tell of facts: an address that a client named. upto_seq is the last fact that was looked at for it; whoever
-- sends holds the row as holder until held_until_us, and whoever is no longer the holder writes nothing. It rests until
-- wait_until_us after failures in a row; retry_at_us is the earliest next try of a message that waits.
CREATE TABLE webhook (
  id TEXT PRIMARY KEY,
  client TEXT NOT NULL REFERENCES client (id),
  kind TEXT NOT NULL,
  target TEXT NOT NULL,
  types TEXT NOT NULL,
  units TEXT NOT NULL,
  digest TEXT NOT NULL,
  state TEXT NOT NULL,
  why TEXT NOT NULL,
  made_at_us BIGINT NOT NULL,
  upto_seq BIGINT NOT NULL,
  messages BIGINT NOT NULL,
  tries BIGINT NOT NULL,
  failures BIGINT NOT NULL,
  wait_until_us BIGINT NOT NULL,
  retry_at_us BIGINT,
  holder TEXT NOT NULL,
  held_until_us BIGINT NOT NULL
);

CREATE INDEX webhook_of_client ON webhook (client);

-- The secrets that its messages are signed with, locked; the last one has no end, those before it end at until_us.
CREATE TABLE webhook_secret (
  webhook TEXT NOT NULL REFERENCES webhook (id),
  number BIGINT NOT NULL,
  sha256 BYTEA NOT NULL,
  body BYTEA NOT NULL,
  wrapped_key BYTEA NOT NULL,
  until_us BIGINT,
  PRIMARY KEY (webhook, number)
);

-- What was sent, or waits to be sent again. A message about facts is made from the journal each time it is tried; first_seq
-- and seq say from which. number counts a webhook's messages.
CREATE TABLE webhook_message (
  id TEXT PRIMARY KEY,
  webhook TEXT NOT NULL REFERENCES webhook (id),
  number BIGINT NOT NULL,
  what TEXT NOT NULL,
  type TEXT NOT NULL,
  dossier TEXT NOT NULL,
  first_seq BIGINT NOT NULL,
  seq BIGINT NOT NULL,
  state TEXT NOT NULL,
  attempt BIGINT NOT NULL,
  first_at_us BIGINT NOT NULL,
  tried_at_us BIGINT NOT NULL,
  next_at_us BIGINT,
  said TEXT NOT NULL
);

CREATE UNIQUE INDEX webhook_message_in_order ON webhook_message (webhook, number);

CREATE INDEX webhook_message_waiting ON webhook_message (webhook, next_at_us) WHERE state = 'waiting';

CREATE INDEX webhook_message_dead ON webhook_message (webhook, number) WHERE state = 'dead';

CREATE INDEX webhook_message_ended ON webhook_message (tried_at_us) WHERE state <> 'waiting';

-- Where a supporting paper lies, by the digest of its bytes: so that it can be referred to and need not be sent again.
CREATE INDEX part_paper ON part (sha256) WHERE form = 'CT-DK';

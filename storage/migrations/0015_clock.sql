-- What is due next: open courses by the date that binds the office, until the last warning is given.
CREATE INDEX course_watch ON course (COALESCE(appointed_at_us, due_at_us))
  WHERE ended_at_us IS NULL AND paused_since_us IS NULL;

-- How long finished ones took, the latest first: by office, and in all.
CREATE INDEX course_finished_by ON course (office, finished_at_us) WHERE finished_at_us IS NOT NULL;

CREATE INDEX course_finished ON course (finished_at_us) WHERE finished_at_us IS NOT NULL;

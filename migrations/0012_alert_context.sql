-- Who spent what an alert tells of, and how long the rest lasts (AlertContext as JSON); null in events from before.
ALTER TABLE alert_events ADD COLUMN context TEXT;

-- The names in it may give way to a pseudonym as the others do; so may those of an event that is about somebody else.
DROP TRIGGER alert_events_are_only_pseudonymised;
CREATE TRIGGER alert_events_are_only_pseudonymised BEFORE UPDATE OF developer, subject, standing, context ON alert_events
WHEN NOT EXISTS (
  SELECT 1 FROM pseudonym_mappings m
  WHERE NEW.developer IS iif(OLD.developer = m.developer, m.pseudonym, OLD.developer)
    AND NEW.subject IS iif(OLD.developer = m.developer AND OLD.subject = m.developer, m.pseudonym, OLD.subject)
    AND NEW.standing IS replace(
      OLD.standing,
      '"scope":"developer","subject":' || json_quote(m.developer),
      '"scope":"developer","subject":' || json_quote(m.pseudonym)
    )
    AND NEW.context IS replace(
      OLD.context, '"developer":' || json_quote(m.developer), '"developer":' || json_quote(m.pseudonym)
    )
)
BEGIN SELECT RAISE(ABORT, 'alert events are never changed'); END;

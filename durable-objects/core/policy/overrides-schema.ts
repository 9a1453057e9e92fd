/** What a policy says of single developers in place of what it says of each: a record by developer. */
import { z } from 'zod';

const MAX_OVERRIDES = 2_000;
const MAX_DEVELOPER_LENGTH = 320;

/** The form developers are kept and compared in. */
export function foldDeveloper(developer: string): string {
  return developer.trim().toLowerCase();
}

const developer = z.string().trim().min(1, 'expected a developer').max(MAX_DEVELOPER_LENGTH);

/** A record of `each` by developer, every developer once; it comes out by folded name. */
export function overridesOf<Each extends z.ZodType>(each: Each) {
  return z
    .record(developer, each)
    .superRefine((overrides, context) => {
      const names = Object.keys(overrides);
      if (names.length > MAX_OVERRIDES) {
        context.addIssue({ code: 'custom', message: `expected at most ${MAX_OVERRIDES} overrides` });
      }
      const folded = names.map(foldDeveloper);
      names.forEach((name, index) => {
        if (folded.indexOf(foldDeveloper(name)) === index) return;
        context.addIssue({ code: 'custom', path: [name], message: 'this developer is there twice' });
      });
    })
    .transform((overrides) =>
      Object.fromEntries(Object.entries(overrides).map(([name, value]) => [foldDeveloper(name), value])),
    );
}

/** What every action behind a link in an alert is given, and what it comes to. */
import type { AlertLink } from '../auth/alert-link.ts';
import type { Bindings } from '../bindings.ts';
import type { LinkUse } from '../store/alert-link-uses.ts';
import type { Authorship } from '../store/change.ts';
import type { CostCenter } from '../store/cost-centers.ts';
import type { Database } from '../store/database.ts';
import type { Markup, PageOptions } from './link-page.ts';

export interface Acting {
  link: AlertLink;
  owner: CostCenter;
  database: Database;
  bindings: Bindings;
  /** `link:<event id>`. */
  authorship: Authorship;
  use: LinkUse;
}

/** A page, still without its frame. */
export interface Shown {
  heading: string;
  body: Markup;
  status: PageOptions['status'];
}

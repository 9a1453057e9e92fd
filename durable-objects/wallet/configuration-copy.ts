/**
 * The wallet's copy of what admins configured: pulled from D1, where it is true, and kept with its revision so
 * that turns go on while D1 is away. Policies are taken over only where their signatures hold.
 */
import { z } from 'zod';
import type { PublicKey } from '../ledger/signature.ts';
import { type Configuration, CopyRefused, toConfiguration } from './configuration.ts';
import { signatureProblems, withVerifiedPolicies } from './policy-signature.ts';
import { rolloutProblems, withVerifiedRollouts } from './rollout-signature.ts';

/** What is told of copies; must not throw. */
export interface CopyListener {
  /** In the transaction in which a newer copy takes an older one's place; `before` null: the first one. */
  replaced(before: Configuration | null, after: Configuration, nowMs: number): void;
  /** In a transaction of its own: a copy that cannot be read, so that the one before stays. */
  refused(refused: RefusedCopy, nowMs: number): void;
}

export interface RefusedCopy {
  costCenter: string;
  revision: number;
  /** Null: none, or not to be made out. */
  policyVersion: number | null;
  /** A code; what is wrong in detail is logged, for it may name people. */
  why: string;
}

/** A table of D1 whose changed rows are copied with the document, in one transaction with it. */
export interface CopiedTable {
  /** Selects the rows of a cost center (first parameter) changed after a revision (second). */
  readonly query: string;
  /** Puts rows, as D1 gave them, into the wallet's own table. Throws on rows it cannot read. */
  keep(rows: readonly unknown[]): void;
  /** The table changed: what is in memory is not to be trusted. */
  reload(): void;
}

/** Where a copy is pulled from, and what its policies have to be signed with. */
export interface ConfigurationSource {
  db: D1Database;
  /** Rejects where the deployment's keys cannot be read. */
  signingKeys(): Promise<readonly PublicKey[]>;
}

const pulledSchema = z.object({ revision: z.number().int(), document: z.string() });

export class ConfigurationCopy {
  readonly #storage: DurableObjectStorage;
  readonly #changes: readonly CopiedTable[];
  readonly #listener: CopyListener;
  readonly #tripped: ReadonlySet<string>;
  #current: Configuration | null;
  /** The document `#current` was read from. */
  #document: string | null;

  /** `changes` are the tables copied row by row along with the document; `tripped` is Configuration's. */
  constructor(
    storage: DurableObjectStorage,
    changes: readonly CopiedTable[],
    listener: CopyListener,
    nowMs: number,
    tripped: ReadonlySet<string>,
  ) {
    this.#tripped = tripped;
    this.#storage = storage;
    this.#changes = changes;
    this.#listener = listener;
    const [row] = storage.sql
      .exec<{ revision: number; document: string }>('SELECT revision, document FROM configuration')
      .toArray();
    this.#current = row ? toConfiguration(row.revision, row.document, nowMs, tripped) : null;
    this.#document = row?.document ?? null;
  }

  /** Null before the first pull. */
  current(): Configuration | null {
    return this.#current;
  }

  /**
   * Pulls what changed since the copy's revision. Rejects where D1 is away; resolves to null where D1 has no
   * such cost center. An answer older than the copy changes nothing; one of its age does where a policy was refused,
   * whose key may be listed by now.
   */
  async pull(source: ConfigurationSource, costCenter: string, nowMs: number): Promise<Configuration | null> {
    const known = this.#current?.revision ?? 0;
    const { db } = source;
    const keys = await source.signingKeys();
    const document = db
      .prepare('SELECT revision, document FROM wallet_configurations WHERE cost_center = ?')
      .bind(costCenter);
    const changes = this.#changes.map(({ query }) => db.prepare(query).bind(costCenter, known));
    const [documents, ...changed] = await db.batch<unknown>([document, ...changes]);
    const row = documents?.results[0];
    if (row === undefined) return null;
    const pulled = pulledSchema.parse(row);
    const problems = await signatureProblems(pulled.document, costCenter, keys);
    const ofRollouts = await rolloutProblems(pulled.document, costCenter, keys);
    const before = this.#current;
    const isSettled = before?.refusedPolicies.length === 0;
    if (before && (pulled.revision < before.revision || (pulled.revision === before.revision && isSettled))) {
      return before;
    }
    const verified = withVerifiedPolicies(pulled.document, problems, this.#document, nowMs);
    const text = withVerifiedRollouts(verified, ofRollouts, this.#document);
    // What stays refused is pulled again and again: the audit chain hears of what changes.
    if (before && pulled.revision === before.revision && text === this.#document) return before;
    const configuration = this.#read(costCenter, { revision: pulled.revision, document: text }, nowMs);
    this.#storage.transactionSync(() => {
      const { revision } = configuration;
      this.#storage.sql.exec('INSERT OR REPLACE INTO configuration VALUES (1, ?, ?)', revision, text);
      for (const [index, table] of this.#changes.entries()) table.keep(changed[index]?.results ?? []);
      this.#listener.replaced(before, configuration, nowMs);
    });
    this.#current = configuration;
    this.#document = text;
    for (const table of this.#changes) table.reload();
    return configuration;
  }

  #read(
    costCenter: string,
    { revision, document }: z.output<typeof pulledSchema>,
    nowMs: number,
  ): Configuration {
    try {
      return toConfiguration(revision, document, nowMs, this.#tripped);
    } catch (error) {
      const why = error instanceof CopyRefused ? error.code : 'unreadable';
      const refused = { costCenter, revision, policyVersion: versionIn(document), why };
      this.#storage.transactionSync(() => this.#listener.refused(refused, nowMs));
      throw error;
    }
  }
}

/** The policy version that a document names, whatever else is wrong with it. */
function versionIn(document: string): number | null {
  const version = z.object({ policy_version: z.number().int() });
  try {
    return version.parse(JSON.parse(document)).policy_version;
  } catch {
    return null;
  }
}

/**
 * Exports for an offline verifier: NDJSON in canonical form (RFC 8785), so that each byte of a line is determined by what
 * it says. Every line carries its number, its own hash and the one before; the last one is the manifest, signed.
 */
import type { SigningKeyText } from '../core/signing-keys.ts';
import { type ChainHead, digestOf, GENESIS } from './audit-link.ts';
import { canonicalText, type PublicKey, publicKeysOf, type Signature, signDocument } from './signature.ts';

export const MANIFEST = 'bursar.audit_export';

/** What a file holds: events of D1's chain, or every policy version of a cost center. */
export type AuditFileKind = 'audit' | 'policies';

export interface RecordLine {
  /** From 1. */
  line: number;
  previous: string;
  record: unknown;
  hash: string;
}

export interface Manifest {
  type: typeof MANIFEST;
  kind: AuditFileKind;
  /** What was asked for. */
  asked: Record<string, string | null>;
  records: number;
  /** The hash of the line before. */
  last_line: string;
  /** Of D1's chain, the last event in the file; null in a file of policies and in an empty one. */
  head: ChainHead | null;
  made_at: string;
  /** Those that signatures in the file may be by. Trust them only where they came another way too. */
  public_keys: PublicKey[];
}

export interface ManifestLine {
  line: number;
  previous: string;
  manifest: Manifest;
  signature: Signature;
  hash: string;
}

/** The hash of a line: of all it says but the hash. */
export function hashOfLine(line: Record<string, unknown>): string {
  const { hash: _, ...rest } = line;
  return digestOf(rest);
}

/** Makes the lines of one file, in order. */
export class AuditFileWriter {
  #line = 0;
  #previous = GENESIS;

  /** A record's line, with its end. */
  record(record: unknown): string {
    return this.#next({ record });
  }

  /** The last line. */
  async manifest(
    kind: AuditFileKind,
    asked: Manifest['asked'],
    { head, madeAt }: { head: ChainHead | null; madeAt: string },
    keys: readonly SigningKeyText[],
  ): Promise<string> {
    const manifest: Manifest = {
      type: MANIFEST,
      kind,
      asked,
      records: this.#line,
      last_line: this.#previous,
      head,
      made_at: madeAt,
      public_keys: await publicKeysOf(keys),
    };
    return this.#next({ manifest, signature: await signDocument(manifest, keys) });
  }

  #next(content: Record<string, unknown>): string {
    this.#line += 1;
    const line = { line: this.#line, previous: this.#previous, ...content };
    this.#previous = digestOf(line);
    return `${canonicalText({ ...line, hash: this.#previous })}\n`;
  }
}

/**
 * The offline verifier: what is wrong with an exported file, line by line. It trusts nothing but the keys it is given:
 * every hash is computed anew, and every byte of a line is determined by what the line says.
 */
import {
  type ChainedEvent,
  checkAnchor,
  checkRewriting,
  problemsOfEvent,
  type Rewriting,
} from './audit-check.ts';
import { hashOfLine } from './audit-file.ts';
import { eventSchema, type Line, lineSchema, type StoredVersion, versionSchema } from './audit-file-lines.ts';
import { type ChainHead, GENESIS } from './audit-link.ts';
import type { Rewritten } from './audit-rewriting.ts';
import { canonicalText, isSignedBy, type PublicKey, type Signature } from './signature.ts';

export interface FileProblem {
  /** From 1, as they stand in the file; null: of the file as a whole. */
  line: number | null;
  /** Of the event or policy version in the line; null where there is none to be made out. */
  sequence: number | null;
  what: string;
}

export interface FileReport {
  problems: FileProblem[];
  kind: string | null;
  records: number;
  head: ChainHead | null;
  anchors: number;
  signedVersions: number;
  /** Pseudonyms put in by events that are not in the file, so that only the manifest speaks for them. */
  rewrittenElsewhere: number;
}

const NEWLINE = 10;

/** The lines of a file as bytes; `isEnded` false: the last one has no end. */
function* linesOf(bytes: Uint8Array): Generator<{ bytes: Uint8Array; isEnded: boolean }> {
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(NEWLINE, start);
    yield { bytes: bytes.subarray(start, end < 0 ? bytes.length : end), isEnded: end >= 0 };
    start = end < 0 ? bytes.length : end + 1;
  }
}

/** Recomputes a file. `keys` null: signatures are not checked. Never throws on what is in the file. */
export async function checkAuditFile(
  bytes: Uint8Array,
  keys: readonly PublicKey[] | null,
): Promise<FileReport> {
  const check = new FileCheck(keys);
  for (const { bytes: text, isEnded } of linesOf(bytes)) {
    await check.take(text);
    if (!isEnded) check.found('the line has no end: the file is cut off or was changed');
  }
  check.end();
  return check.report;
}

class FileCheck {
  readonly report: FileReport = {
    problems: [],
    kind: null,
    records: 0,
    head: null,
    anchors: 0,
    signedVersions: 0,
    rewrittenElsewhere: 0,
  };
  readonly #keys: readonly PublicKey[] | null;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #line = 0;
  #sequence: number | null = null;
  /** The hash that the line before gives, and the one that it has. */
  #previous: readonly string[] = [GENESIS];
  #event: ChainHead | null = null;
  /** The version before, numbered from 1 without gaps, and whose it is. */
  #version = 0;
  #costCenter: string | null = null;
  #manifestAt: number | null = null;
  /** Rewritings that events say were done to them, by who did it, until that one comes. */
  readonly #awaited = new Map<number, Map<number, Rewriting & { line: number }>>();

  constructor(keys: readonly PublicKey[] | null) {
    this.#keys = keys;
  }

  found(what: string, line: number | null = this.#line, sequence = this.#sequence): void {
    this.report.problems.push({ line, sequence, what });
  }

  async take(bytes: Uint8Array): Promise<void> {
    this.#line += 1;
    this.#sequence = null;
    if (this.#manifestAt !== null) this.found('there is a line after the manifest');
    const line = this.#read(bytes);
    if (!line) return;
    const computed = hashOfLine(line);
    if (line.record) this.#sequence = numberIn(line.record);
    if (line.line !== this.#line) this.found(`line: expected ${this.#line}, found ${line.line}`);
    if (!this.#previous.includes(line.previous))
      this.found('previous: it is not the hash of the line before');
    if (line.hash !== computed) this.found('hash: it does not fit what the line says');
    if (line.manifest) await this.#manifest(line, line.manifest);
    else if (line.record) await this.#record(line.record);
    else this.found('the line is neither a record nor a manifest');
    this.#previous = [line.hash, computed];
  }

  end(): void {
    this.#sequence = null;
    if (this.#manifestAt === null) this.found('the file ends without its manifest: it is cut off', null);
    for (const [by, rewritings] of this.#awaited) {
      if (by > (this.report.head?.sequence ?? 0)) this.report.rewrittenElsewhere += rewritings.size;
      else
        for (const [sequence, { line }] of rewritings)
          this.found(`event ${by} rewrote nothing`, line, sequence);
    }
  }

  #read(bytes: Uint8Array): Line | null {
    let value: unknown;
    let text: string;
    try {
      text = this.#decoder.decode(bytes);
    } catch {
      return this.#unreadable('it is not UTF-8');
    }
    try {
      value = JSON.parse(text);
      if (canonicalText(value) !== text) this.found('it is not in canonical form');
    } catch {
      return this.#unreadable('it is no JSON');
    }
    const line = lineSchema.safeParse(value);
    if (line.success) return line.data;
    const [issue] = line.error.issues;
    return this.#unreadable(`${issue?.path.join('.') || 'the line'}: ${issue?.message ?? 'not as expected'}`);
  }

  /** What comes behind is held against nothing that this line would have said. */
  #unreadable(what: string): null {
    this.found(what);
    this.#previous = [];
    this.#event = null;
    return null;
  }

  async #manifest(line: Line, manifest: NonNullable<Line['manifest']>): Promise<void> {
    this.#manifestAt = this.#line;
    this.report.kind = manifest.kind;
    if (manifest.records !== this.#line - 1) {
      this.found(`manifest.records: ${manifest.records}, and the file has ${this.#line - 1}`);
    }
    if (manifest.last_line !== line.previous)
      this.found('manifest.last_line: not the hash of the line before');
    const { head } = this.report;
    if (manifest.head?.hash !== head?.hash || manifest.head?.sequence !== head?.sequence) {
      this.found('manifest.head: not the last event of the file');
    }
    if (!line.signature) this.found('signature: the manifest has none');
    else await this.#checkSignature('signature', manifest, line.signature);
  }

  async #checkSignature(where: string, value: unknown, by: Signature): Promise<void> {
    if (!this.#keys) return;
    if (!this.#keys.some(({ generation }) => generation === by.key)) {
      this.found(`${where}: by key ${by.key}, which was not given`);
    } else if (!(await isSignedBy(value, by, this.#keys))) {
      this.found(`${where}: not of this value by key ${by.key}`);
    }
  }

  async #record(record: Record<string, unknown>): Promise<void> {
    this.report.records += 1;
    if ('salt' in record) {
      const event = eventSchema.safeParse(record);
      if (event.success) await this.#checkEvent(event.data);
      else this.found('the record is no event of the audit log');
      return;
    }
    const version = versionSchema.safeParse(record);
    if (version.success) await this.#checkVersion(version.data);
    else this.found('the record is neither an event nor a policy version');
  }

  async #checkEvent(event: ChainedEvent): Promise<void> {
    // A file may begin anywhere, but then goes on without a gap.
    const previous = this.#event ?? { sequence: event.sequence - 1, hash: event.previous_hash };
    if (event.sequence === 1 && event.previous_hash !== GENESIS)
      this.found('the first event follows another one');
    for (const what of problemsOfEvent(event, previous)) this.found(what);
    const { anchor, problems } = await checkAnchor(event, previous, this.#keys);
    for (const what of problems) this.found(what);
    if (anchor) this.report.anchors += 1;
    for (const each of event.rewritten) {
      const awaited = this.#awaited.get(each.by) ?? new Map<number, Rewriting & { line: number }>();
      this.#awaited.set(each.by, awaited.set(event.sequence, { ...each, line: this.#line }));
    }
    const rewriting = await checkRewriting(event, this.#keys);
    for (const what of rewriting.problems) this.found(what);
    if (rewriting.rewritten) this.#holdAgainst(event.sequence, rewriting.rewritten);
    this.#event = { sequence: event.sequence, hash: event.hash };
    this.report.head = this.#event;
  }

  /** Events are rewritten as the event `by` lists, and in no other way. */
  #holdAgainst(by: number, listed: readonly Rewritten[]): void {
    const awaited = this.#awaited.get(by) ?? new Map<number, Rewriting & { line: number }>();
    this.#awaited.delete(by);
    for (const { sequence, old_digest, new_digest } of listed) {
      const told = awaited.get(sequence);
      awaited.delete(sequence);
      if (told && (told.old_digest !== old_digest || told.new_digest !== new_digest)) {
        this.found(`rewritten otherwise than event ${by} lists`, told.line, sequence);
      }
    }
    for (const [sequence, { line }] of awaited)
      this.found(`event ${by} does not list it as rewritten`, line, sequence);
  }

  async #checkVersion(row: StoredVersion): Promise<void> {
    const { cost_center, version, document, signed } = row;
    if (version !== this.#version + 1) {
      this.found(
        `version ${version} comes after version ${this.#version}: expected version ${this.#version + 1}`,
      );
    }
    if (this.#costCenter !== null && cost_center !== this.#costCenter) {
      this.found(`it is of ${cost_center}, and the ones before of ${this.#costCenter}`);
    }
    this.#version = version;
    this.#costCenter = cost_center;
    if (!signed) return;
    const { payload } = signed;
    this.report.signedVersions += 1;
    if (payload.cost_center !== cost_center || payload.version !== version) {
      this.found('signed: it is of another cost center or version');
    }
    if (canonicalText(payload.policy ?? null) !== canonicalText(document ?? null)) {
      this.found('signed: it is of another document');
    }
    await this.#checkSignature('signed', payload, signed.signature);
  }
}

function numberIn(record: Record<string, unknown>): number | null {
  const number = record.sequence ?? record.version;
  return typeof number === 'number' ? number : null;
}

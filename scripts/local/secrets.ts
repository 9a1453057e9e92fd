/**
 * The secrets of the local gateway, made at the first start and kept beside its state, readable by their owner
 * only: the admin token, the secrets that virtual keys and policies are
 * signed with, and which key is the demo's. No key's
 * text is kept; it is derived again from the secret.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { err, ok, type Result } from '../../durable-objects/core/result.ts';

const schema = z.object({
  /** Null until a start that is given none needs one. */
  adminToken: z.string().min(16).nullable(),
  /** Signs the virtual keys of this state. */
  keySecret: z.object({ generation: z.number().int().positive(), secret: z.string().min(32) }),
  /** Signs policy versions; null in a state from before there were signatures, until the next start. */
  signingKey: z.string().nullable().default(null),
  demoKeyId: z.string().nullable(),
});

type KeptSecrets = z.infer<typeof schema>;

export type LocalSecrets = KeptSecrets & { signingKey: string };

/** The file that holds them in a state folder. */
export function secretsFile(stateDir: string): string {
  return join(stateDir, 'bursar-local.json');
}

/** Reads the secrets, or makes and keeps them. A damaged file is an error, never replaced. */
export async function openSecrets(stateDir: string): Promise<Result<LocalSecrets, string>> {
  const file = secretsFile(stateDir);
  const content = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (content === null) {
    const keySecret = { generation: 1, secret: makeSecret() };
    const secrets = { adminToken: null, keySecret, signingKey: makeSecret(), demoKeyId: null };
    await saveSecrets(stateDir, secrets);
    return ok(secrets);
  }
  const parsed = schema.safeParse(parseJson(content));
  if (parsed.success) return ok(await withSigningKey(stateDir, parsed.data));
  return err(
    `${file} is damaged. Without it the keys made so far cannot be checked: restore it, or delete the folder ${stateDir} to begin anew.`,
  );
}

/** A state from before there were signatures gets its key once. */
async function withSigningKey(stateDir: string, secrets: KeptSecrets): Promise<LocalSecrets> {
  const { signingKey } = secrets;
  if (signingKey !== null) return { ...secrets, signingKey };
  const completed = { ...secrets, signingKey: makeSecret() };
  await saveSecrets(stateDir, completed);
  return completed;
}

/** 256 random bits, as text that needs no quoting in a shell. */
export function makeSecret(): string {
  return Buffer.from(randomBytes(32)).toString('base64url');
}

/** Writes them whole or not at all. */
export async function saveSecrets(stateDir: string, secrets: LocalSecrets): Promise<void> {
  const file = secretsFile(stateDir);
  await mkdir(stateDir, { recursive: true });
  await writeFile(`${file}.new`, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

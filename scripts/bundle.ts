/** The Worker's bundle: made by wrangler as it would be uploaded, and what is in it. */
import { readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { Result } from '../durable-objects/core/result.ts';
import { runWrangler } from './wrangler.ts';

const ENTRY = 'index.js';

/** Wrangler's default rules and wrangler.toml's own; what else lies in a bundle is for people. */
const TYPES: Record<string, ModuleType> = {
  '.js': 'ESModule',
  '.txt': 'Text',
  '.html': 'Text',
  '.sql': 'Text',
  '.sh': 'Text',
  '.bin': 'Data',
  '.wasm': 'CompiledWasm',
};

export type ModuleType = 'ESModule' | 'Text' | 'Data' | 'CompiledWasm';

export interface BundleModule {
  name: string;
  type: ModuleType;
  path: string;
}

/** Bundles the Worker into `outdir`, as `wrangler deploy` would upload it. Needs no account and no network. */
export function buildWorker(outdir: string): Promise<Result<string, string>> {
  return runWrangler(['deploy', '--dry-run', '--outdir', outdir], { output: 'capture' });
}

/** The modules in a built `outdir`, the entry first. */
export function listModules(outdir: string): BundleModule[] {
  return readdirSync(outdir)
    .sort((a, b) => Number(b === ENTRY) - Number(a === ENTRY))
    .flatMap((name) => {
      const type = TYPES[extname(name)];
      return type === undefined ? [] : [{ name, type, path: join(outdir, name) }];
    });
}

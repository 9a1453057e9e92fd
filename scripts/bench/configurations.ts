/**
 * Cap'n proto configurations of the three workerds. Modules stand beside the configuration file, which is
 * where workerd looks for what `embed` names; Durable Objects are kept in the folder `storage` there.
 */

import type { BundleModule, ModuleType } from '../bundle.ts';

/** wrangler.toml's date and flags: the same runtime that is deployed. */
export interface Compatibility {
  date: string;
  flags: readonly string[];
}

const HEADER = 'using Workerd = import "/workerd/workerd.capnp";\n';
const STORAGE = '(name = "storage", disk = (path = "storage", writable = true))';
// Workers may not call loopback addresses unless it is allowed.
const INTERNET = '(name = "internet", network = (allow = ["public", "private"]))';

export function bareConfiguration(upstream: string, compatibility: Compatibility): string {
  return `${HEADER}
const config :Workerd.Config = (
  services = [${INTERNET}, (name = "main", worker = .worker)],
  sockets = [(name = "http", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [(name = "index.js", esModule = embed "index.js")],
  ${compatibilityOf(compatibility)},
  bindings = [(name = "UPSTREAM", text = ${JSON.stringify(upstream)})],
);
`;
}

export function d1Configuration(compatibility: Compatibility): string {
  return `${HEADER}
const config :Workerd.Config = (
  services = [${STORAGE}, (name = "main", worker = .worker)],
  sockets = [(name = "http", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [(name = "index.js", esModule = embed "index.js")],
  ${compatibilityOf(compatibility)},
  durableObjectNamespaces = [(className = "Database", uniqueKey = "bench-database", enableSql = true)],
  durableObjectStorage = (localDisk = "storage"),
  bindings = [(name = "DATABASE", durableObjectNamespace = "Database")],
);
`;
}

export interface BursarConfiguration {
  compatibility: Compatibility;
  /** What V8's heap may grow to, in MiB; null: as V8 likes, which is as much as the machine has before it collects. */
  heapMiB: number | null;
  /** Host and port of the workerd that plays D1. */
  d1Address: string;
  /** Durable Object bindings: name → class. */
  durableObjects: ReadonlyMap<string, string>;
  /** Vars and secrets. */
  bindings: Record<string, string>;
  modules: readonly BundleModule[];
}

export function bursarConfiguration(options: BursarConfiguration): string {
  const classes = [...options.durableObjects].map(
    ([, className]) => `(className = "${className}", uniqueKey = "bench-${className}", enableSql = true)`,
  );
  const bindings = [
    `(name = "DB", wrapped = (moduleName = "cloudflare-internal:d1-api", innerBindings = [(name = "fetcher", service = "d1")]))`,
    ...[...options.durableObjects].map(
      ([name, className]) => `(name = "${name}", durableObjectNamespace = "${className}")`,
    ),
    ...Object.entries(options.bindings).map(
      ([name, value]) => `(name = "${name}", text = ${JSON.stringify(value)})`,
    ),
  ];
  const v8Flags = options.heapMiB === null ? '' : `"--max-heap-size=${options.heapMiB}"`;
  return `${HEADER}
const config :Workerd.Config = (
  v8Flags = [${v8Flags}],
  services = [
    ${INTERNET},
    ${STORAGE},
    (name = "d1", external = (address = "${options.d1Address}", http = ())),
    (name = "main", worker = .worker),
  ],
  sockets = [(name = "http", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [${options.modules.map(moduleOf).join(', ')}],
  ${compatibilityOf(options.compatibility)},
  durableObjectNamespaces = [${classes.join(', ')}],
  durableObjectStorage = (localDisk = "storage"),
  bindings = [
    ${bindings.join(',\n    ')},
  ],
);
`;
}

function compatibilityOf({ date, flags }: Compatibility): string {
  return `compatibilityDate = "${date}", compatibilityFlags = [${flags.map((flag) => JSON.stringify(flag)).join(', ')}]`;
}

const MODULE_FIELDS = {
  ESModule: 'esModule',
  Text: 'text',
  Data: 'data',
  CompiledWasm: 'wasm',
} satisfies Record<ModuleType, string>;

function moduleOf({ name, type }: BundleModule): string {
  return `(name = "${name}", ${MODULE_FIELDS[type]} = embed "${name}")`;
}

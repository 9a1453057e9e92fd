/** What the scripts need to know of wrangler.toml, read by wrangler and checked here. */
import { unstable_readConfig } from 'wrangler';
import { z } from 'zod';
import { projectPath } from './project.ts';

const schema = z.object({
  name: z.string(),
  compatibility_date: z.string(),
  compatibility_flags: z.array(z.string()),
  vars: z.record(z.string(), z.unknown()),
  d1_databases: z.array(
    z.object({ binding: z.string(), database_name: z.string(), database_id: z.string().optional() }),
  ),
  durable_objects: z.object({ bindings: z.array(z.object({ name: z.string(), class_name: z.string() })) }),
});

export type WranglerConfig = z.infer<typeof schema>;

/** Throws where wrangler.toml is not what the project needs. */
export function readWranglerConfig(): WranglerConfig {
  return schema.parse(unstable_readConfig({ config: projectPath('wrangler.toml') }, { hideWarnings: true }));
}

import { ok, type Result } from '../../durable-objects/core/result.ts';
export async function playTraffic(_: {
  url: URL;
  turns: number;
  evenIfPaid: boolean;
  seed: number;
  adminToken: string;
}): Promise<Result<string, string>> {
  return ok('');
}

/** A client of the exports, as quick or as slow as it is told, and what the Worker's memory does meanwhile. */
import { once } from 'node:events';
import { get } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { WorkerdProcess } from './workerd.ts';

const SAMPLE_MS = 50;

export interface ReadOptions {
  /** Of `url` below the admin API's own address. */
  adminToken: string;
  /** Null: as fast as it comes. */
  bytesPerSecond: number | null;
  /** Leaves after this long; null: reads to the end. */
  untilMs: number | null;
}

/** The Worker's resident bytes so long after the request. */
export interface Sample {
  ms: number;
  resident: number;
}

export interface Reading {
  bytes: number;
  seconds: number;
  /** Of the Worker before the request. */
  before: number;
  samples: Sample[];
  /** The body, where it is small: a manifest. */
  text: string;
}

const KEPT_BYTES = 1_000_000;

/** Throws where the answer is no 200, or breaks off. */
export async function readExport(
  worker: WorkerdProcess,
  path: string,
  options: ReadOptions,
): Promise<Reading> {
  const reading: Reading = { bytes: 0, seconds: 0, before: worker.residentBytes(), samples: [], text: '' };
  const began = performance.now();
  const sample = () =>
    reading.samples.push({ ms: performance.now() - began, resident: worker.residentBytes() });
  const sampling = setInterval(sample, SAMPLE_MS);
  const request = get(`${worker.url}/admin/v1${path}`, {
    headers: { authorization: `Bearer ${options.adminToken}` },
  });
  try {
    const [response] = await once(request, 'response');
    if (response.statusCode !== 200) throw new Error(`${path} was answered with ${response.statusCode}`);
    for await (const chunk of response) {
      reading.bytes += chunk.length;
      if (reading.bytes <= KEPT_BYTES) reading.text += chunk;
      const elapsedMs = performance.now() - began;
      if (options.untilMs !== null && elapsedMs > options.untilMs) break;
      const aheadMs = options.bytesPerSecond
        ? (reading.bytes * 1_000) / options.bytesPerSecond - elapsedMs
        : 0;
      if (aheadMs > 1) await pause(aheadMs);
    }
    sample();
  } finally {
    clearInterval(sampling);
    request.destroy();
  }
  reading.seconds = (performance.now() - began) / 1_000;
  return reading;
}

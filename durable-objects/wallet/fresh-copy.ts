/**
 * When the wallet's copy of the configuration is pulled: where there is none, where it may lack what was asked for,
 * where a change asks for it, and every few minutes.
 */
import { readSigningKeys } from '../core/signing-keys.ts';
import { withinTime } from '../ledger/deadline.ts';
import { type PublicKey, publicKeysOf } from '../ledger/signature.ts';
import { type Configuration, lacksVerifiedPolicy } from './configuration.ts';
import type { WalletState } from './state.ts';

/** What the copy lacks, a key or a policy that can be verified, is looked for in D1 at most this often. */
const PULL_AGAIN_MS = 5_000;
/** D1 that has not answered by then is away; leases and turns must not wait for it. */
const PULL_TIMEOUT_MS = 5_000;
/** The copy is compared with D1 at least this often while turns run. */
const REFRESH_EVERY_MS = 300_000;

/** As much of the deployment as pulling needs. */
export interface CopyEnv {
  DB: D1Database;
  /** What policies are signed with, as core/signing-keys reads it. */
  SIGNING_KEYS?: string;
}

export class FreshCopy {
  readonly #state: WalletState;
  readonly #env: CopyEnv;
  /** A new copy can bring something to tell, also where nobody waits for it any more. */
  readonly #onPulled: () => void;
  #signingKeys: Promise<readonly PublicKey[]> | null = null;
  #pulledMs = 0;

  constructor(state: WalletState, env: CopyEnv, onPulled: () => void) {
    this.#state = state;
    this.#env = env;
    this.#onPulled = onPulled;
  }

  /** The copy that turns may be decided by; null before the first pull, and where it binds by no verified policy. */
  usable(): Configuration | null {
    const copy = this.#state.configuration.current();
    return copy && lacksVerifiedPolicy(copy, this.#state.clock.now()) ? null : copy;
  }

  /** The copy; pulled first where there is none that can be used. Null where there is none to be had. */
  async of(costCenter: string): Promise<Configuration | null> {
    const known = this.usable();
    const isAsked = this.#state.configuration.current() && Date.now() - this.#pulledMs < PULL_AGAIN_MS;
    if (known || isAsked) return known;
    try {
      await this.#pull(costCenter);
    } catch (error) {
      console.error({ message: 'the configuration cannot be pulled', costCenter, error: String(error) });
    }
    return this.usable();
  }

  /**
   * The copy, pulled anew where it does not know a key that the edge found genuine: it may be that young. While
   * D1 is away the copy answers.
   */
  async withKey(costCenter: string, keyId: string): Promise<Configuration | null> {
    const known = await this.of(costCenter);
    if (!known || this.#state.keys.find(keyId)) return known;
    if (Date.now() - this.#pulledMs < PULL_AGAIN_MS) return known;
    try {
      await this.#pull(costCenter);
    } catch {
      return known;
    }
    return this.usable();
  }

  /** The revision that the copy has, once it was pulled where that is below `revision`. Rejects where D1 is away. */
  async atLeast(costCenter: string, revision: number): Promise<number> {
    const known = this.#state.configuration.current();
    const isSettled = known?.refusedPolicies.length === 0;
    if (known && isSettled && known.revision >= revision) return known.revision;
    return (await this.#pull(costCenter))?.revision ?? 0;
  }

  /** Pulls where that was not done for a while. Rejects where D1 is away. */
  async keep(): Promise<void> {
    const known = this.#state.configuration.current();
    if (known && Date.now() - this.#pulledMs >= REFRESH_EVERY_MS) await this.#pull(known.costCenter);
  }

  async #pull(costCenter: string): Promise<Configuration | null> {
    this.#pulledMs = Date.now();
    const source = { db: this.#env.DB, signingKeys: () => this.#verifyingKeys() };
    const pull = this.#state.configuration.pull(source, costCenter, this.#state.clock.now());
    return await withinTime(
      pull.finally(() => this.#onPulled()),
      PULL_TIMEOUT_MS,
    );
  }

  async #verifyingKeys(): Promise<readonly PublicKey[]> {
    if (this.#signingKeys === null) {
      const read = readSigningKeys(this.#env.SIGNING_KEYS);
      if (!read.ok) throw new Error(read.error);
      this.#signingKeys = publicKeysOf(read.value);
    }
    return await this.#signingKeys;
  }
}

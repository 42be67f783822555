import { hash } from 'node:crypto';
import type { UserName } from '../entitlements/users.ts';
import type { Operator, ProjectScope } from '../auth/project-access.ts';
import type { JsonObject } from './json-object.ts';

/** A change of usage that an app requests. */
export type Deed = ConsumeDeed | HoldDeed | SettleDeed | ReverseDeed;

export interface ConsumeDeed {
  kind: 'consume';
  user: UserName;
  featureCode: string;
  amount: number;
  /** Whether to take what is left if that is less. */
  partial: boolean;
  metadata: JsonObject | null;
}

export interface HoldDeed {
  kind: 'hold';
  user: UserName;
  featureCode: string;
  amount: number;
  expiresInSeconds: number;
}

/** Ends a hold. An amount of 0 releases it. */
export interface SettleDeed {
  kind: 'settle';
  holdId: string;
  amount: number;
}

export interface ReverseDeed {
  kind: 'reverse';
  entryId: string;
  reason: string;
}

/** A deed with its idempotency key. */
export interface UsageRequest {
  /** The project of the caller's key; null for the platform key on a path with an id. */
  projectId: string | null;
  /** Null for a release, which can be repeated without a key. */
  key: string | null;
  deed: Deed;
  /** The operator whose reversal the audit log records; absent for an app, whose deeds are in the ledger. */
  operator?: Operator<ProjectScope> | undefined;
}

/** Returns the hash by which a repeated key is recognized as the same request. */
export function hashDeed(deed: Deed): Buffer {
  return hash('sha256', JSON.stringify(deed), 'buffer');
}
